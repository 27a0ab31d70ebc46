"""Losses to realise now: what to sell for its loss, and how the target moves to the substitutes the user named."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from math import floor

from allocation.model import Portfolio, Position, TaxTreatment
from allocation.planning.exact import as_decimal
from allocation.rules import Harvest, Rules, Selling, Taxes
from allocation.taxes.gains import take
from allocation.taxes.lots import LotSlice, elsewhere_pooled, require_day, slices
from allocation.taxes.wash import ZERO, recently_bought, sold_at_a_loss_lately


class NotHarvested(StrEnum):
    """Why a security with a substitute is not sold for its loss."""

    SMALL = "small"
    WASHED = "washed"
    SUBSTITUTE_LOST = "substitute_lost"
    SUBSTITUTE_HARVESTED = "substitute_harvested"
    NO_PRICE = "no_price"
    FORBIDDEN = "forbidden"


@dataclass(frozen=True, slots=True)
class HarvestSale:
    """Units of one account that are to be sold at least, and the loss they realise in money, above zero."""

    account: str
    symbol: str
    quantity: Decimal
    loss: Fraction
    substitute: str


@dataclass(frozen=True, slots=True)
class Harvested:
    """What harvesting asks of a plan.

    Attributes:
        sales: by account, then symbol; each is the least that has to be sold.
        weights: the target with the substitutes in place; fractions of the whole portfolio.
        not_to_buy: what is harvested, which no account may buy.
        left_out: securities with a substitute that are held and not harvested, and why.
    """

    sales: tuple[HarvestSale, ...]
    weights: Mapping[str, Fraction]
    not_to_buy: frozenset[str]
    left_out: Mapping[str, NotHarvested]


def harvest(
    portfolios: Iterable[Portfolio],
    prices: Mapping[str, Decimal],
    weights: Mapping[str, Fraction],
    total: Fraction,
    rules: Rules,
) -> Harvested:
    """The sales and the target that `taxes.harvest` asks for; nothing changes where it is None. See docs/taxes.md.

    Args:
        weights: the target, as fractions of `total`.
        total: the value that weights are fractions of, in money; above zero.

    Raises:
        RulesError: `taxes.as_of` is missing where it is needed.
    """
    wanted = rules.taxes.harvest
    if wanted is None:
        return Harvested((), weights, frozenset(), {})
    held = sorted(portfolios, key=lambda each: each.account.id)
    offers = {symbol: _offers(held, symbol, prices, wanted, rules) for symbol in sorted(wanted.substitutes)}
    chosen: dict[str, tuple[HarvestSale, ...]] = {}
    left_out: dict[str, NotHarvested] = {}
    for symbol in sorted(offers, key=lambda each: (-sum(s.loss for s in offers[each]), each)):
        why_not = _why_not(symbol, offers[symbol], chosen, held, prices, wanted, rules)
        if why_not is None:
            chosen[symbol] = offers[symbol]
        elif any(symbol in portfolio.symbols for portfolio in held):
            left_out[symbol] = why_not
    sales = sorted((s for each in chosen.values() for s in each), key=lambda s: (s.account, s.symbol))
    moved = _moved(weights, total, held, prices, sales, wanted)
    return Harvested(tuple(sales), moved, frozenset(chosen), dict(sorted(left_out.items())))


def _offers(
    portfolios: Sequence[Portfolio], symbol: str, prices: Mapping[str, Decimal], wanted: Harvest, rules: Rules
) -> tuple[HarvestSale, ...]:
    """In each taxable account that holds it: the sale that realises the most loss, if that is enough."""
    found, least = [], Fraction(rules.min_trade_value)
    for portfolio in portfolios:
        if portfolio.account.tax_treatment != TaxTreatment.TAXABLE or symbol not in prices:
            continue
        for position in (p for p in portfolio.positions if p.symbol == symbol):
            lots = _lots(position, portfolio, portfolios, rules.taxes, prices[symbol])
            quantity = _most_losing(lots, prices[symbol], Fraction(rules.increment_of(symbol)), wanted)
            loss = -sum((t.lot.gain_per_unit(prices[symbol]) * t.quantity for t in take(lots, quantity)), ZERO)
            if quantity and loss >= Fraction(wanted.min_loss) and quantity * Fraction(prices[symbol]) >= least:
                other = wanted.substitutes[symbol]
                found.append(HarvestSale(portfolio.account.id, symbol, as_decimal(quantity), loss, other))
    return tuple(found)


def _lots(
    position: Position, portfolio: Portfolio, portfolios: Sequence[Portfolio], taxes: Taxes, price: Decimal
) -> tuple[LotSlice, ...]:
    require_day(taxes, [position])
    return slices(position, taxes, price, elsewhere_pooled(portfolios, portfolio.account.id, position.symbol))


def _most_losing(lots: Sequence[LotSlice], price: Decimal, step: Fraction, wanted: Harvest) -> Fraction:
    """The smallest sale with the most loss worth having, along the order of the lots; 0 where there is none.

    Between the ends of lots the loss is linear, so the best whole number of steps is next to one of them.
    """
    ends, sold = {0}, ZERO
    held = sum((Fraction(lot.quantity) for lot in lots), ZERO)
    for lot in lots:
        sold += Fraction(lot.quantity)
        ends |= {k for k in (floor(sold / step), floor(sold / step) + 1) if k * step <= held}
    return step * min(sorted(ends), key=lambda k: _score(lots, k * step, price, wanted))


def _score(lots: Sequence[LotSlice], quantity: Fraction, price: Decimal, wanted: Harvest) -> Fraction:
    """Gains less the losses worth having."""
    found = ZERO
    for taken in take(lots, quantity):
        gain = taken.lot.gain_per_unit(price)
        if gain > 0 or -gain >= Fraction(wanted.min_loss_rate) * Fraction(taken.lot.unit_cost):
            found += gain * taken.quantity
    return found


def _why_not(
    symbol: str,
    sales: Sequence[HarvestSale],
    chosen: Mapping[str, Sequence[HarvestSale]],
    portfolios: Sequence[Portfolio],
    prices: Mapping[str, Decimal],
    wanted: Harvest,
    rules: Rules,
) -> NotHarvested | None:
    other = wanted.substitutes[symbol]
    if symbol not in prices or other not in prices:
        return NotHarvested.NO_PRICE
    if (
        rules.selling != Selling.ALLOWED
        or symbol in rules.lock | rules.do_not_sell
        or other in rules.lock | rules.do_not_buy
    ):
        return NotHarvested.FORBIDDEN
    if not sales:
        return NotHarvested.SMALL
    if other in chosen or symbol in {wanted.substitutes[each] for each in chosen}:
        return NotHarvested.SUBSTITUTE_HARVESTED
    if other in sold_at_a_loss_lately(portfolios, rules.taxes):
        return NotHarvested.SUBSTITUTE_LOST
    return NotHarvested.WASHED if _is_washed(symbol, sales, portfolios, prices, rules.taxes) else None


def _is_washed(
    symbol: str,
    sales: Sequence[HarvestSale],
    portfolios: Sequence[Portfolio],
    prices: Mapping[str, Decimal],
    taxes: Taxes,
) -> bool:
    """Whether units bought within the window remain anywhere after these sales."""
    staying = recently_bought(portfolios, taxes).get(symbol, ZERO)
    quantity = {sale.account: sale.quantity for sale in sales}
    for portfolio in portfolios:
        for position in (p for p in portfolio.positions if p.symbol == symbol and portfolio.account.id in quantity):
            lots = _lots(position, portfolio, portfolios, taxes, prices[symbol])
            taken = take(lots, quantity[portfolio.account.id])
            staying -= sum((t.quantity for t in taken if t.lot.recent), ZERO)
    return staying > 0


def _moved(
    weights: Mapping[str, Fraction],
    total: Fraction,
    portfolios: Sequence[Portfolio],
    prices: Mapping[str, Decimal],
    sales: Sequence[HarvestSale],
    wanted: Harvest,
) -> dict[str, Fraction]:
    """The target of what is harvested falls to what remains of it, the substitute's rises by the difference."""
    found = dict(weights)
    for symbol in sorted({sale.symbol for sale in sales}):
        held = sum((Fraction(p.quantities.get(symbol, 0)) for p in portfolios), ZERO)
        remains = held - sum((Fraction(sale.quantity) for sale in sales if sale.symbol == symbol), ZERO)
        weight = found.get(symbol, ZERO)
        kept = min(weight, remains * Fraction(prices[symbol]) / total)
        if kept < weight:
            other = wanted.substitutes[symbol]
            found[symbol], found[other] = kept, found.get(other, ZERO) + weight - kept
    return found
