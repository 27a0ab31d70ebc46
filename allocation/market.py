"""Prices for whoever asks: the best quote known for each symbol, and a refresh from the network when told to."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from threading import Lock
from time import monotonic

from allocation.errors import MissingPriceError
from allocation.model import Portfolio, PriceSource, Quote
from allocation.ports import QuoteAnswer, QuoteCache, QuoteFailure, QuoteFault, QuoteSource
from allocation.price_text import failure_sentences

FRESH_FOR = timedelta(seconds=60)  # a quote fetched less than this ago is not fetched again
PAUSE = timedelta(seconds=60)  # after Yahoo could not be reached or sent us away
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
        self, source: QuoteSource | None, cache: QuoteCache, samples: Mapping[str, Quote] | None = None
    ) -> None:
        self._source = source
        self._recent = _RecentQuotes(cache)
        self._samples = dict(samples or {})
        self._fetched: dict[str, datetime] = {}
        self._paused: tuple[datetime, QuoteFault] | None = None

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

    def refresh(self, symbols: Iterable[str], now: datetime, *, force: bool = False) -> QuoteAnswer:
        """Fetch current quotes within the source's deadline and keep the good ones in the cache.

        What was fetched within the last minute is not fetched again, unless forced. For a minute after the source could
        not be reached or sent us away nothing is fetched at all, and the answer comes at once.
        """
        wanted = tuple(dict.fromkeys(symbols))
        fresh = {} if force else self._fresh(wanted, now)
        missing = tuple(symbol for symbol in wanted if symbol not in fresh)
        answer = self._ask(missing, now) if missing else QuoteAnswer({}, {})
        self._recent.save(answer.quotes.values())
        self._fetched.update(dict.fromkeys(answer.quotes, now))
        return QuoteAnswer({**fresh, **answer.quotes}, answer.failures)

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
            return _refused(symbols, fault, f"Not asked again so soon; try in {(until - now).seconds + 1} seconds.")
        answer = self._source.quotes(symbols)
        fault_met = _reason_to_pause(answer)
        self._paused = (now + PAUSE, fault_met) if fault_met else None
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


def _refused(symbols: Iterable[str], fault: QuoteFault, message: str) -> QuoteAnswer:
    return QuoteAnswer({}, {symbol: QuoteFailure(symbol, fault, message) for symbol in symbols})
