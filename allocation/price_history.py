"""Closes of the past, on demand: what a history is, who gives and keeps it, and fetching many with progress."""

from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final, Protocol

from allocation.exchanges import exchange_of
from allocation.model import PriceSource
from allocation.ports import QuoteFailure, QuoteFault, TradingSessions

WORKERS: Final = 4
JUST_NOW: Final = timedelta(hours=1)  # a fund's close comes late, and is not asked for again at every look
LATE: Final = time(23, 59, tzinfo=UTC)
# What one symbol met that every other would meet as well.
_STOPS: Final = (QuoteFault.OFFLINE, QuoteFault.RATE_LIMITED, QuoteFault.SWITCHED_OFF)


class Period(StrEnum):
    """How far back, the shortest first."""

    MONTH = "1mo"
    QUARTER = "3mo"
    HALF_YEAR = "6mo"
    YEAR = "1y"
    TWO_YEARS = "2y"
    FIVE_YEARS = "5y"

    def covers(self, other: "Period") -> bool:
        """Whether it goes back as far as the other."""
        periods = list(Period)
        return periods.index(self) >= periods.index(other)


@dataclass(frozen=True, slots=True)
class Close:
    """The end of one session.

    Attributes:
        price: money for one of today's units: splits since are taken out, dividends are not.
        adjusted: the same with dividends taken out as well; for returns.
    """

    day: date
    price: Decimal
    adjusted: Decimal


@dataclass(frozen=True, slots=True)
class Split:
    """So many new units for so many old ones, from that day on: 4 for 1."""

    day: date
    new: Decimal
    old: Decimal

    def __str__(self) -> str:
        return f"{self.new.normalize():f} for {self.old.normalize():f}"


@dataclass(frozen=True, slots=True)
class PriceHistory:
    """Closes of one security, the oldest first, in whole currency units; the session under way is not among them.

    Attributes:
        as_of: when it was fetched.
    """

    symbol: str
    currency: str
    period: Period
    closes: tuple[Close, ...]
    splits: tuple[Split, ...]
    as_of: datetime
    source: PriceSource


class HistorySource(Protocol):
    """Somewhere histories come from."""

    def history(self, symbol: str, period: Period) -> PriceHistory | QuoteFailure:
        """The history of one symbol within the source's deadline, or why there is none."""
        ...


class HistoryCache(Protocol):
    """The longest history of each symbol that was fetched; public facts, shared by all users."""

    def load(self, symbols: Iterable[str]) -> dict[str, PriceHistory]:
        """The histories kept of these symbols, however old."""
        ...

    def save(self, history: PriceHistory) -> None:
        """Keep this in place of the one before."""
        ...


class NoHistories:
    """A `HistoryCache` that keeps nothing."""

    def load(self, _symbols: Iterable[str]) -> dict[str, PriceHistory]:
        """Nothing."""
        return {}

    def save(self, history: PriceHistory) -> None:
        """Keep nothing."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One symbol is done: its history, or why there is none; and how many are, of how many."""

    symbol: str
    answer: PriceHistory | QuoteFailure
    done: int
    total: int


class Histories:
    """Histories from the cache where they are still whole, else from the source.

    Args:
        source: None where nothing is fetched.
    """

    def __init__(self, source: HistorySource | None, cache: HistoryCache, sessions: TradingSessions) -> None:
        self._source = source
        self._cache = cache
        self._sessions = sessions

    def known(self, symbols: Iterable[str]) -> Mapping[str, PriceHistory]:
        """What is kept, however old; no network."""
        return self._cache.load(symbols)

    def fetch(
        self, symbols: Iterable[str], period: Period, now: datetime, within: float | None = None
    ) -> Generator[Progress, None, None]:
        """One by one, as they come; whoever stops listening cancels what was not asked yet.

        After a failure that every symbol would meet (no network, too many requests), nothing more is asked, and the rest
        fails likewise.

        Args:
            within: seconds for all of them; what has not come by then fails. Each has the source's deadline in any case.
        """
        wanted = tuple(dict.fromkeys(symbols))
        kept = {s: h for s, h in self._cache.load(wanted).items() if self._is_whole(h, period, now)}
        for done, symbol in enumerate(kept, start=1):
            yield Progress(symbol, kept[symbol], done, len(wanted))
        missing = [symbol for symbol in wanted if symbol not in kept]
        for done, answer in enumerate(self._ask_all(missing, period, within), start=len(kept) + 1):
            if isinstance(answer, PriceHistory):
                self._cache.save(answer)
            yield Progress(answer.symbol, answer, done, len(wanted))

    def _is_whole(self, history: PriceHistory, period: Period, now: datetime) -> bool:
        """Whether it reaches back far enough, and no session has ended since its last; or it was fetched just now."""
        if not history.period.covers(period) or now - history.as_of < JUST_NOW:
            return history.period.covers(period)
        last = datetime.combine(history.closes[-1].day, LATE) if history.closes else history.as_of
        return self._sessions.missed(exchange_of(history.symbol, history.currency), last, now) == 0

    def _ask_all(
        self, symbols: list[str], period: Period, within: float | None
    ) -> Iterator[PriceHistory | QuoteFailure]:
        met: QuoteFailure | None = None
        waiting = set(symbols)
        pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="history")
        try:
            asked = {pool.submit(self._ask, symbol, period): symbol for symbol in symbols}
            for answered in as_completed(asked, within):
                answer = _likewise(met, asked[answered]) if answered.cancelled() else answered.result()
                if isinstance(answer, QuoteFailure) and answer.fault in _STOPS and met is None:
                    met = answer
                    for question in asked:
                        question.cancel()
                waiting.discard(answer.symbol)
                yield answer
        except TimeoutError:
            yield from (_likewise(None, symbol) for symbol in sorted(waiting))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, symbol: str, period: Period) -> PriceHistory | QuoteFailure:
        if self._source is None:
            return QuoteFailure(symbol, QuoteFault.SWITCHED_OFF, "Fetching prices is switched off.")
        return self._source.history(symbol, period)


def _likewise(met: QuoteFailure | None, symbol: str) -> QuoteFailure:
    fault, message = (met.fault, met.message) if met else (QuoteFault.TIMEOUT, "Its history did not come in time.")
    return QuoteFailure(symbol, fault, message, retry_at=met.retry_at if met else None)
