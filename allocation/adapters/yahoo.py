"""Prices from Yahoo Finance: one batch of questions asked at the same time, with one deadline for all of them."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final

from allocation.adapters.exchange_days import ExchangeDays
from allocation.adapters.yahoo_chart import NoPriceError, failure, read_chart, retry_time, yahoo_ticker
from allocation.exchanges import exchange_of
from allocation.guard import DoubtfulPriceError, PriceCode, refuse_old
from allocation.model import Quote
from allocation.pairs import pair_of
from allocation.ports import QuoteAnswer, QuoteFailure, QuoteFault, TradingSessions

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
        self._temporary: TemporaryDirectory[str] | None = None

    def quotes(self, symbols: Iterable[str], within: float | None = None) -> QuoteAnswer:
        """Current quotes under the caller's spelling, and for every other symbol the reason."""
        wanted = tuple(dict.fromkeys(symbols))
        tickers = {symbol: ticker for symbol in wanted if (ticker := _spelled(symbol))}
        failures = {symbol: _not_a_ticker(symbol) for symbol in wanted if symbol not in tickers}
        answers = self._fetch(tickers, min(within or self._deadline, self._deadline)) if tickers else []
        failures |= {answer.symbol: answer for answer in answers if isinstance(answer, QuoteFailure)}
        return QuoteAnswer({answer.symbol: answer for answer in answers if isinstance(answer, Quote)}, failures)

    def _fetch(self, tickers: Mapping[str, str], deadline: float) -> list[Quote | QuoteFailure]:
        session = self._open()
        return _Batch(session, tickers, deadline, self._clock(), self._sessions).run(self._workers)

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

    def __init__(
        self,
        session: "YahooSession",
        tickers: Mapping[str, str],
        deadline: float,
        now: datetime,
        sessions: TradingSessions,
    ) -> None:
        from allocation.adapters import yahoo_session  # noqa: PLC0415  yfinance takes seconds to import

        self._http = yahoo_session
        self._session = session
        self._tickers = tickers
        self._deadline = deadline
        self._now = now
        self._sessions = sessions
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
        """The answer; what may be a passing weakness of Yahoo's is asked once more."""
        answer = self._ask_once(symbol)
        if isinstance(answer, QuoteFailure) and answer.fault == QuoteFault.UNUSABLE:
            return self._ask_once(symbol) if answer.code == PriceCode.UNAVAILABLE else answer
        return answer

    def _ask_once(self, symbol: str) -> Quote | QuoteFailure:
        if self._stopped or not self._leash.left:
            return self._unasked(symbol)
        ticker = self._tickers[symbol]
        try:
            chart = self._session.chart(ticker, self._leash)
            quote = read_chart(symbol, ticker, chart.status, chart.text, self._now)
            refuse_old(quote, self._sessions.missed(exchange_of(ticker, quote.currency), quote.time, self._now))
        except NoPriceError as error:
            return failure(symbol, error)
        except DoubtfulPriceError as error:
            return failure(symbol, NoPriceError(error.message, PriceCode(error.code)))
        except self._http.YFRateLimitError:
            return self._unreached(symbol, QuoteFault.RATE_LIMITED)
        except self._http.YFException as error:
            return failure(symbol, NoPriceError(str(error)[:80], PriceCode.UNAVAILABLE))
        except self._http.RequestException as error:
            return self._no_answer(symbol, error)
        return quote

    def _no_answer(self, symbol: str, error: OSError) -> QuoteFailure:
        if self._http.is_offline(error):
            return self._unreached(symbol, QuoteFault.OFFLINE)
        if isinstance(error, self._http.Timeout):
            return self._unasked(symbol)
        if self._http.is_too_large(error):
            return failure(symbol, NoPriceError("its answer is too large", PriceCode.TOO_LARGE))
        return failure(symbol, NoPriceError("the connection broke off", PriceCode.UNAVAILABLE))

    def _unasked(self, symbol: str) -> QuoteFailure:
        return self._unreached(symbol, self._stopped or QuoteFault.TIMEOUT)

    def _unreached(self, symbol: str, fault: QuoteFault) -> QuoteFailure:
        retry_at = retry_time(self._leash.retry_after, self._now) if fault == QuoteFault.RATE_LIMITED else None
        when = f"at {retry_at:%H:%M} UTC" if retry_at else "in a few minutes"
        sentences = {
            QuoteFault.OFFLINE: "Yahoo cannot be reached.",
            QuoteFault.RATE_LIMITED: f"Yahoo takes no more requests from here for now. Try again {when}.",
            QuoteFault.TIMEOUT: f"Yahoo did not answer for {symbol} within {self._deadline:g} seconds.",
        }
        return QuoteFailure(symbol, fault, sentences[fault], retry_at=retry_at)


def _spelled(symbol: str) -> str:
    """Yahoo's spelling; that of a currency pair is our own."""
    return symbol if pair_of(symbol) else yahoo_ticker(symbol)


def _not_a_ticker(symbol: str) -> QuoteFailure:
    message = f"{symbol[:40]!a} cannot be a Yahoo symbol. Correct it or enter a price by hand."
    return QuoteFailure(symbol, QuoteFault.UNKNOWN_SYMBOL, message)
