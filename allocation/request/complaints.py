"""What is wrong with a request, in our sentences: which path, what stands there, what was expected."""

from collections.abc import Sequence
from difflib import get_close_matches

from allocation.errors import NumberError, RequestError

# A long request may be wrong on every line; the sentences stop here, the culprits do not.
_MOST_SENTENCES = 12
_JSON_WORDS = {"None": "null", "True": "true", "False": "false"}


class Complaints:
    """Everything that a reader finds wrong, in the order of the request."""

    def __init__(self) -> None:
        self._found: list[tuple[str, str, NumberError | None]] = []

    def __len__(self) -> int:
        return len(self._found)

    def add(self, path: str, sentence: str) -> None:
        """Something is wrong at this path."""
        self._found.append((path, sentence, None))

    def number(self, path: str, error: NumberError) -> None:
        """No number stands where one should."""
        self._found.append((path, error.message, error))

    def unknown(self, path: str, name: str, known: Sequence[str]) -> None:
        """A key that nobody knows, with the nearest one that somebody does."""
        close = get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f" Did you mean {close[0]}?" if close else f" Known here: {', '.join(known)}."
        self.add(path, f"{path} is not a known key.{hint}")

    def refuse(self) -> None:
        """Raise one error for everything found; nothing where nothing was.

        Raises:
            NumberError: the one thing that is wrong is a number.
            RequestError: anything else; every culprit is named by its path.
        """
        if not self._found:
            return
        number = self._found[0][2]
        if number is not None and len(self._found) == 1:
            raise number
        sentences = dict.fromkeys(sentence for _, sentence, _ in self._found[:_MOST_SENTENCES])
        left = len(self._found) - _MOST_SENTENCES
        more = f" And {left} more." if left > 0 else ""
        raise RequestError(" ".join(sentences) + more, dict.fromkeys(path for path, _, _ in self._found))


def shown(found: object) -> str:
    """What stands there, shortly and as JSON calls it."""
    if isinstance(found, str):
        return repr(found[:40])
    if isinstance(found, dict | list):
        return "an object" if isinstance(found, dict) else "a list"
    return _JSON_WORDS.get(str(found), str(found)[:40])


def key_shown(key: str) -> str:
    """A key as a path shows it: short, and in ASCII."""
    return ascii(key[:40])[1:-1]
