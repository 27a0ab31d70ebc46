"""Prices from Yahoo Finance: one batch of questions asked at the same time, with one deadline for all of them."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final

from allocation.adapters.yahoo_chart import NoPriceError, failure, read_chart, yahoo_ticker
from allocation.model import Quote
from allocation.ports import QuoteAnswer, QuoteFailure, QuoteFault

if TYPE_CHECKING:
    from allocation.adapters.yahoo_session import YahooSession

# What one symbol met that every other would meet as well.
_STOPS: Final = (QuoteFault.OFFLINE, QuoteFault.RATE_LIMITED)


class YahooSource:
    """Yahoo Finance through yfinance, meant for research and education as Yahoo's terms say.

    Args:
        deadline: seconds a batch may take in all, however many symbols it has.
        workers: how many symbols are asked about at the same time.
        folder: where yfinance may keep its cookie; a temporary one if none is given.
    """

    def __init__(
        self,
        deadline: float = 5.0,
        workers: int = 8,
        folder: Path | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._deadline = deadline
        self._workers = workers
        self._folder = folder
        self._clock = clock
        self._lock = Lock()
        self._session: YahooSession | None = None
        self._temporary: TemporaryDirectory[str] | None = None

    def quotes(self, symbols: Iterable[str]) -> QuoteAnswer:
        """Current quotes under the caller's spelling, and for every other symbol the reason."""
        wanted = tuple(dict.fromkeys(symbols))
        tickers = {symbol: ticker for symbol in wanted if (ticker := yahoo_ticker(symbol))}
        failures = {symbol: _not_a_ticker(symbol) for symbol in wanted if symbol not in tickers}
        answers = self._fetch(tickers) if tickers else []
        failures |= {answer.symbol: answer for answer in answers if isinstance(answer, QuoteFailure)}
        return QuoteAnswer({answer.symbol: answer for answer in answers if isinstance(answer, Quote)}, failures)

    def _fetch(self, tickers: Mapping[str, str]) -> list[Quote | QuoteFailure]:
        session = self._open()
        return _Batch(session, tickers, self._deadline, self._clock()).run(self._workers)

    def _open(self) -> "YahooSession":
        from allocation.adapters.yahoo_session import YahooSession  # noqa: PLC0415  yfinance takes seconds to import

        with self._lock:
            if self._session is None:
                self._session = YahooSession(self._cookie_folder())
            return self._session

    def _cookie_folder(self) -> Path:
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            return self._folder
        self._temporary = TemporaryDirectory(prefix="evenkeel-", ignore_cleanup_errors=True)
        return Path(self._temporary.name)


class _Batch:
    """One round of questions. Its threads are daemons: a silent Yahoo holds up neither the page nor the process's end."""

    def __init__(self, session: "YahooSession", tickers: Mapping[str, str], deadline: float, now: datetime) -> None:
        from allocation.adapters import yahoo_session  # noqa: PLC0415  yfinance takes seconds to import

        self._http = yahoo_session
        self._session = session
        self._tickers = tickers
        self._deadline = deadline
        self._now = now
        self._leash = yahoo_session.Leash(deadline)
        self._stopped: QuoteFault | None = None
        self._questions: SimpleQueue[str] = SimpleQueue()
        self._answers: SimpleQueue[Quote | QuoteFailure] = SimpleQueue()

    def run(self, workers: int) -> list[Quote | QuoteFailure]:
        """One answer for each symbol, within the deadline."""
        for symbol in self._tickers:
            self._questions.put(symbol)
        for _ in range(min(workers, len(self._tickers))):
            Thread(target=self._work, name="yahoo", daemon=True).start()
        return self._collect()

    def _work(self) -> None:
        while True:
            try:
                symbol = self._questions.get_nowait()
            except Empty:
                return
            answer = self._ask(symbol)
            if isinstance(answer, QuoteFailure) and answer.fault in _STOPS:
                self._stop(answer.fault)
            self._answers.put(answer)

    def _stop(self, fault: QuoteFault) -> None:
        """Ask no more. Questions under way may still end well after a refusal, but not without a connection."""
        self._stopped = fault
        if fault == QuoteFault.OFFLINE:
            self._leash.cut()

    def _collect(self) -> list[Quote | QuoteFailure]:
        waiting = dict.fromkeys(self._tickers)
        answers: list[Quote | QuoteFailure] = []
        while waiting:
            try:
                answer = self._answers.get(timeout=self._leash.left)
            except Empty:
                break
            waiting.pop(answer.symbol)
            answers.append(answer)
        self._leash.cut()
        return [*answers, *(self._unasked(symbol) for symbol in waiting)]

    def _ask(self, symbol: str) -> Quote | QuoteFailure:
        if self._stopped or not self._leash.left:
            return self._unasked(symbol)
        ticker = self._tickers[symbol]
        try:
            chart = self._session.chart(ticker, self._leash)
            return read_chart(symbol, ticker, chart.status, chart.text, self._now)
        except NoPriceError as error:
            return failure(symbol, error)
        except self._http.YFRateLimitError:
            return _unreached(symbol, QuoteFault.RATE_LIMITED, self._deadline)
        except self._http.YFException as error:
            return failure(symbol, NoPriceError(str(error)[:80]))
        except self._http.RequestException as error:
            return self._no_answer(symbol, error)

    def _no_answer(self, symbol: str, error: OSError) -> QuoteFailure:
        if self._http.is_offline(error):
            return _unreached(symbol, QuoteFault.OFFLINE, self._deadline)
        if isinstance(error, self._http.Timeout):
            return self._unasked(symbol)
        return failure(symbol, NoPriceError("the connection broke off"))

    def _unasked(self, symbol: str) -> QuoteFailure:
        return _unreached(symbol, self._stopped or QuoteFault.TIMEOUT, self._deadline)


def _not_a_ticker(symbol: str) -> QuoteFailure:
    message = f"{symbol[:40]!a} cannot be a Yahoo symbol. Correct it or enter a price by hand."
    return QuoteFailure(symbol, QuoteFault.UNKNOWN_SYMBOL, message)


def _unreached(symbol: str, fault: QuoteFault, deadline: float) -> QuoteFailure:
    sentences = {
        QuoteFault.OFFLINE: "Yahoo cannot be reached.",
        QuoteFault.RATE_LIMITED: "Yahoo takes no more requests from here for now. Try again in a few minutes.",
        QuoteFault.TIMEOUT: f"Yahoo did not answer for {symbol} within {deadline:g} seconds.",
    }
    return QuoteFailure(symbol, fault, sentences[fault])
