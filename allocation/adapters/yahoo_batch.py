"""One round of questions to Yahoo: the quote table first, a chart for each symbol that it leaves open, one deadline for all."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final, TypeVar

from allocation.adapters import yahoo_session
from allocation.adapters.yahoo_chart import NoPriceError, failure, read_chart, retry_time
from allocation.adapters.yahoo_history import read_history
from allocation.adapters.yahoo_profile import MODULES, read_profile
from allocation.adapters.yahoo_session import Leash, YahooSession
from allocation.adapters.yahoo_table import COLUMNS, ROWS_AT_ONCE, read_row, read_table
from allocation.exchanges import exchange_of
from allocation.guard import DoubtfulPriceError, PriceCode, refuse_old
from allocation.model import Quote
from allocation.pairs import pair_of
from allocation.ports import QuoteFailure, QuoteFault, TradingSessions
from allocation.price_history import Period, PriceHistory
from allocation.securities import SecurityFacts

Told = TypeVar("Told", Quote, PriceHistory, SecurityFacts)

TABLES_SHARE: Final = 0.4  # of the time there is; the charts need the rest if the table stays away
REST: Final = timedelta(minutes=10)  # after the table was not what we expect

# What one symbol met that every other would meet as well.
_STOPS: Final = (QuoteFault.OFFLINE, QuoteFault.RATE_LIMITED)


class TableRoute:
    """Whether the quote table is worth asking for. It is no public interface: when it surprises us, it rests for a while."""

    def __init__(self) -> None:
        self._rests_until: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether it may be asked."""
        return self._rests_until is None or now >= self._rests_until

    def rest(self, now: datetime) -> None:
        """Ask it no more for ten minutes."""
        self._rests_until = now + REST


class Batch:
    """One round of questions. Its threads are daemons: a silent Yahoo holds up neither the page nor the process's end."""

    def __init__(
        self,
        session: YahooSession,
        tickers: Mapping[str, str],
        deadline: float,
        now: datetime,
        sessions: TradingSessions,
        route: TableRoute,
    ) -> None:
        self._session = session
        self._tickers = tickers
        self._deadline = deadline
        self._now = now
        self._sessions = sessions
        self._route = route
        self._leash = Leash(deadline)
        self._stopped: QuoteFault | None = None
        self._questions: SimpleQueue[str] = SimpleQueue()
        self._answers: SimpleQueue[Quote | QuoteFailure] = SimpleQueue()

    def run(self, workers: int) -> list[Quote | QuoteFailure]:
        """One answer for each symbol, within the deadline."""
        Thread(target=self._begin, args=(workers,), name="yahoo", daemon=True).start()
        return self._collect()

    def _begin(self, workers: int) -> None:
        """Take what the table has; then ask for a chart of each symbol that is still open."""
        still_open = self._without_table() if self._route.is_open(self._now) else tuple(self._tickers)
        for symbol in still_open:
            self._questions.put(symbol)
        for _ in range(min(workers, len(still_open))):
            Thread(target=self._work, name="yahoo", daemon=True).start()

    def _without_table(self) -> tuple[str, ...]:
        """The symbols that the table has no good quote of; the others are answered."""
        symbols, still_open = tuple(self._tickers), list[str]()
        for begin in range(0, len(symbols), ROWS_AT_ONCE):
            some = symbols[begin : begin + ROWS_AT_ONCE]
            leash = self._leash.shorter(TABLES_SHARE)
            try:
                reply = self._session.table([self._tickers[symbol] for symbol in some], COLUMNS, leash)
                table = read_table(reply.status, reply.text)
            except (NoPriceError, yahoo_session.YFException, yahoo_session.RequestException) as error:
                if isinstance(error, yahoo_session.RequestException) and yahoo_session.is_offline(error):
                    self._stop(QuoteFault.OFFLINE)
                else:
                    self._route.rest(self._now)
                return (*still_open, *symbols[begin:])
            still_open += self._unsettled(some, table)
        return tuple(still_open)

    def _unsettled(self, symbols: tuple[str, ...], table: Mapping[str, Mapping[str, object]]) -> list[str]:
        """Symbols that no row settles. Without a row a symbol is unknown, unless there are rows that nobody asked for."""
        tickers = {symbol: self._tickers[symbol] for symbol in symbols}
        names = {symbol: _row_name(ticker, table) for symbol, ticker in tickers.items()}
        if table.keys() <= set(names.values()):
            for symbol in [s for s in symbols if names[s] not in table and not pair_of(tickers[s])]:
                self._answers.put(failure(symbol, NoPriceError("not found", PriceCode.UNKNOWN_SYMBOL)))
                del names[symbol]
        return [symbol for symbol, name in names.items() if not self._is_settled(symbol, table.get(name))]

    def _is_settled(self, symbol: str, row: Mapping[str, object] | None) -> bool:
        """Whether the row holds a good quote. What is doubtful there may be plain in the chart, which has the last word."""
        ticker = self._tickers[symbol]
        try:
            quote = read_row(symbol, ticker, row or {}, self._now)
            self._refuse_old(quote, ticker)
        except DoubtfulPriceError:
            return False
        self._answers.put(quote)
        return True

    def _refuse_old(self, quote: Quote, ticker: str) -> None:
        refuse_old(quote, self._sessions.missed(exchange_of(ticker, quote.currency), quote.time, self._now))

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
        return self._answered(symbol, self._read)

    def _read(self, symbol: str) -> Quote:
        ticker = self._tickers[symbol]
        chart = self._session.chart(ticker, self._leash)
        quote = read_chart(symbol, ticker, chart.status, chart.text, self._now)
        self._refuse_old(quote, ticker)
        return quote

    def history(self, symbol: str, period: Period) -> PriceHistory | QuoteFailure:
        """The history of one symbol of the batch, within the deadline."""

        def read(symbol: str) -> PriceHistory:
            ticker = self._tickers[symbol]
            chart = self._session.chart(ticker, self._leash, period.value)
            return read_history(symbol, ticker, period, chart.status, chart.text, self._now)

        return self._answered(symbol, read)

    def profile(self, symbol: str) -> SecurityFacts | QuoteFailure:
        """What the one security of the batch is, within the deadline."""

        def read(symbol: str) -> SecurityFacts:
            ticker = self._tickers[symbol]
            reply = self._session.profile(ticker, MODULES, self._leash)
            return read_profile(symbol, ticker, reply.status, reply.text)

        return self._answered(symbol, read)

    def _answered(self, symbol: str, ask: Callable[[str], Told]) -> Told | QuoteFailure:
        """What comes of a question, with everything that can go wrong as a failure."""
        try:
            return ask(symbol)
        except NoPriceError as error:
            return failure(symbol, error)
        except DoubtfulPriceError as error:
            return failure(symbol, NoPriceError(error.message, PriceCode(error.code)))
        except yahoo_session.YFRateLimitError:
            return self._unreached(symbol, QuoteFault.RATE_LIMITED)
        except yahoo_session.YFException as error:
            return failure(symbol, NoPriceError(str(error)[:80], PriceCode.UNAVAILABLE))
        except yahoo_session.RequestException as error:
            return self._no_answer(symbol, error)

    def _no_answer(self, symbol: str, error: OSError) -> QuoteFailure:
        if yahoo_session.is_offline(error):
            return self._unreached(symbol, QuoteFault.OFFLINE)
        if isinstance(error, yahoo_session.Timeout):
            return self._unasked(symbol)
        if yahoo_session.is_too_large(error):
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
            QuoteFault.TIMEOUT: f"Yahoo did not answer for {symbol} within {round(self._deadline, 1):g} seconds.",
        }
        return QuoteFailure(symbol, fault, sentences[fault], retry_at=retry_at)


def _row_name(ticker: str, table: Mapping[str, object]) -> str:
    """Under which symbol the table may have it: the dollar's pairs also by their other half alone."""
    short = ticker.removeprefix("USD") if pair_of(ticker) else ticker
    return short if short in table else ticker
