"""Prices for whoever asks: the best quote known for each symbol, and a refresh from the network when told to."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import partial

from allocation.base_currency import currency_lines
from allocation.currencies import Rates
from allocation.errors import MissingPriceError
from allocation.exchanges import Weekdays, exchange_of
from allocation.flights import Flights
from allocation.fx_guard import rate_way_out, refuse_rate
from allocation.guard import (
    MOST_SESSIONS_MISSED,
    DoubtfulPriceError,
    PriceCode,
    refuse_leap,
    refuse_old,
    too_old,
    way_out,
)
from allocation.model import Portfolio, PriceSource, Quote
from allocation.pairs import RateAnswer, pair_of, pair_symbols, rate_of, rates_at_hand
from allocation.ports import (
    QuoteAnswer,
    QuoteCache,
    QuoteFailure,
    QuoteFault,
    QuoteSource,
    RateSource,
    SecuritySource,
    TradingSessions,
)
from allocation.price_history import Histories, NoHistories
from allocation.price_order import DEFAULT_ORDER, PriceOrder, choose_quote
from allocation.price_text import failure_sentences
from allocation.quote_chain import DEADLINE, QuoteChain, refused
from allocation.recent_quotes import RecentQuotes
from allocation.splits import SplitWatch

FRESH_FOR = timedelta(seconds=60)  # a quote fetched less than this ago is not fetched again
CURRENT_FOR = timedelta(minutes=15)  # of trading; many exchanges let the public see prices no sooner
SHORTEST_SESSION = timedelta(hours=2)  # within it no whole session can have passed

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


@dataclass(frozen=True, slots=True)
class AtHand:
    """The best quotes at hand, each in its own currency, and the rates that tell them in the account's."""

    quotes: Mapping[str, Quote]
    rates: Rates


class Market:
    """Where a session's prices come from. Only `refresh` talks to the network."""

    def __init__(
        self,
        source: QuoteSource | None,
        cache: QuoteCache,
        samples: Mapping[str, Quote] | None = None,
        sessions: TradingSessions | None = None,
        reference: RateSource | None = None,
        others: Mapping[PriceSource, QuoteSource] | None = None,
        deadline: float = DEADLINE,
        histories: Histories | None = None,
        describer: SecuritySource | None = None,
    ) -> None:
        """Put the sources together.

        Args:
            source: Yahoo, or None where nothing is fetched.
            samples: what counts where nothing else is known.
            others: further sources from the network.
            deadline: seconds a refresh may take, however many sources it asks.
            histories: closes of the past; splits are looked for in them.
            describer: who says what a security is, when somebody asks; None where nothing is fetched.
        """
        network = {PriceSource.YAHOO: source} if source else {}
        self._chain = QuoteChain({**network, **(others or {})}, deadline)
        self._reference = reference
        self._sessions = sessions or Weekdays()
        self._recent = RecentQuotes(cache)
        self._samples = dict(samples or {})
        self._fetched: dict[str, datetime] = {}
        self._flights: Flights[tuple[PriceOrder, str], QuoteAnswer] = Flights()
        self.histories = histories or Histories(None, NoHistories(), self._sessions)
        self.describer = describer
        self._splits = SplitWatch(self.histories)

    @property
    def can_refresh(self) -> bool:
        """Whether there is a source to fetch from; the demo has none."""
        return bool(self._chain.sources)

    @property
    def sources(self) -> tuple[PriceSource, ...]:
        """The sources that can be fetched from."""
        return self._chain.sources

    def known(
        self,
        symbols: Iterable[str],
        portfolio: Portfolio,
        manual: Mapping[str, Quote],
        order: PriceOrder = DEFAULT_ORDER,
        now: datetime | None = None,
    ) -> dict[str, Quote]:
        """The quote to use, in the account's currency, for each symbol that has one at hand.

        Args:
            order: whose price goes first, while it is current.
        """
        currency = portfolio.account.currency
        return self._best(symbols, portfolio, manual, order, now, lambda quote: quote.currency == currency)

    def at_hand(
        self,
        symbols: Iterable[str],
        portfolio: Portfolio,
        manual: Mapping[str, Quote],
        order: PriceOrder = DEFAULT_ORDER,
        now: datetime | None = None,
    ) -> AtHand:
        """What these lines and the account's money are told with: quotes in any currency, and the rates for all of them.

        A quote whose currency has a rate goes before one without. A symbol that means a currency has a rate, and no quote.
        """
        base, wanted = portfolio.account.currency, tuple(dict.fromkeys(symbols))
        lines = currency_lines(portfolio, wanted)
        securities = [symbol for symbol in wanted if symbol not in lines]
        met = [q.currency for quotes in self._candidates(securities, portfolio, manual).values() for q in quotes]
        rates = self.rates((*met, *portfolio.balances, *lines), base, manual).rates
        best = partial(self._best, portfolio=portfolio, manual=manual, order=order, now=now)
        told = best(securities, counts=lambda quote: rates.knows(quote.currency, base))
        rest = best([symbol for symbol in securities if symbol not in told], counts=lambda _: True)
        return AtHand({**told, **rest}, rates)

    def too_old(
        self,
        symbols: Iterable[str],
        portfolio: Portfolio,
        manual: Mapping[str, Quote],
        now: datetime,
        order: PriceOrder = DEFAULT_ORDER,
    ) -> dict[str, QuoteFailure]:
        """Why a symbol whose last price is known has none to use: it was fetched too many sessions ago."""
        last = self._chosen(symbols, portfolio, manual, order, now)
        return {
            symbol: _grown_old(quote, self._missed(quote, now))
            for symbol, quote in last.items()
            if self._is_too_old(quote, now)
        }

    def split_since(self, portfolio: Portfolio, answer: QuoteAnswer, now: datetime) -> dict[str, QuoteFailure]:
        """Why a holding cannot be told by its new price: it was split since. Asks where a price has moved far."""
        refused = {s: f.readings[0] for s, f in answer.failures.items() if f.code == PriceCode.JUMP and f.readings}
        return self._splits.look(portfolio, {**refused, **answer.quotes}, now)

    def rates(self, currencies: Iterable[str], base: str, manual: Mapping[str, Quote] | None = None) -> RateAnswer:
        """The rates at hand that tell money of these currencies in one: by hand, else the newest known.

        Args:
            manual: what the user entered by hand, by symbol; the rate of a pair stands under `pairs.pair_symbol`.
        """
        codes = tuple(dict.fromkeys((*currencies, base)))
        reference = self._reference.rates(codes) if self._reference else ()
        places = (manual or {}, self._recent.load(pair_symbols(codes, base)), self._samples)
        return rates_at_hand(codes, base, places, reference)

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
        order: PriceOrder = DEFAULT_ORDER,
    ) -> QuoteAnswer:
        """Fetch current quotes within the deadline, from one source after the other, and keep the good ones in the cache.

        What was fetched within the last minute is not fetched again, unless forced; nor is what its exchange has not
        traded since, or what a source that goes before the network has a current price of. What somebody else is
        fetching is waited for. For a minute after a source could not be reached or sent us away, or as long as it told
        us to stay away, it is not asked at all. A quote that does not follow from the last one is a failure, and the
        last one stays.

        Args:
            known: what the user has for these symbols. A price entered by hand can confirm a jump.
            currencies: what money is held in besides; asked for with the prices, as pairs with `base`.
            base: the currency in which everything is to be told; empty where no rates are wanted.
            order: whose price goes first.
        """
        ask = partial(self._together, now=now, force=force, known=known or {}, order=order)
        if not base:
            return ask(symbols)
        expected = pair_symbols((*currencies, *(quote.currency for quote in (known or {}).values())), base)
        answer = ask((*symbols, *expected))
        met = pair_symbols((quote.currency for symbol, quote in answer.quotes.items() if symbol not in expected), base)
        surprising = [pair for pair in met if pair not in expected]
        return _joined(answer, ask(surprising)) if surprising else answer

    def _together(
        self, symbols: Iterable[str], now: datetime, force: bool, known: Mapping[str, Quote], order: PriceOrder
    ) -> QuoteAnswer:
        def fetch(mine: tuple[tuple[PriceOrder, str], ...]) -> QuoteAnswer:
            return self._refresh(tuple(symbol for _, symbol in mine), now, force, known, order)

        answers = [
            (symbol, answer)
            for theirs, answer in self._flights.ask([(order, symbol) for symbol in symbols], fetch)
            for _, symbol in theirs
        ]
        return QuoteAnswer(
            {s: answer.quotes[s] for s, answer in answers if s in answer.quotes},
            {s: answer.failures[s] for s, answer in answers if s in answer.failures},
        )

    def _refresh(
        self, symbols: tuple[str, ...], now: datetime, force: bool, known: Mapping[str, Quote], order: PriceOrder
    ) -> QuoteAnswer:
        if not self._chain.sources:
            return refused(symbols, QuoteFault.SWITCHED_OFF, _SWITCHED_OFF)
        fresh = {} if force else self._fresh(symbols, now, known, order)
        missing = tuple(symbol for symbol in symbols if symbol not in fresh)
        answer = self._chain.quotes(missing, order, now, lambda said: self._guarded(said, now, known))
        self._recent.save(answer.quotes.values())
        self._fetched.update(dict.fromkeys(answer.quotes, now))
        return QuoteAnswer({**fresh, **answer.quotes}, answer.failures)

    def _guarded(self, answer: QuoteAnswer, now: datetime, known: Mapping[str, Quote]) -> QuoteAnswer:
        last = self._recent.load(answer.quotes)
        good, doubtful = dict(answer.quotes), dict(answer.failures)
        for symbol, quote in answer.quotes.items():
            earlier = [quotes[symbol] for quotes in (last, known) if symbol in quotes]
            try:
                self._refuse_doubtful(quote, earlier, now)
            except DoubtfulPriceError as error:
                del good[symbol]
                doubtful[symbol] = _doubtful(error, quote.source, choose_quote(earlier))
        return QuoteAnswer(good, doubtful)

    def _refuse_doubtful(self, quote: Quote, earlier: Iterable[Quote], now: datetime) -> None:
        pair = pair_of(quote.symbol)
        if pair is None:
            refuse_old(quote, self._missed(quote, now))
            refuse_leap(quote, earlier)
            return
        banks = Rates(self._reference.rates(pair) if self._reference else ())
        known = [*map(rate_of, earlier), *([banks[pair]] if pair in banks else [])]
        refuse_rate(quote, rate_of(quote), filter(None, known), now)

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

    def _best(
        self,
        symbols: Iterable[str],
        portfolio: Portfolio,
        manual: Mapping[str, Quote],
        order: PriceOrder,
        now: datetime | None,
        counts: Callable[[Quote], bool],
    ) -> dict[str, Quote]:
        """The quotes to use. What was fetched too long ago is not, nor is any but one by hand after a split."""
        best = self._chosen(symbols, portfolio, manual, order, now, counts)
        split = self._splits.since(portfolio, best)
        return {
            symbol: quote
            for symbol, quote in best.items()
            if quote.source == PriceSource.MANUAL or not (symbol in split or self._is_too_old(quote, now))
        }

    def _chosen(
        self,
        symbols: Iterable[str],
        portfolio: Portfolio,
        manual: Mapping[str, Quote],
        order: PriceOrder,
        now: datetime | None,
        counts: Callable[[Quote], bool] = lambda _: True,
    ) -> dict[str, Quote]:
        best = {
            symbol: choose_quote(
                filter(counts, quotes), order, lambda quote: now is not None and self._is_current(quote, now)
            )
            for symbol, quotes in self._candidates(symbols, portfolio, manual).items()
        }
        return {symbol: quote for symbol, quote in best.items() if quote is not None}

    def _is_too_old(self, quote: Quote, now: datetime | None) -> bool:
        """Whether a quote kept from an earlier fetch is one that nobody would accept if it came now."""
        fetched = quote.source in (PriceSource.YAHOO, PriceSource.ALPACA)
        return fetched and now is not None and self._missed(quote, now) > MOST_SESSIONS_MISSED

    def _is_current(self, quote: Quote, now: datetime, within: timedelta = CURRENT_FOR) -> bool:
        """Whether its exchange has hardly traded since. A file's price has a day and no hour, and counts from midnight."""
        return self._sessions.traded(exchange_of(quote.symbol, quote.currency), quote.time, now) <= within

    def _fresh(
        self, symbols: tuple[str, ...], now: datetime, known: Mapping[str, Quote], order: PriceOrder
    ) -> dict[str, Quote]:
        """What need not be fetched."""
        network = [order.index(source) for source in self._chain.sources if source in order]
        before = order[: min(network, default=0)]
        kept = self._recent.load(symbols)
        return {s: quote for s, quote in kept.items() if self._is_fresh(quote, now)} | {
            s: known[s]
            for s in symbols
            if s in known
            and known[s].source in before
            and known[s].source == PriceSource.FILE
            and self._is_current(known[s], now)
        }

    def _is_fresh(self, quote: Quote, now: datetime) -> bool:
        fetched = self._fetched.get(quote.symbol)
        return (fetched is not None and now - fetched < FRESH_FOR) or self._is_current(quote, now, FRESH_FOR)


def _joined(first: QuoteAnswer, second: QuoteAnswer) -> QuoteAnswer:
    return QuoteAnswer({**first.quotes, **second.quotes}, {**first.failures, **second.failures})


def _grown_old(quote: Quote, sessions: int) -> QuoteFailure:
    error = too_old(quote, sessions)
    message = f"The last price of {quote.symbol} is too old to plan with: {error.message}. {way_out(quote)}"
    return QuoteFailure(
        quote.symbol, QuoteFault.UNUSABLE, message, PriceCode(error.code), readings=(quote,), source=quote.source
    )


def _doubtful(error: DoubtfulPriceError, source: PriceSource, last: Quote | None) -> QuoteFailure:
    symbol = error.culprits[0]
    pair = pair_of(symbol)
    what, todo = (f"rate for {'/'.join(pair)}", rate_way_out(last)) if pair else (f"price for {symbol}", way_out(last))
    message = f"{source.value.title()} gave no usable {what}: {error.message}. {todo}"
    return QuoteFailure(
        symbol, QuoteFault.UNUSABLE, message, PriceCode(error.code), readings=error.readings, source=source
    )
