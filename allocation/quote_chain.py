"""Several sources of prices, one after the other: each is asked only for what is still missing, all within one deadline."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Final, TypeAlias

from allocation.model import PriceSource
from allocation.ports import QuoteAnswer, QuoteFailure, QuoteFault, QuoteSource

PAUSE: Final = timedelta(seconds=60)  # after a source could not be reached or sent us away
DEADLINE: Final = 5.0  # seconds for the whole chain
SHARE: Final = 0.6  # of the time left, for a source with others behind it

Belief: TypeAlias = Callable[[QuoteAnswer], QuoteAnswer]

_OUT_OF_REACH = (QuoteFault.OFFLINE, QuoteFault.TIMEOUT)


class QuoteChain:
    """Sources by name. One that is out of reach or sends us away is left alone for a while; the others go on."""

    def __init__(self, sources: Mapping[PriceSource, QuoteSource], deadline: float = DEADLINE) -> None:
        self._sources = dict(sources)
        self._deadline = deadline
        self._paused: dict[PriceSource, tuple[datetime, QuoteFault]] = {}

    @property
    def sources(self) -> tuple[PriceSource, ...]:
        """Who can be asked."""
        return tuple(self._sources)

    def quotes(
        self, symbols: Sequence[str], order: Sequence[PriceSource], now: datetime, believe: Belief
    ) -> QuoteAnswer:
        """Current quotes, each from the first source in the order that has a good one.

        Args:
            believe: turns doubtful quotes of one source into failures; the next source may know better.

        Returns:
            for a symbol without a quote what the first source said.
        """
        ends = monotonic() + self._deadline
        turns = [source for source in order if source in self._sources]
        whole, missing = QuoteAnswer({}, {}), tuple(symbols)
        for place, source in enumerate(turns):
            left = ends - monotonic()
            if not missing or left <= 0:
                break
            within = left if place == len(turns) - 1 else left * SHARE
            answer = believe(self._ask(source, missing, now, within))
            whole = QuoteAnswer({**whole.quotes, **answer.quotes}, {**answer.failures, **whole.failures})
            missing = tuple(symbol for symbol in missing if symbol not in answer.quotes)
        return replace(whole, failures={s: f for s, f in whole.failures.items() if s in missing})

    def _ask(self, source: PriceSource, symbols: tuple[str, ...], now: datetime, within: float) -> QuoteAnswer:
        if source in self._paused and now < self._paused[source][0]:
            until, fault = self._paused[source]
            seconds = int((until - now).total_seconds()) + 1
            message = f"Not asked again so soon; try in {seconds} seconds."
            return refused(symbols, fault, message, until, source)
        answer = self._sources[source].quotes(symbols, within)
        fault_met = _reason_to_pause(answer)
        if fault_met is None:
            self._paused.pop(source, None)
            return answer
        until = max((f.retry_at for f in answer.failures.values() if f.retry_at), default=now)
        self._paused[source] = (max(now + PAUSE, until), fault_met)
        return answer


def refused(
    symbols: Sequence[str],
    fault: QuoteFault,
    message: str,
    retry_at: datetime | None = None,
    source: PriceSource = PriceSource.YAHOO,
) -> QuoteAnswer:
    """No quote for any of them, for one reason."""
    return QuoteAnswer({}, {s: QuoteFailure(s, fault, message, retry_at=retry_at, source=source) for s in symbols})


def _reason_to_pause(answer: QuoteAnswer) -> QuoteFault | None:
    """Being sent away is reason enough; being out of reach only when nothing at all came through."""
    faults = {failure.fault for failure in answer.failures.values()}
    if QuoteFault.RATE_LIMITED in faults:
        return QuoteFault.RATE_LIMITED
    if answer.quotes:
        return None
    return next((fault for fault in _OUT_OF_REACH if fault in faults), None)
