"""Why no trades satisfy all the rules: the smallest set of rules in conflict, and the cheapest way out in one number.

A rule is in the conflict when the others leave a plan without it. Rules are taken away one by one, in a fixed order; what
cannot be taken away without a plan appearing stays: the set is as small as can be, each member checked by leaving it out.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Any

from allocation.errors import AllocationError, InfeasibleError, WayOut, listed
from allocation.facts import Facts
from allocation.planning.exact import money_text
from allocation.planning.question import ask
from allocation.planning.sheet import lay_out
from allocation.planning.solving import best_answer
from allocation.rules import Rules

_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Restraint:
    """A rule that may stand in the way.

    Attributes:
        symbols: whom it concerns.
        text, remedy: what it is called, and what to do about it.
        lightened: the facts with so much less of it, in money; all of it is `amount`. Rules that are no money have the
            amount 0 and are left out whole.
    """

    rule: str
    symbols: tuple[str, ...]
    text: str
    remedy: str
    lightened: Callable[[Facts, Decimal], Facts]
    amount: Decimal = Decimal(0)

    def without(self, facts: Facts) -> Facts:
        """The facts without this rule."""
        return self.lightened(facts, self.amount)

    def way_out(self, facts: Facts) -> WayOut | None:
        """What would be enough if nothing else changed, if anything would; money to the cent above the least."""
        if not is_possible(self.without(facts)):
            return None
        if not self.amount:
            return WayOut(self.rule, self.symbols, self.amount, self.remedy)
        enough, short = ceil(self.amount / _CENT), 0
        while enough - short > 1:
            middle = (enough + short) // 2
            if is_possible(self.lightened(facts, min(middle * _CENT, self.amount))):
                enough = middle
            else:
                short = middle
        text = self.remedy.format(money_text(Fraction(enough) / 100))
        return WayOut(self.rule, self.symbols, min(enough * _CENT, self.amount), text)


def explain_conflict(facts: Facts, refused: InfeasibleError) -> InfeasibleError:
    """The refusal of facts that leave no plan, with the rules in conflict and what would have to change at least."""
    conflict = _smallest(facts, list(_restraints(facts)))
    ways_out = [way for each in conflict if (way := each.way_out(facts))]
    told, culprits = refused.message, refused.culprits
    if conflict and culprits == ("rules",):
        told = f"No trades satisfy all the rules together: {listed(each.text for each in conflict)} leave no plan."
        culprits = tuple(name for each in conflict for name in (each.rule, *each.symbols))
    if ways_out:
        told = f"{told} It would be enough to {', or to '.join(way.text for way in ways_out)}."
    return InfeasibleError(told, culprits, ways_out)


def is_possible(facts: Facts) -> bool:
    """Whether some trades satisfy the rules."""
    try:
        sheet = lay_out(facts)
    except AllocationError:
        return False
    return best_answer(ask(sheet).question) is not None


def _smallest(facts: Facts, restraints: list[Restraint]) -> list[Restraint]:
    """Take every restraint away that is not needed for the conflict."""
    bare, kept = facts, list[Restraint]()
    for each in restraints:
        lighter = each.without(bare)
        if is_possible(lighter):
            kept.append(each)
        else:
            bare = lighter
    return kept


def _restraints(facts: Facts) -> Iterator[Restraint]:
    """Every rule and amount that can leave no plan; the last are the last to be given up, and so named where possible."""
    rules, plain = facts.rules, Rules()
    for name, text in _PLAIN.items():
        if getattr(rules, name) != getattr(plain, name):
            yield Restraint(name, (), text, f"leave out {text}", _with_rules(**{name: getattr(plain, name)}))
    if rules.taxes.max_tax is not None:
        without = _with_rules(taxes=replace(rules.taxes, max_tax=None))
        yield Restraint("max_tax", (), "the limit on tax", "leave out the limit on tax", without)
    if rules.taxes.harvest is not None:
        without = _with_rules(taxes=replace(rules.taxes, harvest=None))
        yield Restraint("harvest", (), "the losses to harvest", "leave out the losses to harvest", without)
    for name in ("lock", "do_not_sell"):
        for symbol in sorted(getattr(rules, name)):
            yield Restraint(name, (symbol,), f"{name} {symbol}", f"allow selling {symbol}", _unnamed(name, symbol))
    yield from _money_restraints(facts)


def _money_restraints(facts: Facts) -> Iterator[Restraint]:
    """What asks for money, the last to be given up."""
    rules = facts.rules
    if rules.cash_reserve:
        text = f"the cash reserve of {money_text(Fraction(rules.cash_reserve))}"
        yield Restraint("cash_reserve", (), text, "lower the cash reserve by {}", _less_reserve, rules.cash_reserve)
    for portfolio in sorted(facts.portfolios, key=lambda each: each.account.id):
        if portfolio.cash < 0:
            account, name = portfolio.account.id, portfolio.account.name
            text = f"the cash of {money_text(Fraction(portfolio.cash))} in {name}"
            yield Restraint("cash", (account,), text, f"pay {{}} into {name}", _more_cash(account), -portfolio.cash)
    names = {portfolio.account.id: portfolio.account.name for portfolio in facts.portfolios}
    for account, flow in sorted(facts.cash_flows.items()):
        if flow < 0:
            text = f"the withdrawal of {money_text(-Fraction(flow))} from {names[account]}"
            remedy = f"withdraw {{}} less from {names[account]}"
            yield Restraint("cash_flow", (account,), text, remedy, _less_withdrawn(account), -flow)


_PLAIN = {
    "max_trades": "the limit on trades",
    "max_turnover": "the limit on turnover",
    "min_trade_value": "the smallest trade",
    "trade": "the rule to trade only what is out of band",
    "outside_target": "the rule about holdings without a target",
    "selling": "the rule about selling",
    "costs": "costs",
    "half_spreads": "the half-spreads",
}


def _with_rules(**changes: Any) -> Callable[[Facts, Decimal], Facts]:
    return lambda facts, _: replace(facts, rules=replace(facts.rules, **changes))


def _unnamed(rule: str, symbol: str) -> Callable[[Facts, Decimal], Facts]:
    def without(facts: Facts, _: Decimal) -> Facts:
        named: dict[str, Any] = {rule: getattr(facts.rules, rule) - {symbol}}
        return replace(facts, rules=replace(facts.rules, **named))

    return without


def _less_reserve(facts: Facts, less: Decimal) -> Facts:
    return replace(facts, rules=replace(facts.rules, cash_reserve=facts.rules.cash_reserve - less))


def _more_cash(account: str) -> Callable[[Facts, Decimal], Facts]:
    def lightened(facts: Facts, more: Decimal) -> Facts:
        flows = {**facts.cash_flows, account: facts.cash_flows.get(account, Decimal(0)) + more}
        return replace(facts, cash_flows=flows)

    return lightened


def _less_withdrawn(account: str) -> Callable[[Facts, Decimal], Facts]:
    def lightened(facts: Facts, less: Decimal) -> Facts:
        return replace(facts, cash_flows={**facts.cash_flows, account: facts.cash_flows[account] + less})

    return lightened
