"""Losses to realise now, derived afresh: what has to be sold, what may not be bought, and where the target moves."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from allocation.checks.fault import Fault
from allocation.checks.ledger import Ledger, read_ledger
from allocation.checks.lots import Key, Sold, lots_of, sold_by
from allocation.checks.outcome import Outcome
from allocation.facts import Facts
from allocation.rules import Harvest, LotMethod, OutsideTarget, Rules, Selling
from allocation.targets import ClassTarget
from allocation.trade_plan import TradePlan

_NOTHING = Fraction(0)


@dataclass(frozen=True, slots=True)
class Forced:
    """Sales that harvesting asks for, in units, and the held securities with a substitute that it leaves alone."""

    sales: Mapping[Key, Fraction]
    left_out: frozenset[str]


def read_harvested_ledger(facts: Facts) -> Ledger | Fault:
    """The ledger of these facts; where losses are to be realised, of the target with the substitutes in place."""
    ledger, wanted = read_ledger(facts), facts.rules.taxes.harvest
    if wanted is None or isinstance(ledger, Fault):
        return ledger
    forced = _forced(ledger, wanted)
    sold = {symbol for _, symbol in forced.sales}
    if not sold:
        return replace(ledger, left_out=forced.left_out)
    unbought = replace(facts, rules=replace(facts.rules, do_not_buy=facts.rules.do_not_buy | sold))
    moved = None if isinstance(facts.target, ClassTarget) else _moved(ledger, wanted, forced.sales)
    again = read_ledger(unbought, moved)
    if isinstance(again, Fault):
        return again
    counted = {key: int(units * again.quantum) for key, units in forced.sales.items()}
    return replace(again, forced=counted, left_out=forced.left_out)


def check_harvest(plan: TradePlan, outcome: Outcome) -> Iterator[Fault]:
    """What is to be sold for its loss is sold, at least as much of it as realises the loss."""
    for key, least in outcome.ledger.forced.items():
        if -outcome.traded.get(key, 0) < least:
            units = float(Fraction(least, outcome.ledger.quantum))
            yield Fault("harvest", f"{key[1]}: {units:g} units in {key[0]} are to be sold for their loss.")


def sold_at_a_loss(ledger: Ledger) -> frozenset[str]:
    """Securities that a taxable account sold at a loss within the wash-sale window."""
    return frozenset(
        sale.symbol
        for portfolio in ledger.facts.portfolios
        if portfolio.account.id in ledger.taxed
        for sale in portfolio.recent_sales
        if _in_window(sale.sold, ledger)
    )


def _forced(ledger: Ledger, wanted: Harvest) -> Forced:
    """The sales of each security with a substitute, the largest loss first, where nothing stands against them."""
    offers = {symbol: _offers(symbol, ledger, wanted) for symbol in wanted.substitutes}
    losses = {symbol: sum(loss for _, loss in own.values()) for symbol, own in offers.items()}
    chosen: dict[str, str] = {}
    sales: dict[Key, Fraction] = {}
    for symbol in sorted(offers, key=lambda s: (-losses[s], s)):
        own = {key: units for key, (units, _) in offers[symbol].items()}
        other = wanted.substitutes[symbol]
        apart = other not in chosen and symbol not in chosen.values() and other not in sold_at_a_loss(ledger)
        if own and _is_allowed(symbol, other, ledger) and apart and not _bought_lately(symbol, own, ledger):
            chosen[symbol] = other
            sales |= own
    held = {p.symbol for portfolio in ledger.facts.portfolios for p in portfolio.positions}
    return Forced(sales, frozenset(symbol for symbol in offers if symbol in held and symbol not in chosen))


def _is_allowed(symbol: str, other: str, ledger: Ledger) -> bool:
    """Whether the one may be sold and the other bought, and both have a price."""
    rules, prices = ledger.rules, ledger.facts.prices
    priced = all(prices.get(each) is not None and prices[each] > 0 for each in (symbol, other))
    free = symbol not in rules.lock | rules.do_not_sell and other not in rules.lock | rules.do_not_buy
    return priced and free and rules.selling == Selling.ALLOWED and not _is_kept(symbol, other, ledger, rules)


def _is_kept(symbol: str, other: str, ledger: Ledger, rules: Rules) -> bool:
    """Whether what the target does not speak of is held, or left out of the plan."""
    if rules.outside_target == OutsideTarget.SELL:
        return False
    held = {p.symbol for portfolio in ledger.facts.portfolios for p in portfolio.positions if p.quantity}
    left_out = rules.outside_target == OutsideTarget.EXCLUDE and other in held and other not in ledger.cells.named
    return symbol not in ledger.cells.named or left_out


def _offers(symbol: str, ledger: Ledger, wanted: Harvest) -> dict[Key, tuple[Fraction, Fraction]]:
    """By line, the units whose sale realises the most loss, and that loss; lines where it is not worth it are left out."""
    found = {}
    for key in (key for key in lots_of(ledger) if key in ledger.held and key[1] == symbol and key[0] in ledger.taxed):
        price, step = Fraction(ledger.facts.prices[symbol]), Fraction(ledger.rules.increment_of(symbol))
        units = min(sorted(_corners(key, step, ledger)), key=lambda n: _worth_having(key, n, price, wanted, ledger))
        loss = -sum((price - lot.unit_cost) * lot.quantity for lot in _sold(key, units, ledger))
        large = units * price >= Fraction(ledger.rules.min_trade_value)
        if units and loss >= Fraction(wanted.min_loss) and large:
            found[key] = units, Fraction(loss)
    return found


def _sold(key: Key, units: Fraction, ledger: Ledger) -> tuple[Sold, ...]:
    return sold_by(ledger.rules.taxes.lot_method, ledger, {key: units})[key]


def _corners(key: Key, step: Fraction, ledger: Ledger) -> set[Fraction]:
    """Whole increments beside which a lot ends: between them gains are linear."""
    held, reached = Fraction(ledger.held[key], ledger.quantum), _NOTHING
    found = {_NOTHING}
    for lot in _sold(key, held, ledger):
        reached += lot.quantity
        found |= {n * step for n in (reached // step, reached // step + 1) if n * step <= held}
    return found


def _worth_having(key: Key, units: Fraction, price: Fraction, wanted: Harvest, ledger: Ledger) -> Fraction:
    """Gains of a sale, less those of its losses that are large enough."""
    gains = ((price - lot.unit_cost, lot) for lot in _sold(key, units, ledger))
    rate = Fraction(wanted.min_loss_rate)
    return sum((gain * lot.quantity for gain, lot in gains if gain > 0 or -gain >= rate * lot.unit_cost), _NOTHING)


def _bought_lately(symbol: str, sales: Mapping[Key, Fraction], ledger: Ledger) -> bool:
    """Whether units bought within the window remain in any account after these sales."""
    left = _NOTHING
    for (_, held), lots in lots_of(ledger).items():
        if held == symbol:
            left += sum((Fraction(lot.quantity) for lot in lots if _in_window(lot.acquired, ledger)), _NOTHING)
    for key, units in sales.items():
        left -= sum((lot.quantity for lot in _sold(key, units, ledger) if _in_window(lot.acquired, ledger)), _NOTHING)
    return left > 0


def _in_window(day: date | None, ledger: Ledger) -> bool:
    taxes = ledger.rules.taxes
    if day is None or taxes.as_of is None or taxes.lot_method == LotMethod.SHARE_POOL:
        return False
    return abs((day - taxes.as_of).days) <= taxes.wash_sale_days


def _moved(ledger: Ledger, wanted: Harvest, sales: Mapping[Key, Fraction]) -> dict[str, Fraction]:
    """The target: what is harvested falls to what remains of it, where that is less, and its substitute takes the rest."""
    weights = {s: Fraction(ledger.cells.weight_of(s), ledger.cells.whole) for s in ledger.cells.named}
    worth = Fraction(ledger.whole, ledger.grain)
    for symbol in sorted({symbol for _, symbol in sales}):
        held = Fraction(sum(n for key, n in ledger.held.items() if key[1] == symbol), ledger.quantum)
        remains = held - sum((units for key, units in sales.items() if key[1] == symbol), _NOTHING)
        before, after = weights.get(symbol, _NOTHING), remains * Fraction(ledger.facts.prices[symbol]) / worth
        if after < before:
            other = wanted.substitutes[symbol]
            weights |= {symbol: after, other: weights.get(other, _NOTHING) + before - after}
    return weights
