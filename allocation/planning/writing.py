"""Write a choice of trades up as a plan: every figure exact, rounded here or nowhere, in a named direction."""

from decimal import Decimal
from fractions import Fraction

from allocation.planning.choice import Choice
from allocation.planning.exact import money, nearest_ratio, ratio, root_down, root_up, rounded_down, rounded_up
from allocation.planning.explain import reason_for
from allocation.planning.outcome import Outcome, nothing_done
from allocation.planning.sheet import Sheet, SheetLine
from allocation.rules import Objective
from allocation.taxes import TaxedSale
from allocation.trade_plan import AccountSnapshot, Attainment, Side, Snapshot, Totals, Trade


def trades_of(outcome: Outcome) -> tuple[Trade, ...]:
    """Sells before buys; within a side by account, the largest first."""
    sheet = outcome.sheet
    before, after = nothing_done(sheet).values(), outcome.values()
    taxed = outcome.settlement.by_trade if outcome.settlement else {}
    trades = [
        _trade(
            outcome,
            i,
            before[line.symbol],
            after[line.symbol],
            taxed.get((sheet.accounts[line.account].id, line.symbol)),
        )
        for i, line in enumerate(sheet.lines)
        if outcome.steps[i]
    ]
    return tuple(sorted(trades, key=lambda t: (t.side == Side.BUY, t.account, t.value.copy_negate(), t.symbol)))


def snapshot(outcome: Outcome) -> Snapshot:
    """All accounts with these trades done."""
    sheet, invested = outcome.sheet, outcome.sheet.invested
    cash, values, cells = outcome.cash(), outcome.values(), outcome.cells()
    held = [0] * len(sheet.accounts)
    for line, k in zip(sheet.lines, outcome.steps, strict=True):
        held[line.account] += line.held + line.step * k
    together = sum(cash, Fraction(0))
    off = abs(together - sheet.reserve - sheet.cash_target)
    off += sum(abs(value - cell.target) for cell, value in zip(sheet.cells, cells, strict=True))
    drift = Fraction(off, 2 * invested)
    return Snapshot(
        total=money(Fraction(sum(held) + together, sheet.grains)),
        cash=money(Fraction(together, sheet.grains)),
        drift=nearest_ratio(drift.numerator, drift.denominator),
        weights={symbol: nearest_ratio(value, invested) for symbol, value in values.items()},
        reserve=ratio(sheet.reserve, sheet.grains),
        accounts={
            account.id: AccountSnapshot(
                money(Fraction(stock + idle, sheet.grains)), money(Fraction(idle, sheet.grains))
            )
            for account, stock, idle in zip(sheet.accounts, held, cash, strict=True)
        },
        classes={
            name: nearest_ratio(sum(cells[i] for i in below), invested) for name, below in sheet.aim.classes.items()
        },
    )


def attainment(choice: Choice, objective: Objective, invested: Fraction) -> Attainment:
    """The objective, its value never rounded down, its bound never rounded up; the gap as a fraction of V.

    l1 and l2 are money; `relative` is a pure number, and so is its gap.
    """
    linear = objective == Objective.L1
    value = rounded_up(choice.distance) if linear else root_up(choice.distance)
    bound = rounded_down(choice.bound) if linear else root_down(choice.bound)
    whole = Fraction(1) if objective == Objective.RELATIVE else invested
    gap = Decimal(0) if choice.proved else rounded_up((Fraction(value) - Fraction(bound)) / whole)
    return Attainment(objective, value, bound, gap)


def totals_of(outcome: Outcome) -> Totals:
    """The plan in sums."""
    sheet = outcome.sheet
    moved = [line.step * k for line, k in zip(sheet.lines, outcome.steps, strict=True)]
    buys, sells = sum(v for v in moved if v > 0), -sum(v for v in moved if v < 0)
    return Totals(
        buys=ratio(buys, sheet.grains),
        sells=ratio(sells, sheet.grains),
        turnover=nearest_ratio(buys + sells, 2 * sheet.total),
        cost=ratio(sum(outcome.costs), sheet.grains),
        tax=money(outcome.tax),
        trades=sum(1 for k in outcome.steps if k),
    )


def _trade(outcome: Outcome, index: int, before: int, after: int, sale: TaxedSale | None) -> Trade:
    sheet, line, steps = outcome.sheet, outcome.sheet.lines[index], outcome.steps[index]
    invested = sheet.invested
    return Trade(
        account=sheet.accounts[line.account].id,
        symbol=line.symbol,
        side=Side.BUY if steps > 0 else Side.SELL,
        quantity=sheet.units(abs(steps), line),
        price=line.price,
        value=ratio(abs(steps) * line.step, sheet.grains),
        weight_before=nearest_ratio(before, invested),
        weight_after=nearest_ratio(after, invested),
        weight_target=nearest_ratio(_weight_of(sheet, line), sheet.aim.whole),
        reason=reason_for(line, steps, sheet),
        cost=ratio(outcome.costs[index], sheet.grains),
        tax=money(sale.tax) if sale else Decimal(0),
        lots=sale.lots if sale else (),
    )


def _weight_of(sheet: Sheet, line: SheetLine) -> int:
    """The target of the security itself in parts of the whole; 0 where the target speaks of classes."""
    return 0 if sheet.aim.classes else sheet.aim.weights[line.worth[0][0]]
