"""An account told in its own currency, as the engine sees it: every price, all cash, and the currencies that are lines.

A price in another currency counts at price × rate. So does cash in another currency, which is part of the account's cash,
unless the currency has a target or a lock: then it is a line like a security, its symbol the currency's code, its units
the money, its price the rate. Costs of lots are in the account's currency already; today's rate does not touch them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from allocation.currencies import Rate, Rates, in_currency, smallest_unit
from allocation.errors import MissingRateError, listed
from allocation.model import Portfolio, Position, Quote
from allocation.rules import Rules

NO_RATES: Final = Rates()
# Named in a target, these mean the currency; of the others only what the account holds does, since BND, ALL and AMD are
# the codes of currencies and the symbols of securities.
WELL_KNOWN: Final = frozenset(
    ("AUD", "CAD", "CHF", "DKK", "EUR", "GBP", "HKD", "JPY", "NOK", "NZD", "SEK", "SGD", "USD")
)


@dataclass(frozen=True, slots=True)
class InBase:
    """An account in its own currency, and what it took to tell it.

    Attributes:
        portfolio: positions, currency lines among them, and one sum of cash; no balances.
        prices: money of the account's currency for one unit, by symbol.
        lines: the codes that are lines, in the order in which they were named.
        rates: by code, the rate at which money or a price of that currency was told.
        unpriced: positions without a price, or without the rate for it.
        unrated: by code, what would need its rate; none of it is counted.
    """

    portfolio: Portfolio
    prices: Mapping[str, Decimal]
    lines: tuple[str, ...]
    rates: Mapping[str, Rate]
    unpriced: tuple[str, ...]
    unrated: Mapping[str, tuple[str, ...]]

    def refuse_unrated(self, reasons: Iterable[str] = ()) -> None:
        """Raise `MissingRateError` where a rate is missing, naming every pair and what needs it."""
        if not self.unrated:
            return
        base = self.portfolio.account.currency
        needed = (f"{base} for {code} is needed for {listed(what)}." for code, what in self.unrated.items())
        raise MissingRateError([f"{code}/{base}" for code in self.unrated], (*needed, *reasons))

    def adapt(self, rules: Rules) -> Rules:
        """The rules with the smallest unit of each currency line, where they name no step for it themselves."""
        smallest = {code: smallest_unit(code) for code in self.lines}
        return replace(rules, increments={**smallest, **rules.increments}) if smallest else rules


def in_base_currency(
    portfolio: Portfolio, quotes: Mapping[str, Quote], rates: Rates = NO_RATES, wanted: Iterable[str] = ()
) -> InBase:
    """The account at these quotes and rates.

    Args:
        quotes: by symbol, for the lines held or wanted; each in whatever currency.
        wanted: symbols with a target or a lock; those that mean a currency become lines.
    """
    base, lines = portfolio.account.currency, currency_lines(portfolio, wanted)
    needed = _needed(portfolio, quotes, lines)
    used = {code: rates[code, base] for code in needed if rates.knows(code, base)}
    per_unit = {base: Decimal(1), **{code: rate.price for code, rate in used.items()}}
    prices = {
        **{s: in_currency(q.price, per_unit[q.currency]) for s, q in quotes.items() if q.currency in per_unit},
        **{code: used[code].price for code in lines if code in used},
    }
    loose = {code: amount for code, amount in portfolio.balances.items() if code not in lines or amount < 0}
    cash = sum((in_currency(loose[code], used[code].price) for code in loose if code in used), portfolio.cash)
    held = (*portfolio.positions, *_as_positions(portfolio, lines))
    return InBase(
        replace(portfolio, positions=held, cash=cash, balances={}),
        prices,
        lines,
        used,
        tuple(position.symbol for position in held if position.symbol not in prices),
        {code: what for code, what in needed.items() if code not in used},
    )


def currency_lines(portfolio: Portfolio, wanted: Iterable[str]) -> tuple[str, ...]:
    """Which of these symbols mean a currency: one the account holds, or a well-known one; never a security it holds."""
    own = {portfolio.account.currency, *portfolio.symbols}
    meant = (portfolio.balances.keys() | WELL_KNOWN) - own
    return tuple(dict.fromkeys(symbol for symbol in wanted if symbol in meant))


def foreign_currencies(
    portfolio: Portfolio, quotes: Mapping[str, Quote], wanted: Iterable[str] = ()
) -> tuple[str, ...]:
    """The currencies whose rates are needed to tell this account in its own."""
    return tuple(_needed(portfolio, quotes, currency_lines(portfolio, wanted)))


def _needed(portfolio: Portfolio, quotes: Mapping[str, Quote], lines: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """By code, what needs its rate."""
    needed: dict[str, list[str]] = {}
    for code, amount in portfolio.balances.items():
        if amount:
            needed.setdefault(code, []).append(f"cash in {code}")
    for code in lines:
        needed.setdefault(code, [f"cash in {code}"])
    for symbol, quote in quotes.items():
        if quote.currency != portfolio.account.currency:
            needed.setdefault(quote.currency, []).append(symbol)
    return {code: tuple(what) for code, what in needed.items()}


def _as_positions(portfolio: Portfolio, lines: Iterable[str]) -> tuple[Position, ...]:
    """Currency lines as positions. What is owed is no position: it stays in the cash, and is settled from there."""
    return tuple(
        Position(code, max(portfolio.balances.get(code, Decimal(0)), Decimal(0)), name=f"Cash in {code}")
        for code in lines
    )
