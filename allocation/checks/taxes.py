"""The taxes of a plan, reckoned afresh from the lots it sells: terms, wash sales, netting, and who pays what."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import TypeVar

from allocation.checks.exact import Grains
from allocation.checks.ledger import Ledger
from allocation.checks.lots import Key, Sold, is_long_term, lots_of
from allocation.rules import LotMethod, Taxes

NOTHING = Fraction(0)
Payer = TypeVar("Payer")


@dataclass(frozen=True, slots=True)
class TaxBill:
    """What the sales of a plan cost in tax; money as exact fractions, not grains.

    Attributes:
        lots: what each sale takes, by account and symbol.
        disallowed: for each of these lots, how much loss a wash sale keeps from counting, above zero.
        by_trade, by_account: the tax each bears.
        carried: the net loss, above zero, that pays nothing back.
    """

    lots: Mapping[Key, tuple[Sold, ...]]
    disallowed: Mapping[Key, tuple[Fraction, ...]]
    by_trade: Mapping[Key, Fraction]
    by_account: Mapping[str, Fraction]
    total: Grains
    carried: Grains


def draw_up(ledger: Ledger, traded: Mapping[Key, Fraction], lots: Mapping[Key, tuple[Sold, ...]]) -> TaxBill:
    """The bill for signed trades, in units, whose sales take these lots."""
    if not any(lots.values()):
        none = dict.fromkeys(lots, ())
        return TaxBill(lots, none, {}, {}, 0, 0)
    washed = _washed(ledger, traded, lots)
    gains = {key: _gains(key, lots[key], washed[key], ledger) for key in lots if key[0] in ledger.taxed}
    short, long = _sum(gains.values())
    taxes = ledger.rules.taxes
    total = tax_on(short, long, taxes)
    by_account = _by_account(total, gains, lots, ledger)
    return TaxBill(
        lots=lots,
        disallowed={key: _lost(key, lots[key], washed[key], ledger) for key in lots},
        by_trade=_by_trade(by_account, gains, lots, ledger),
        by_account=by_account,
        total=total,
        carried=max(NOTHING, -short - long),
    )


def tax_on(short: Fraction, long: Fraction, taxes: Taxes) -> Fraction:
    """Tax on net gains: a loss of one term lowers the gain of the other; a net loss pays nothing back (IRC §1222)."""
    gain = max(NOTHING, short + long)
    if short < 0:
        return gain * Fraction(taxes.long_term_rate)
    if long < 0:
        return gain * Fraction(taxes.short_term_rate)
    return short * Fraction(taxes.short_term_rate) + long * Fraction(taxes.long_term_rate)


def _washed(
    ledger: Ledger, traded: Mapping[Key, Fraction], lots: Mapping[Key, tuple[Sold, ...]]
) -> dict[Key, list[Fraction]]:
    """How many units of each lot sold are sold at a loss that does not count: share for share, the oldest lots first."""
    washed = {key: [NOTHING] * len(sold) for key, sold in lots.items()}
    replaced = _replacements(ledger, traded, lots)
    losing = [
        (sold.acquired or date.min, key[0], -sold.unit_cost, i, key, sold.quantity)
        for key, every in lots.items()
        for i, sold in enumerate(every)
        if key[0] in ledger.taxed and sold.unit_cost > Fraction(ledger.facts.prices[key[1]])
    ]
    for *_, i, key, quantity in sorted(losing):
        units = min(quantity, max(NOTHING, replaced.get(key[1], NOTHING)))
        washed[key][i] = units
        replaced[key[1]] = replaced.get(key[1], NOTHING) - units
    return washed


def _replacements(
    ledger: Ledger, traded: Mapping[Key, Fraction], lots: Mapping[Key, tuple[Sold, ...]]
) -> dict[str, Fraction]:
    """Units of each security bought in the wash-sale window (IRC §1091): by the plan, or before and still held after it."""
    found: dict[str, Fraction] = {}
    taxes = ledger.rules.taxes
    if taxes.as_of is None or taxes.lot_method == LotMethod.SHARE_POOL:
        return found
    for (_, symbol), quantity in traded.items():
        found[symbol] = found.get(symbol, NOTHING) + max(NOTHING, quantity)
    for (_, symbol), every in lots_of(ledger).items():
        recent = sum((Fraction(lot.quantity) for lot in every if _is_recent(lot.acquired, taxes)), NOTHING)
        found[symbol] = found.get(symbol, NOTHING) + recent
    for (_, symbol), sales in lots.items():
        gone = sum((sold.quantity for sold in sales if _is_recent(sold.acquired, taxes)), NOTHING)
        found[symbol] = found.get(symbol, NOTHING) - gone
    return found


def _is_recent(acquired: date | None, taxes: Taxes) -> bool:
    if acquired is None or taxes.as_of is None:
        return False
    return abs((taxes.as_of - acquired).days) <= taxes.wash_sale_days


def _gains(key: Key, lots: Iterable[Sold], washed: Iterable[Fraction], ledger: Ledger) -> tuple[Fraction, Fraction]:
    """Short-term and long-term gain of a sale, without the losses that do not count."""
    gains = [NOTHING, NOTHING]
    price, as_of = Fraction(ledger.facts.prices[key[1]]), ledger.rules.taxes.as_of
    for sold, units in zip(lots, washed, strict=True):
        gains[is_long_term(sold.acquired, as_of)] += (sold.quantity - units) * (price - sold.unit_cost)
    return gains[0], gains[1]


def _lost(key: Key, lots: Iterable[Sold], washed: Iterable[Fraction], ledger: Ledger) -> tuple[Fraction, ...]:
    price = Fraction(ledger.facts.prices[key[1]])
    return tuple(units * (sold.unit_cost - price) for sold, units in zip(lots, washed, strict=True))


def _by_account(
    total: Fraction,
    gains: Mapping[Key, tuple[Fraction, Fraction]],
    lots: Mapping[Key, tuple[Sold, ...]],
    ledger: Ledger,
) -> dict[str, Fraction]:
    """Each account pays in proportion to the tax of its gains alone."""
    accounts = sorted({account for account, _ in gains})
    taxes = ledger.rules.taxes
    alone = {a: tax_on(*_sum(g for key, g in gains.items() if key[0] == a), taxes) for a in accounts}
    winning = {a: sum((_winning(key, lots[key], ledger) for key in gains if key[0] == a), NOTHING) for a in accounts}
    return _divided(total, alone, winning)


def _by_trade(
    by_account: Mapping[str, Fraction],
    gains: Mapping[Key, tuple[Fraction, Fraction]],
    lots: Mapping[Key, tuple[Sold, ...]],
    ledger: Ledger,
) -> dict[Key, Fraction]:
    """Within an account each sale bears tax in proportion to rate·gain, where that is above zero."""
    taxes, found = ledger.rules.taxes, dict[Key, Fraction]()
    short_rate, long_rate = Fraction(taxes.short_term_rate), Fraction(taxes.long_term_rate)
    for account, tax in by_account.items():
        own = {key: gain for key, gain in gains.items() if key[0] == account}
        claims = {key: max(NOTHING, short_rate * short + long_rate * long) for key, (short, long) in own.items()}
        found |= _divided(tax, claims, {key: _winning(key, lots[key], ledger) for key in own})
    return found


def _winning(key: Key, lots: Iterable[Sold], ledger: Ledger) -> Fraction:
    """rate·gain of the lots sold at a gain."""
    price, taxes, found = Fraction(ledger.facts.prices[key[1]]), ledger.rules.taxes, NOTHING
    for sold in lots:
        rate = taxes.long_term_rate if is_long_term(sold.acquired, taxes.as_of) else taxes.short_term_rate
        found += max(NOTHING, price - sold.unit_cost) * sold.quantity * Fraction(rate)
    return found


def _divided(
    amount: Fraction, claims: Mapping[Payer, Fraction], otherwise: Mapping[Payer, Fraction]
) -> dict[Payer, Fraction]:
    """An amount in proportion to claims, or to others where there are none."""
    chosen = claims if any(claims.values()) else otherwise
    whole = sum(chosen.values(), NOTHING)
    return {key: amount * claim / whole if whole else NOTHING for key, claim in chosen.items()}


def _sum(gains: Iterable[tuple[Fraction, Fraction]]) -> tuple[Fraction, Fraction]:
    every = list(gains)
    return sum((short for short, _ in every), NOTHING), sum((long for _, long in every), NOTHING)
