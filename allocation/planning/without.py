"""What the best plan would come to without one of its trades: solved again with that line kept as it is."""

from dataclasses import replace

from allocation.errors import InfeasibleError
from allocation.facts import Facts
from allocation.planning.choice import choose_steps
from allocation.planning.exact import money
from allocation.planning.sheet import Sheet, lay_out
from allocation.planning.writing import attainment, snapshot
from allocation.trade_plan import Trade, TradePlan, WithoutIt


def explain_trades(facts: Facts, plan: TradePlan) -> TradePlan:
    """The same plan, each trade with what the best plan without it comes to; None where there is no plan without it."""
    sheet = lay_out(facts)
    return replace(plan, trades=tuple(replace(t, without_it=_without(sheet, t)) for t in plan.trades))


def without_trade(facts: Facts, trade: Trade) -> WithoutIt | None:
    """What the best plan without one trade comes to; None where there is no plan without it."""
    return _without(lay_out(facts), trade)


def _without(sheet: Sheet, trade: Trade) -> WithoutIt | None:
    try:
        choice = choose_steps(_kept(sheet, trade))
    except InfeasibleError:
        return None
    told = attainment(choice, sheet.rules.objective, sheet.money(sheet.invested))
    return WithoutIt(snapshot(choice.outcome).drift, told.value, money(choice.outcome.tax))


def _kept(sheet: Sheet, trade: Trade) -> Sheet:
    """The sheet with the line of this trade neither bought nor sold."""
    return replace(
        sheet,
        lines=tuple(
            replace(line, must_sell=0, most_sold=0, no_sale="without_it", no_buy="without_it")
            if (sheet.accounts[line.account].id, line.symbol) == (trade.account, trade.symbol)
            else line
            for line in sheet.lines
        ),
    )
