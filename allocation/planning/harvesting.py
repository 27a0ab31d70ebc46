"""Losses to realise now: what a plan has to sell for them, and what the target becomes with the substitutes in place."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from allocation.facts import Facts
from allocation.model import Portfolio
from allocation.planning.cells import Aim
from allocation.planning.missing import checked_prices
from allocation.rules import OutsideTarget, Rules
from allocation.targets import TargetAllocation
from allocation.taxes import Harvested, harvest

NOTHING_HARVESTED = Harvested((), {}, frozenset(), {})


def harvest_of(
    facts: Facts, portfolios: Iterable[Portfolio], held: Mapping[tuple[int, str], Decimal], aim: Aim
) -> Harvested:
    """What the rules about harvesting ask of these facts; nothing where there is no such rule or nothing to divide.

    A target of classes has no weights to move: what is harvested is sold and not bought, and any security that the class
    may be filled with takes its place.

    Args:
        held: what counts in the total, by place of the account and symbol.
        aim: the target without substitutes.
    """
    total = _total(facts, held) if facts.rules.taxes.harvest else Fraction(0)
    if total <= 0:
        return NOTHING_HARVESTED
    known = {symbol: price for symbol, price in facts.prices.items() if price is not None and price > 0}
    weights = facts.target.exact_weights if isinstance(facts.target, TargetAllocation) else {}
    return harvest(portfolios, known, weights, total, _strict(facts.rules, aim.outside))


def without_buying(rules: Rules, symbols: frozenset[str]) -> Rules:
    """The rules, with some more securities that are not to be bought."""
    return replace(rules, do_not_buy=rules.do_not_buy | symbols) if symbols else rules


def _total(facts: Facts, held: Mapping[tuple[int, str], Decimal]) -> Fraction:
    """V: all that weights are fractions of, in money."""
    prices = checked_prices(dict.fromkeys(symbol for _, symbol in held), facts.prices)
    cash = sum((Fraction(p.cash) for p in facts.portfolios), Fraction(facts.cash_flow))
    worth = sum((Fraction(quantity) * Fraction(prices[symbol]) for (_, symbol), quantity in held.items()), cash)
    return worth - Fraction(facts.rules.cash_reserve)


def _strict(rules: Rules, outside: Iterable[str]) -> Rules:
    """The rules as harvesting has to take them: what is held or left out of the total is not sold, nor a substitute."""
    kept = rules.outside_target != OutsideTarget.SELL
    excluded = rules.outside_target == OutsideTarget.EXCLUDE
    return replace(
        rules,
        do_not_sell=rules.do_not_sell.union(outside if kept else ()),
        do_not_buy=rules.do_not_buy.union(outside if excluded else ()),
    )
