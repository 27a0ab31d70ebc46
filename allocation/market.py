"""Prices for whoever asks: the best quote known for each symbol, and a refresh from the network when told to."""

from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
from threading import Lock
from time import monotonic

from allocation.errors import MissingPriceError
from allocation.exchanges import Weekdays, exchange_of
from allocation.flights import Flights
from allocation.guard import DoubtfulPriceError, PriceCode, refuse_leap, refuse_old, way_out
from allocation.model import Portfolio, PriceSource, Quote
from allocation.pairs import RateAnswer, pair_symbols, rates_at_hand
from allocation.ports import (
    QuoteAnswer,
    QuoteCache,
    QuoteFailure,
    QuoteFault,
    QuoteSource,
    RateSource,
    TradingSessions,
)
from allocation.price_text import failure_sentences

FRESH_FOR = timedelta(seconds=60)  # a quote fetched less than this ago is not fetched again
PAUSE = timedelta(seconds=60)  # after Yahoo could not be reached or sent us away
SHORTEST_SESSION = timedelta(hours=2)  # within it no whole session can have passed
SECONDS_IN_MEMORY = 30.0  # another process may have written newer quotes to the cache

_TRUST = {PriceSource.MANUAL: 2, PriceSource.YAHOO: 1, PriceSource.FILE: 1, PriceSource.SAMPLE: 0}
_OUT_OF_REACH = (QuoteFault.OFFLINE, QuoteFault.TIMEOUT)
_SWITCHED_OFF = "Fetching prices is switched off."


def get_current_price(symbol: str, source: QuoteSource) -> Quote:
    """The current quote of one security.

    Raises:
        MissingPriceError: the source has none; says why.
    """
    return get_current_prices([symbol], source)[symbol]


def get_current_prices(symbols: Iterable[str], source: QuoteSource) -> dict[str, Quote]:
    """The current quote of every symbol, fetched together.

    Raises:
        MissingPriceError: names every symbol that has none, and why.
    """
    answer = source.quotes(tuple(symbols))
    if answer.failures:
        raise MissingPriceError(answer.failures, failure_sentences(answer.failures))
    return dict(answer.quotes)


def choose_quote(candidates: Iterable[Quote]) -> Quote | None:
    """The quote to trust among several of one security; None only when there are none.

    A price entered by hand wins; then the newer of Yahoo's and the file's (Yahoo's, if they are of the same time); a
    sample is better than nothing.
    """
    return max(
        candidates,
        key=lambda quote: (_TRUST[quote.source], quote.time, quote.source == PriceSource.YAHOO),
        default=None,
    )


class Market:
    """Where a session's prices come from. Only `refresh` talks to the network."""

    def __init__(
        self,
        source: QuoteSource | None,
        cache: QuoteCache,
        samples: Mapping[str, Quote] | None = None,
        sessions: TradingSessions | None = None,
        reference: RateSource | None = None,
    ) -> None:
        self._source = source
        self._reference = reference
        self._sessions = sessions or Weekdays()
        self._recent = _RecentQuotes(cache)
        self._samples = dict(samples or {})
        self._fetched: dict[str, datetime] = {}
        self._paused: tuple[datetime, QuoteFault] | None = None
        self._flights: Flights[str, QuoteAnswer] = Flights()

    @property
    def can_refresh(self) -> bool:
        """Whether there is a source to fetch from; the demo has none."""
        return self._source is not None

    def known(self, symbols: Iterable[str], portfolio: Portfolio, manual: Mapping[str, Quote]) -> dict[str, Quote]:
        """The best quote at hand, in the account's currency, for each symbol that has one."""
        currency = portfolio.account.currency
        best = {
            symbol: choose_quote(quote for quote in quotes if quote.currency == currency)
            for symbol, quotes in self._candidates(symbols, portfolio, manual).items()
        }
        return {symbol: quote for symbol, quote in best.items() if quote is not None}

    def in_another_currency(
        self, symbols: Iterable[str], portfolio: Portfolio, manual: Mapping[str, Quote]
    ) -> dict[str, Quote]:
        """The best quote of each symbol that has quotes, but none in the account's currency; nothing is converted."""
        currency = portfolio.account.currency
        best = {
            symbol: choose_quote(quotes)
            for symbol, quotes in self._candidates(symbols, portfolio, manual).items()
            if not any(quote.currency == currency for quote in quotes)
        }
        return {symbol: quote for symbol, quote in best.items() if quote is not None}

    def rates(self, currencies: Iterable[str], base: str, manual: Mapping[str, Quote] | None = None) -> RateAnswer:
        """The rates at hand that tell money of these currencies in one: by hand, else the newest known.

        Args:
            manual: what the user entered by hand, by symbol; the rate of a pair stands under `pairs.pair_symbol`.
        """
        codes = tuple(dict.fromkeys((*currencies, base)))
        reference = self._reference.rates(codes) if self._reference else ()
        return rates_at_hand(codes, base, (manual or {}, self._recent.load(pair_symbols(codes, base))), reference)

    def sessions_missed(self, quotes: Iterable[Quote], now: datetime) -> dict[str, int]:
        """By symbol, how many sessions of its exchange began after a price was struck and are over by now."""
        return {quote.symbol: self._missed(quote, now) for quote in quotes if quote.source != PriceSource.SAMPLE}

    def refresh(
        self,
        symbols: Iterable[str],
        now: datetime,
        *,
        force: bool = False,
        known: Mapping[str, Quote] | None = None,
        currencies: Iterable[str] = (),
        base: str = "",
    ) -> QuoteAnswer:
        """Fetch current quotes within the source's deadline and keep the good ones in the cache.

        What was fetched within the last minute is not fetched again, unless forced, and what somebody else is fetching
        is waited for. For a minute after the source could not be reached or sent us away, or as long as it told us to
        stay away, nothing is fetched at all, and the answer comes at once. A quote that does not follow from the last
        one is a failure, and the last one stays.

        Args:
            known: what the user has for these symbols. A price entered by hand can confirm a jump.
            currencies: what money is held in besides; asked for with the prices, as pairs with `base`.
            base: the currency in which everything is to be told; empty where no rates are wanted.
        """
        if not base:
            return self._together(symbols, now, force, known or {})
        expected = pair_symbols((*currencies, *(quote.currency for quote in (known or {}).values())), base)
        answer = self._together((*symbols, *expected), now, force, known or {})
        met = pair_symbols((quote.currency for symbol, quote in answer.quotes.items() if symbol not in expected), base)
        surprising = [pair for pair in met if pair not in expected]
        return _joined(answer, self._together(surprising, now, force, known or {})) if surprising else answer

    def _together(self, symbols: Iterable[str], now: datetime, force: bool, known: Mapping[str, Quote]) -> QuoteAnswer:
        answers = self._flights.ask(symbols, lambda mine: self._refresh(mine, now, force, known))
        return QuoteAnswer(
            {s: answer.quotes[s] for theirs, answer in answers for s in theirs if s in answer.quotes},
            {s: answer.failures[s] for theirs, answer in answers for s in theirs if s in answer.failures},
        )

    def _refresh(self, symbols: tuple[str, ...], now: datetime, force: bool, known: Mapping[str, Quote]) -> QuoteAnswer:
        fresh = {} if force else self._fresh(symbols, now)
        missing = tuple(symbol for symbol in symbols if symbol not in fresh)
        answer = self._guarded(self._ask(missing, now), now, known) if missing else QuoteAnswer({}, {})
        self._recent.save(answer.quotes.values())
        self._fetched.update(dict.fromkeys(answer.quotes, now))
        return QuoteAnswer({**fresh, **answer.quotes}, answer.failures)

    def _guarded(self, answer: QuoteAnswer, now: datetime, known: Mapping[str, Quote]) -> QuoteAnswer:
        last = self._recent.load(answer.quotes)
        good, doubtful = dict(answer.quotes), dict(answer.failures)
        for symbol, quote in answer.quotes.items():
            earlier = [quotes[symbol] for quotes in (last, known) if symbol in quotes]
            try:
                refuse_old(quote, self._missed(quote, now))
                refuse_leap(quote, earlier)
            except DoubtfulPriceError as error:
                del good[symbol]
                doubtful[symbol] = _doubtful(error, choose_quote(earlier))
        return QuoteAnswer(good, doubtful)

    def _missed(self, quote: Quote, now: datetime) -> int:
        """A file's price has a day and no hour; it is taken for the last of that day."""
        at_midnight = quote.source == PriceSource.FILE and quote.time.time() == time.min
        struck = quote.time + timedelta(hours=23, minutes=59) if at_midnight else quote.time
        if now - struck < SHORTEST_SESSION:
            return 0
        return self._sessions.missed(exchange_of(quote.symbol, quote.currency), struck, now)

    def _candidates(
        self, symbols: Iterable[str], portfolio: Portfolio, manual: Mapping[str, Quote]
    ) -> dict[str, list[Quote]]:
        wanted = tuple(dict.fromkeys(symbols))
        in_file = {position.symbol: position.quote for position in portfolio.positions if position.quote}
        sources = (manual, self._recent.load(wanted), in_file, self._samples)
        return {symbol: [quotes[symbol] for quotes in sources if symbol in quotes] for symbol in wanted}

    def _fresh(self, symbols: tuple[str, ...], now: datetime) -> dict[str, Quote]:
        young = [symbol for symbol in symbols if symbol in self._fetched and now - self._fetched[symbol] < FRESH_FOR]
        return self._recent.load(young)

    def _ask(self, symbols: tuple[str, ...], now: datetime) -> QuoteAnswer:
        if self._source is None:
            return _refused(symbols, QuoteFault.SWITCHED_OFF, _SWITCHED_OFF)
        if self._paused and now < self._paused[0]:
            until, fault = self._paused
            seconds = int((until - now).total_seconds()) + 1
            return _refused(symbols, fault, f"Not asked again so soon; try in {seconds} seconds.", until)
        answer = self._source.quotes(symbols)
        fault_met = _reason_to_pause(answer)
        until = max((f.retry_at for f in answer.failures.values() if f.retry_at), default=now)
        self._paused = (max(now + PAUSE, until), fault_met) if fault_met else None
        return answer


class _RecentQuotes:
    """The quote cache behind a layer of memory: it stands on the path of every edit, and an edit costs no disk."""

    def __init__(self, cache: QuoteCache) -> None:
        self._cache = cache
        self._quotes: dict[str, Quote] = {}
        self._read: dict[str, float] = {}
        self._lock = Lock()

    def load(self, symbols: Iterable[str]) -> dict[str, Quote]:
        wanted = tuple(symbols)
        with self._lock:
            self._read_again([symbol for symbol in wanted if not self._is_recent(symbol)])
            return {symbol: self._quotes[symbol] for symbol in wanted if symbol in self._quotes}

    def save(self, quotes: Iterable[Quote]) -> None:
        good = tuple(quotes)
        if not good:
            return
        with self._lock:
            self._cache.save(good)
            self._read_again([quote.symbol for quote in good])  # the cache keeps a newer quote, if it has one

    def _is_recent(self, symbol: str) -> bool:
        return symbol in self._read and monotonic() - self._read[symbol] < SECONDS_IN_MEMORY

    def _read_again(self, symbols: list[str]) -> None:
        if symbols:
            self._quotes.update(self._cache.load(symbols))
            self._read.update(dict.fromkeys(symbols, monotonic()))


def _reason_to_pause(answer: QuoteAnswer) -> QuoteFault | None:
    """Being sent away is reason enough; being out of reach only when nothing at all came through."""
    faults = {failure.fault for failure in answer.failures.values()}
    if QuoteFault.RATE_LIMITED in faults:
        return QuoteFault.RATE_LIMITED
    if answer.quotes:
        return None
    return next((fault for fault in _OUT_OF_REACH if fault in faults), None)


def _joined(first: QuoteAnswer, second: QuoteAnswer) -> QuoteAnswer:
    return QuoteAnswer({**first.quotes, **second.quotes}, {**first.failures, **second.failures})


def _refused(symbols: Iterable[str], fault: QuoteFault, message: str, retry_at: datetime | None = None) -> QuoteAnswer:
    return QuoteAnswer({}, {symbol: QuoteFailure(symbol, fault, message, retry_at=retry_at) for symbol in symbols})


def _doubtful(error: DoubtfulPriceError, last: Quote | None) -> QuoteFailure:
    symbol = error.culprits[0]
    message = f"Yahoo gave no usable price for {symbol}: {error.message}. {way_out(last)}"
    return QuoteFailure(symbol, QuoteFault.UNUSABLE, message, PriceCode(error.code), readings=error.readings)
