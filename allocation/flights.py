"""Questions under way: what several people ask at the same time is asked once."""

from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")


class Flights(Generic[Key, Answer]):
    """Joins whoever asks for a key to the question about it that is already under way."""

    def __init__(self) -> None:
        self._under_way: dict[Key, Future[Answer]] = {}
        self._lock = Lock()

    def ask(
        self, keys: Iterable[Key], fetch: Callable[[tuple[Key, ...]], Answer]
    ) -> list[tuple[tuple[Key, ...], Answer]]:
        """Fetch what nobody is fetching and wait for the rest: each answer with the keys it is wanted for.

        What goes wrong with a question goes wrong for everybody who joined it.
        """
        own: Future[Answer] = Future()
        joined: dict[Future[Answer], list[Key]] = {own: []}
        with self._lock:
            for key in dict.fromkeys(keys):
                joined.setdefault(self._under_way.setdefault(key, own), []).append(key)
        mine = tuple(joined.pop(own))
        answers = [(mine, self._fetch(mine, own, fetch))] if mine else []
        return answers + [(tuple(theirs), flight.result()) for flight, theirs in joined.items()]

    def _fetch(
        self, keys: tuple[Key, ...], flight: "Future[Answer]", fetch: Callable[[tuple[Key, ...]], Answer]
    ) -> Answer:
        try:
            answer = fetch(keys)
        except BaseException as error:
            flight.set_exception(error)
            raise
        else:
            flight.set_result(answer)
            return answer
        finally:
            with self._lock:
                for key in keys:
                    del self._under_way[key]
