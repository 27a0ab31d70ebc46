"""Prices from Yahoo Finance: one batch of questions asked at the same time, with one deadline for all of them."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Final

from allocation.adapters.exchange_days import ExchangeDays
from allocation.adapters.yahoo_chart import yahoo_ticker
from allocation.model import Quote
from allocation.pairs import pair_of
from allocation.ports import QuoteAnswer, QuoteFailure, QuoteFault, TradingSessions
from allocation.price_history import Period, PriceHistory
from allocation.securities import FactsUnavailableError, SecurityFacts

if TYPE_CHECKING:
    from allocation.adapters.yahoo_batch import Batch, TableRoute
    from allocation.adapters.yahoo_session import YahooSession

LEAST_SECONDS: Final = 2.0  # for the network, however long yfinance took to import


class YahooSource:
    """Yahoo Finance through yfinance, meant for research and education as Yahoo's terms say.

    Args:
        deadline: seconds a batch may take in all, however many symbols it has.
        workers: how many symbols are asked about at the same time.
        folder: where yfinance may keep its cookie; a temporary one if none is given.
        sessions: when exchanges are open; a price of many sessions ago is none.
    """

    def __init__(
        self,
        deadline: float = 5.0,
        workers: int = 8,
        folder: Path | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sessions: TradingSessions | None = None,
    ) -> None:
        self._deadline = deadline
        self._workers = workers
        self._folder = folder
        self._clock = clock
        self._sessions = sessions or ExchangeDays()
        self._lock = Lock()
        self._session: YahooSession | None = None
        self._route: TableRoute | None = None
        self._temporary: TemporaryDirectory[str] | None = None

    def quotes(self, symbols: Iterable[str], within: float | None = None) -> QuoteAnswer:
        """Current quotes under the caller's spelling, and for every other symbol the reason."""
        wanted = tuple(dict.fromkeys(symbols))
        tickers = {symbol: ticker for symbol in wanted if (ticker := _spelled(symbol))}
        failures = {symbol: _not_a_ticker(symbol) for symbol in wanted if symbol not in tickers}
        answers = self._fetch(tickers, min(within or self._deadline, self._deadline)) if tickers else []
        failures |= {answer.symbol: answer for answer in answers if isinstance(answer, QuoteFailure)}
        return QuoteAnswer({answer.symbol: answer for answer in answers if isinstance(answer, Quote)}, failures)

    def history(self, symbol: str, period: Period) -> PriceHistory | QuoteFailure:
        """The closes of one symbol under the caller's spelling, or why there are none."""
        ticker = _spelled(symbol)
        return (
            self._batch({symbol: ticker}, self._deadline).history(symbol, period) if ticker else _not_a_ticker(symbol)
        )

    def facts(self, symbol: str) -> SecurityFacts:
        """What Yahoo says the security is, in at most one request beside cookie and crumb.

        Raises:
            FactsUnavailableError: it says nothing, or nothing that can be used.
        """
        ticker = yahoo_ticker(symbol)
        found = self._batch({symbol: ticker}, self._deadline).profile(symbol) if ticker else _not_a_ticker(symbol)
        if isinstance(found, QuoteFailure):
            raise FactsUnavailableError(_about_facts(found), (symbol,))
        return found

    def _fetch(self, tickers: Mapping[str, str], deadline: float) -> list[Quote | QuoteFailure]:
        started = monotonic()
        self._open()  # the first time, this imports yfinance: seconds that are the page's as well
        left = max(deadline - (monotonic() - started), min(deadline, LEAST_SECONDS))
        return self._batch(tickers, left).run(self._workers)

    def _batch(self, tickers: Mapping[str, str], deadline: float) -> "Batch":
        from allocation.adapters.yahoo_batch import Batch  # noqa: PLC0415  yfinance takes seconds to import

        session, route = self._open()
        return Batch(session, tickers, deadline, self._clock(), self._sessions, route)

    def _open(self) -> "tuple[YahooSession, TableRoute]":
        from allocation.adapters.yahoo_batch import TableRoute  # noqa: PLC0415  as above
        from allocation.adapters.yahoo_session import YahooSession  # noqa: PLC0415  as above

        with self._lock:
            if self._session is None or self._route is None:
                self._session, self._route = YahooSession(self._cookie_folder()), TableRoute()
            return self._session, self._route

    def _cookie_folder(self) -> Path:
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            return self._folder
        self._temporary = TemporaryDirectory(prefix="evenkeel-", ignore_cleanup_errors=True)
        return Path(self._temporary.name)


def _spelled(symbol: str) -> str:
    """Yahoo's spelling; that of a currency pair is our own."""
    return symbol if pair_of(symbol) else yahoo_ticker(symbol)


def _about_facts(failure: QuoteFailure) -> str:
    """Why nothing is said of a security; out of reach is out of reach, whatever was asked."""
    if failure.fault == QuoteFault.UNKNOWN_SYMBOL:
        return f"Yahoo does not know {failure.symbol[:40]}. Fill in the fields yourself."
    if failure.fault == QuoteFault.UNUSABLE:
        return f"Yahoo says nothing of {failure.symbol} that can be used. Fill in the fields yourself."
    return failure.message


def _not_a_ticker(symbol: str) -> QuoteFailure:
    message = f"{symbol[:40]!a} cannot be a Yahoo symbol. Correct it or enter a price by hand."
    return QuoteFailure(symbol, QuoteFault.UNKNOWN_SYMBOL, message)
