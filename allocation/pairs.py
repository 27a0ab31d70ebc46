"""Currency pairs among the quotes: how a pair is spelled as a symbol, and which of several rates at hand counts."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Final

from allocation.currencies import Pair, Rate, RateOrigin, Rates, significant
from allocation.model import PriceSource, Quote

# The currency that is named first in a pair, as dealers do; among all others the one first in the alphabet. The way
# round matters: a yen in dollars would come with four digits, a dollar in yen comes with six.
_FIRST_NAMED: Final = ("EUR", "GBP", "AUD", "NZD", "USD", "CAD", "CHF")
_PAIR = re.compile(r"([A-Z]{3})([A-Z]{3})=X")
_ORIGINS: Final = {
    PriceSource.MANUAL: RateOrigin.MANUAL,
    PriceSource.YAHOO: RateOrigin.YAHOO,
    PriceSource.SAMPLE: RateOrigin.SAMPLE,
}


@dataclass(frozen=True, slots=True)
class RateAnswer:
    """Rates at hand, and the currencies that nothing is known of.

    Attributes:
        missing: codes of currencies whose money cannot be told in the one that was asked for.
    """

    rates: Rates
    missing: tuple[str, ...] = ()


def pair_symbol(one: str, other: str) -> str:
    """How two currencies are spelled as one symbol: "EURUSD=X", the price of a euro in dollars, whichever way asked."""
    base, counter = sorted((one, other), key=_rank)
    return f"{base}{counter}=X"


def pair_symbols(currencies: Iterable[str], base: str) -> tuple[str, ...]:
    """The symbols of every rate that is needed to tell these currencies in one."""
    return tuple(pair_symbol(code, base) for code in dict.fromkeys(currencies) if code != base)


def pair_of(symbol: str) -> Pair | None:
    """Base and counter of a pair's symbol; None for what is no pair."""
    found = _PAIR.fullmatch(symbol)
    return (found[1], found[2]) if found and found[1] != found[2] else None


def rate_of(quote: Quote) -> Rate | None:
    """The rate in a quote; None where it is about no pair, or not in the pair's own counter currency."""
    pair = pair_of(quote.symbol)
    if pair is None or pair[1] != quote.currency or quote.source not in _ORIGINS:
        return None
    return Rate(*pair, significant(Fraction(quote.price)), quote.time, _ORIGINS[quote.source])


def rates_at_hand(
    currencies: Iterable[str], base: str, quotes: Sequence[Mapping[str, Quote]], reference: Iterable[Rate] = ()
) -> RateAnswer:
    """The best rate of each currency in the one named: by hand, else the newest; crossed where the pair itself is unknown.

    Args:
        quotes: quotes of pairs by symbol, from several places.
        reference: rates of a central bank.
    """
    wanted = tuple(dict.fromkeys(code for code in currencies if code != base))
    quoted = [
        rate
        for symbol in pair_symbols(wanted, base)
        for place in quotes
        if symbol in place and (rate := rate_of(place[symbol]))
    ]
    banks = tuple(reference)
    good = [rate for rate in quoted if rate.source == RateOrigin.MANUAL or not _outdated(rate, banks)]
    rates = Rates(_best(good, banks))
    return RateAnswer(rates, tuple(code for code in wanted if not rates.knows(code, base)))


def _rank(code: str) -> tuple[int, str]:
    return (_FIRST_NAMED.index(code) if code in _FIRST_NAMED else len(_FIRST_NAMED), code)


def _outdated(rate: Rate, banks: tuple[Rate, ...]) -> bool:
    """Whether the bank's own rates tell the pair, and are newer."""
    known = Rates(banks)
    return known.knows(rate.base, rate.counter) and known[rate.base, rate.counter].time > rate.time


def _best(quoted: Iterable[Rate], banks: Iterable[Rate]) -> Iterable[Rate]:
    """One rate for each pair: by hand before newer before older."""
    best: dict[Pair, Rate] = {}
    for rate in (*banks, *quoted):
        rival = best.get((rate.base, rate.counter))
        if rival is None or _trust(rate) >= _trust(rival):
            best[rate.base, rate.counter] = rate
    return best.values()


def _trust(rate: Rate) -> tuple[bool, datetime]:
    return rate.source == RateOrigin.MANUAL, rate.time
