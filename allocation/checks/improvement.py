"""Whether a plan could be better by changing one line, or by trading nothing: a proof that a plan claims must survive both."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from allocation.checks.exact import Grains, size
from allocation.checks.fault import Fault
from allocation.checks.ledger import Ledger, Security
from allocation.checks.nearness import Goal
from allocation.checks.outcome import Key, Outcome
from allocation.rules import Objective, Selling
from allocation.trade_plan import Status, TradePlan


@dataclass(frozen=True, slots=True)
class Change:
    """Another quantity for one line: signed quanta, and what it does to the cash of its account."""

    key: Key
    security: Security
    quanta: int
    value: int
    cash: Grains


def check_doing_nothing(plan: TradePlan, outcome: Outcome, goal: Goal) -> Iterator[Fault]:
    """No plan is further from the target than doing nothing, where that is allowed."""
    ledger = outcome.ledger
    spare = sum(ledger.cash.values()) - ledger.reserve
    if (
        ledger.forced
        or spare < 0
        or min(ledger.cash.values()) < 0
        or goal.rest(ledger.worth) > goal.rest(outcome.worth)
    ):
        return
    if _must_invest(ledger) and _next_purchase(ledger.cash, spare, {}, outcome):
        return
    nothing, something = (
        (goal.rest(worth), goal.distance(ledger, worth, left))
        for worth, left in ((ledger.worth, spare), (outcome.worth, outcome.spare))
    )
    if nothing < something:
        yield Fault("worse_than_nothing", "Trading nothing would be nearer to the target.")


def check_invested(plan: TradePlan, outcome: Outcome, goal: Goal) -> Iterator[Fault]:
    """`relative` without a cash target invests every cent that can be."""
    if _must_invest(outcome.ledger):
        further = _next_purchase(outcome.cash, outcome.spare, outcome.traded, outcome)
        if further:
            yield Fault("not_invested", f"{further[1]}: one more step could be bought in {further[0]}.")


def check_not_improvable(plan: TradePlan, outcome: Outcome, goal: Goal) -> Iterator[Fault]:
    """No single line could be changed for the better if the plan is proved, nor beat its bound if it is not."""
    ledger = outcome.ledger
    if ledger.rules.selling == Selling.TO_RAISE_CASH:
        return
    proved, standing = plan.status == Status.OPTIMAL, Standing.of(outcome, goal)
    leeway = 0 if proved else _leeway(Fraction(plan.objective.bound), outcome, goal)
    for change in _changes(outcome, standing.spare):
        emptied = _emptied(change, goal)
        if emptied > 0 and proved:
            yield Fault("not_sold_first", f"{change.key[1]}: more of it could be sold.")
        elif emptied == 0 and standing.gain(change) > leeway and _stays_invested(change, outcome):
            units = float(Fraction(change.quanta, ledger.quantum))
            code = "not_optimal" if proved else "bound"
            yield Fault(code, f"{change.key[1]}: trading {units:+g} instead would be nearer to the target.")


def _leeway(bound: Fraction, outcome: Outcome, goal: Goal) -> Grains:
    """How much smaller the distance may be found before it is below the bound."""
    distance = goal.distance(outcome.ledger, outcome.worth, outcome.spare)
    return max(Fraction(0), distance - (bound * goal.unit) ** (2 if goal.squared else 1))


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the plan stands: how far every cell and the cash are from what they should be."""

    goal: Goal
    fine: int
    offs: tuple[int, ...]
    off_cash: Grains
    spare: Grains

    @classmethod
    def of(cls, outcome: Outcome, goal: Goal) -> "Standing":
        """The standing after the plan's trades."""
        ledger, spare = outcome.ledger, outcome.spare
        whole = ledger.cells.whole
        offs = zip(goal.factors, outcome.worth, goal.aims, strict=True)
        cash = goal.cash_factor * goal.off_cash(ledger, spare)
        return cls(goal, whole, tuple(f * (v * whole - aim) for f, v, aim in offs), cash, spare)

    def gain(self, change: "Change") -> Grains:
        """How much smaller the distance would be."""
        goal, share = self.goal, self.goal.share * self.fine
        gain = _less(self.off_cash, goal.cash_factor * change.cash * share, goal.squared)
        for cell, parts in change.security.exposure:
            gain += _less(self.offs[cell], goal.factors[cell] * change.value * parts * self.fine, goal.squared)
        return gain


def _less(off: Grains, added: Grains, squared: bool) -> Grains:
    """How much nearer to zero a deviation comes, squared or not."""
    return -added * (2 * off + added) if squared else size(off) - size(off + added)


def _changes(outcome: Outcome, spare: Grains) -> Iterator[Change]:
    """Every allowed quantity next to the planned one of each line that money and caps leave room for."""
    ledger, fixed = outcome.ledger, _with_taxed_sales(outcome)
    for key in ledger.lines:
        account, symbol = key
        security, left = ledger.securities[symbol], outcome.cash[account]
        now, held = outcome.traded.get(key, 0), ledger.held.get(key, 0)
        for quanta in () if symbol in fixed else _neighbours(now, security):
            if not security.may_trade(quanta, held) or (quanta < 0 and _is_taxed(account, ledger)):
                continue
            if key in ledger.forced and quanta > -ledger.forced[key]:
                continue
            value = security.price * (quanta - now)
            paid = value + outcome.tariff.cost(symbol, security.price * quanta) - outcome.costs.get(key, 0)
            if paid <= left and paid <= spare and _within_caps(key, quanta, outcome.traded, ledger):
                yield Change(key, security, quanta, value, -paid)


def _neighbours(now: int, security: Security) -> set[int]:
    """A step more, a step less, nothing, and the smallest trades on either side."""
    near = {now - security.step, now + security.step, 0}
    if security.least > security.step:
        near |= {security.least, -security.least}
    return near - {now}


def _is_taxed(account: str, ledger: Ledger) -> bool:
    """Whether another sale there could change the tax, which this check does not follow."""
    taxes = ledger.rules.taxes
    return account in ledger.taxed and bool(taxes.short_term_rate or taxes.long_term_rate)


def _with_taxed_sales(outcome: Outcome) -> set[str]:
    """Securities of which a taxable account sells some: a purchase elsewhere could wash its loss."""
    return {
        symbol
        for (account, symbol), quanta in outcome.traded.items()
        if quanta < 0 and _is_taxed(account, outcome.ledger)
    }


def _within_caps(key: Key, quanta: int, traded: Mapping[Key, int], ledger: Ledger) -> bool:
    """Whether trades, one of them of another size, are no more and turn over no more than the rules allow."""
    most, turnover = ledger.rules.max_trades, ledger.rules.max_turnover
    if most is None and turnover is None:
        return True
    changed = {**traded, key: quanta}
    if most is not None and sum(1 for each in changed.values() if each) > most:
        return False
    if turnover is None:
        return True
    turned = sum(ledger.securities[symbol].price * abs(each) for (_, symbol), each in changed.items())
    return turned <= 2 * Fraction(turnover) * ledger.total


def _emptied(change: Change, goal: Goal) -> int:
    """How much less would remain in the cells that are to be emptied first."""
    if not goal.emptied:
        return 0
    return -sum(change.value * parts for cell, parts in change.security.exposure if cell in goal.emptied)


def _must_invest(ledger: Ledger) -> bool:
    return ledger.rules.objective == Objective.RELATIVE and not ledger.cells.cash


def _stays_invested(change: Change, outcome: Outcome) -> bool:
    """Whether the changed plan would still leave nothing that could be invested."""
    if not _must_invest(outcome.ledger):
        return True
    cash = {**outcome.cash, change.key[0]: outcome.cash[change.key[0]] + change.cash}
    traded = {**outcome.traded, change.key: change.quanta}
    return _next_purchase(cash, outcome.spare + change.cash, traded, outcome) is None


def _next_larger(now: int, security: Security) -> int:
    """The next larger allowed trade; of a sale the next smaller one, or none."""
    following = now + security.step
    if -security.least < following <= 0:
        return 0
    return following if following < 0 else max(following, security.least)


def _next_purchase(
    cash: Mapping[str, Grains], spare: Grains, traded: Mapping[Key, int], outcome: Outcome
) -> Key | None:
    """A line of which one more step could be bought, or one less sold, nothing else changed."""
    ledger = outcome.ledger
    for key in ledger.lines:
        security, now = ledger.securities[key[1]], traded.get(key, 0)
        if security.no_buying:
            continue
        quanta = _next_larger(now, security)
        paid = security.price * (quanta - now) + outcome.tariff.cost(key[1], security.price * quanta)
        paid -= outcome.tariff.cost(key[1], security.price * now)
        if paid <= min(cash[key[0]], spare) and _within_caps(key, quanta, traded, ledger):
            return key
    return None
