"""The question asked backwards: the least money in at which buying alone brings every line to its target, or its band."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from allocation.errors import InfeasibleError, NotSupportedError, listed
from allocation.facts import Facts
from allocation.money import plain
from allocation.plan import TradePlan, plan_facts
from allocation.planning.cells import half_widths
from allocation.planning.exact import as_decimal
from allocation.planning.reach import Reach, kept_from_buying, least_contribution, never_reached
from allocation.planning.sheet import Sheet, SheetLine, lay_out
from allocation.rules import Destination, Rules, Selling, TradeScope

# What a security without an increment of its own is bought in.
FRACTION = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class LeastContribution:
    """The money, in whole cents, and the plan that spends it."""

    contribution: Decimal
    plan: TradePlan

    def as_dict(self) -> dict[str, Any]:
        """The answer of the command line."""
        return {"contribution": plain(self.contribution), "plan": self.plan.as_dict()}


def find_least_contribution(facts: Facts) -> LeastContribution:
    """The least money in, beyond the cash flows of the facts, that needs no sale.

    A security is bought in fractions unless `rules.increments` names its step; it may then miss its target by less than
    one step. With `rules.band` every line has to come within its band, else to its target. Trading costs are not saved up
    for: the plan pays them. The money goes first to accounts that owe cash, the rest to the first account.

    Raises:
        InfeasibleError: some line cannot be reached by buying; all of them are named.
        NotSupportedError: the target is a tree and a security counts in several of its classes.
    """
    asked = replace(facts, rules=_buying_only(facts.rules))
    sheet = lay_out(asked)
    lines = _reaches(sheet)
    _refuse_unreachable(
        never_reached(lines), "held but not wanted: no purchase makes that right. Sell it, hold it outside the target"
    )
    money = least_contribution(lines, sheet.money(sheet.invested))
    whole = sheet.money(sheet.invested) + money
    _refuse_unreachable(kept_from_buying(lines, whole), "too light, and a rule forbids buying it. Lift the rule")
    funded = replace(asked, cash_flows=_with(sheet, asked.cash_flows, as_decimal(money)))
    return LeastContribution(as_decimal(money), _plan(funded, lines, whole))


def _buying_only(rules: Rules) -> Rules:
    """The rules without sales, in fractions where no step is named, and with every line free to be bought."""
    return replace(
        rules, selling=Selling.NEVER, increment=FRACTION, trade=TradeScope.EVERYTHING, destination=Destination.TARGET
    )


def _reaches(sheet: Sheet) -> list[Reach]:
    """Every cell of the sheet with the weights between which it counts as reached."""
    buyers: dict[int, list[SheetLine]] = {}
    for line in sheet.lines:
        if len(line.worth) > 1:
            raise NotSupportedError(
                f"{line.symbol} counts in several classes; the least contribution is calculated for securities of one class each.",
                (line.symbol,),
            )
        buyers.setdefault(line.worth[0][0], []).append(line)
    band = sheet.rules.band
    widths = half_widths(sheet.aim, band) if band else [Fraction(0)] * len(sheet.cells)
    return [
        _reach(sheet, i, Fraction(width), buyers.get(i, []))
        for i, width in enumerate(widths)
        if buyers.get(i) or sheet.cells[i].target
    ]


def _reach(sheet: Sheet, index: int, width: Fraction, lines: list[SheetLine]) -> Reach:
    cell, weight = sheet.cells[index], Fraction(sheet.aim.weights[index], sheet.aim.whole)
    free = [line for line in lines if not line.no_buy]
    steps = [sheet.money(line.step) for line in free if line.symbol in sheet.rules.increments]
    return Reach(
        name=cell.name,
        held=sheet.money(cell.held),
        lowest=max(Fraction(0), weight - width),
        highest=weight + width,
        step=min(steps) if len(steps) == len(free) and steps else Fraction(0),
        may_buy=bool(free),
    )


def _refuse_unreachable(names: tuple[str, ...], why: str) -> None:
    if names:
        raise InfeasibleError(f"No contribution is enough: {listed(names)} is {why}.", names)


def _with(sheet: Sheet, flows: Mapping[str, Decimal], money: Decimal) -> dict[str, Decimal]:
    """The cash flows with the money added: what accounts owe first, the rest to the first of them."""
    added = dict(flows)
    for account in sheet.accounts:
        owed = min(money, max(Decimal(0), -as_decimal(sheet.money(account.cash))))
        added[account.id] = added.get(account.id, Decimal(0)) + owed
        money -= owed
    first = sheet.facts.portfolios[0].account.id
    return {**added, first: added[first] + money}


def _plan(funded: Facts, lines: list[Reach], whole: Fraction) -> TradePlan:
    """The best plan, if it brings every line to its place; else the one that goes no further than the band asks."""
    best = plan_facts(funded)
    if funded.rules.band is None or _all_reached(best, lines, whole):
        return best
    to_the_edge = replace(funded.rules, trade=TradeScope.OUT_OF_BAND, destination=Destination.EDGE)
    return plan_facts(replace(funded, rules=to_the_edge))


def _all_reached(plan: TradePlan, lines: list[Reach], whole: Fraction) -> bool:
    weights = plan.after.classes or plan.after.weights
    return all(_is_reached(line, Fraction(weights.get(line.name, 0)), whole) for line in lines)


def _is_reached(line: Reach, weight: Fraction, whole: Fraction) -> bool:
    # A purchase in fractions stops less than a millionth of a unit short.
    spare = line.step / whole if line.step else Fraction(1, 10**6)
    return line.lowest - spare <= weight <= line.highest + spare
