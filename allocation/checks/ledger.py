"""The facts, read afresh in whole numbers: what every account holds, and what the rules let each security do."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from math import lcm

from allocation.checks.cells import Cells, cells_of, completed, read_cells
from allocation.checks.exact import common_denominator, in_units
from allocation.checks.fault import Fault
from allocation.facts import Facts
from allocation.model import Portfolio, TaxTreatment
from allocation.rules import OutsideTarget, Rules, Selling, TradeScope

Holdings = Mapping[str, Mapping[str, Decimal]]
_NONE = Decimal(0)


@dataclass(frozen=True, slots=True)
class Security:
    """One security in quanta (units of quantity) and grains (units of money).

    Attributes:
        price: grains for one quantum.
        step: the smallest tradable number of quanta.
        least: the smallest number of quanta that may be traded.
        exposure: pairs of cell and parts.
        no_buying, no_selling: the rule that forbids it, or "".
    """

    symbol: str
    price: int
    step: int
    least: int
    exposure: tuple[tuple[int, int], ...]
    no_buying: str
    no_selling: str

    def may_trade(self, quanta: int, held: int) -> bool:
        """Whether no rule of this line alone forbids the signed trade; whole steps are taken for granted."""
        if quanta > 0:
            return not self.no_buying and quanta >= self.least
        return quanta == 0 or (not self.no_selling and self.least <= -quanta <= held)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Everything before trading, cash flows included.

    Attributes:
        grain: grains in one unit of money; prices, values and trading costs are whole numbers of them.
        quantum: quanta in one unit of quantity.
        held: quanta by account and symbol.
        lines: every account with every security that it holds or may buy.
        worth: grains·parts in each cell.
        cash: grains by account.
        taxed: the accounts whose gains are taxed.
        total: grains of everything, the reserve included.
        forced: by account and symbol, quanta that have to be sold for their loss.
        left_out: held securities with a substitute that are not sold for their loss.
        whole: V, what weights are fractions of: the total less the reserve.
    """

    facts: Facts
    cells: Cells
    grain: int
    quantum: int
    securities: Mapping[str, Security]
    held: Mapping[tuple[str, str], int]
    lines: tuple[tuple[str, str], ...]
    worth: tuple[int, ...]
    cash: Mapping[str, int]
    taxed: frozenset[str]
    reserve: int
    total: int
    whole: int
    forced: Mapping[tuple[str, str], int] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()

    @property
    def rules(self) -> Rules:
        """The rules of the request."""
        return self.facts.rules


def read_ledger(facts: Facts, moved: Mapping[str, Fraction] | None = None) -> Ledger | Fault:
    """The ledger of these facts, or why there is none.

    Args:
        moved: other weights than the target of securities gives.
    """
    prices = {s: price for s, price in facts.prices.items() if price is not None and price > 0}
    named = read_cells(facts.target, facts.rules, prices) if moved is None else cells_of(moved)
    holdings = {p.account.id: _holdings(p, named, facts.rules) for p in facts.portfolios}
    held = {s: None for own in holdings.values() for s in own}
    symbols = sorted(held.keys() | named.buyable)
    unpriced = [s for s in symbols if s not in prices]
    if unpriced:
        return Fault("price_missing", f"The request has no price for {', '.join(unpriced)}.")
    ledger = _count(facts, completed(named, held, facts.rules), holdings, {s: prices[s] for s in symbols})
    return ledger if ledger.whole > 0 else Fault("portfolio_empty", "The request leaves nothing to divide.")


def _holdings(portfolio: Portfolio, cells: Cells, rules: Rules) -> dict[str, Decimal]:
    """Quantities above zero, without what the rules exclude."""
    every = rules.outside_target != OutsideTarget.EXCLUDE
    return {p.symbol: p.quantity for p in portfolio.positions if p.quantity and (every or p.symbol in cells.named)}


def _count(facts: Facts, cells: Cells, holdings: Holdings, prices: Mapping[str, Decimal]) -> Ledger:
    """Everything in quanta and grains so fine that each amount is a whole number of them."""
    rules = facts.rules
    steps = {s: rules.increment_of(s) for s in prices}
    quantum = common_denominator([*steps.values(), *(q for own in holdings.values() for q in own.values())])
    grain = _grain(facts, prices, quantum)
    cost = {s: in_units(price, grain) // quantum for s, price in prices.items()}
    held = {(a, s): in_units(q, quantum) for a, own in holdings.items() for s, q in own.items()}
    flows = facts.cash_flows
    cash = {
        p.account.id: in_units(p.cash, grain) + in_units(flows.get(p.account.id, _NONE), grain)
        for p in facts.portfolios
    }
    worth = [0] * len(cells.weights)
    for (_, symbol), quanta in held.items():
        for cell, parts in cells.exposures[symbol]:
            worth[cell] += cost[symbol] * quanta * parts
    total = sum(cash.values()) + sum(cost[s] * quanta for (_, s), quanta in held.items())
    reserve = in_units(rules.cash_reserve, grain)
    resting = _resting(cells, worth, total - reserve, rules)
    minimum = in_units(rules.min_trade_value, grain)
    return Ledger(
        facts=facts,
        cells=cells,
        grain=grain,
        quantum=quantum,
        securities={
            s: _security(s, price, in_units(steps[s], quantum), minimum, cells, rules, resting)
            for s, price in cost.items()
        },
        held=held,
        lines=tuple((a, s) for a, own in holdings.items() for s in sorted(own.keys() | cells.buyable)),
        worth=tuple(worth),
        cash=cash,
        taxed=frozenset(p.account.id for p in facts.portfolios if p.account.tax_treatment == TaxTreatment.TAXABLE),
        reserve=reserve,
        total=total,
        whole=total - reserve,
    )


def _grain(facts: Facts, prices: Mapping[str, Decimal], quantum: int) -> int:
    """Grains in one unit of money, so that prices of a quantum, their shares by rate, and all other amounts are whole."""
    costs, rules = facts.rules.costs, facts.rules
    rates = [costs.rate, *(rules.half_spreads.get(s, _NONE) for s in prices)]
    amounts = [rules.cash_reserve, rules.min_trade_value, costs.per_trade, costs.minimum]
    amounts += [costs.maximum] if costs.maximum is not None else []
    amounts += [*(p.cash for p in facts.portfolios), *facts.cash_flows.values()]
    return lcm(common_denominator(prices.values()) * quantum * common_denominator(rates), common_denominator(amounts))


def _resting(cells: Cells, worth: Iterable[int], whole: int, rules: Rules) -> frozenset[int]:
    """The cells inside their band where only those outside may trade."""
    if rules.trade == TradeScope.EVERYTHING:
        return frozenset()
    share = whole * cells.share
    together = zip(worth, cells.weights, cells.half_widths, strict=True)
    near = (abs(value * cells.whole - weight * share) <= half * share for value, weight, half in together)
    return frozenset(i for i, inside in enumerate(near) if inside)


def _security(
    symbol: str, price: int, step: int, minimum: int, cells: Cells, rules: Rules, resting: frozenset[int]
) -> Security:
    exposure = cells.exposures[symbol]
    lock = "lock" if symbol in rules.lock else ""
    kept = "outside_target" if rules.outside_target == OutsideTarget.HOLD and symbol not in cells.named else ""
    band = "band" if resting and all(cell in resting for cell, _ in exposure) else ""
    never = lock or kept or band
    buying = "do_not_buy" if symbol in rules.do_not_buy else ""
    raising = "selling to_raise_cash" if rules.selling == Selling.TO_RAISE_CASH else ""
    unwanted = "" if symbol in cells.buyable else "target 0"
    selling = "do_not_sell" if symbol in rules.do_not_sell else ""
    holding = "selling never" if rules.selling == Selling.NEVER else ""
    return Security(
        symbol=symbol,
        price=price,
        step=step,
        least=max(1, -(-minimum // (price * step))) * step,
        exposure=exposure,
        no_buying=never or buying or unwanted or raising,
        no_selling=never or selling or holding,
    )
