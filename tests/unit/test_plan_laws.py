"""What is true of every plan, whatever the account; and the answer of trying everything, for small ones."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from allocation.errors import EmptyPortfolioError, InfeasibleError, WithdrawalError
from allocation.plan import plan_trades
from allocation.rules import Objective, Rules, Selling
from allocation.targets import TargetAllocation
from allocation.trade_plan import TradePlan
from tests.builders import a_portfolio
from tests.oracle import Oracle

Money = Mapping[str, Decimal]
REFUSED = (EmptyPortfolioError, InfeasibleError, WithdrawalError)
WIDE = settings(max_examples=60, deadline=None)
DEEP = settings(max_examples=150, deadline=None)


@dataclass(frozen=True)
class Case:
    held: Money
    prices: Money
    weights: Money
    cash: Decimal
    cash_flow: Decimal
    rules: Rules

    def plan(self) -> TradePlan:
        target = TargetAllocation(self.weights)
        return plan_trades(a_portfolio(self.held, self.cash), target, self.prices, self.rules, self.cash_flow)


def cents(low: int, high: int) -> st.SearchStrategy[Decimal]:
    return st.integers(low, high).map(lambda n: Decimal(n) / 100)


@st.composite
def cases(draw: st.DrawFn, lines: int = 6, largest_share: int = 10, ruled: bool = True) -> Case:
    """An account of up to so many lines; some held, some wanted, weights in whole percents."""
    symbols = [f"S{i}" for i in range(draw(st.integers(1, lines)))]
    held = {s: Decimal(draw(st.integers(0, largest_share))) for s in symbols}
    if draw(st.booleans()):
        held[symbols[0]] += Decimal("0.5")
    prices = {s: draw(st.one_of(cents(500, 20_000), st.sampled_from([Decimal(10), Decimal(20)]))) for s in symbols}
    shares = [draw(st.integers(0, 100 // len(symbols))) for _ in symbols]
    weights = {s: Decimal(w) / 100 for s, w in zip(symbols, shares, strict=True)}
    cash, flow = draw(cents(0, 50_000)), draw(st.one_of(st.just(Decimal(0)), cents(-30_000, 30_000)))
    return Case(held, prices, weights, cash, flow, draw(rules_for(symbols)) if ruled else Rules())


@st.composite
def rules_for(draw: st.DrawFn, symbols: list[str]) -> Rules:
    some = st.frozensets(st.sampled_from(symbols), max_size=1)
    return Rules(
        objective=draw(st.sampled_from((Objective.L2, Objective.L1))),
        selling=draw(st.sampled_from(Selling)),
        cash_reserve=draw(st.sampled_from([Decimal(0), Decimal(25)])),
        min_trade_value=draw(st.sampled_from([Decimal(0), Decimal(0), Decimal(60)])),
        lock=draw(some),
        do_not_buy=draw(some),
        do_not_sell=draw(some),
    )


def planned(case: Case) -> TradePlan:
    try:
        return case.plan()
    except REFUSED:
        assume(False)
        raise


def small_cases() -> st.SearchStrategy[Case]:
    return cases(lines=3, largest_share=4).filter(
        lambda c: sum(c.held[s] * c.prices[s] for s in c.held) + c.cash + c.cash_flow < 12 * min(c.prices.values())
    )


@DEEP
@given(small_cases())
def test_no_allowed_choice_of_trades_is_nearer_to_the_target(case):
    oracle = Oracle(case.held, case.prices, case.weights, case.cash + case.cash_flow, case.rules)
    assume(oracle.whole > 0)
    best = oracle.best()

    if best is None:
        with pytest.raises(InfeasibleError):
            case.plan()
        return
    plan = case.plan()

    steps = tuple(int(plan.shares.get(s, 0) / case.rules.increment_of(s)) for s in oracle.symbols)
    assert oracle.rank(steps) == oracle.rank(best)
    power = 2 if case.rules.objective == Objective.L2 else 1
    assert Fraction(plan.objective.bound) ** power <= oracle.distance(best) <= Fraction(plan.objective.value) ** power


@WIDE
@given(cases())
def test_money_is_neither_made_nor_lost_and_never_overspent(case):
    plan = planned(case)

    spent = sum(quantity * case.prices[s] for s, quantity in plan.shares.items())
    worth = sum(case.held[s] * case.prices[s] for s in case.held)
    assert plan.after.cash == case.cash + case.cash_flow - spent >= case.rules.cash_reserve
    assert plan.before.total == plan.after.total == worth + case.cash + case.cash_flow
    assert all(case.held[s] + quantity >= 0 for s, quantity in plan.shares.items())


@WIDE
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_change_the_plan(case, random):
    rows = sorted(case.held)
    random.shuffle(rows)
    shuffled = replace(
        case,
        held={s: case.held[s] for s in rows},
        prices={s: case.prices[s] for s in reversed(rows)},
        weights={s: case.weights[s] for s in rows},
    )

    assert planned(case) == shuffled.plan()


@WIDE
@given(cases(), st.sampled_from([Decimal("0.01"), Decimal(7), Decimal(1000)]))
def test_another_unit_of_money_does_not_change_the_trades(case, rate):
    rules = replace(
        case.rules,
        cash_reserve=case.rules.cash_reserve * rate,
        min_trade_value=case.rules.min_trade_value * rate,
    )
    other = replace(
        case,
        prices={s: p * rate for s, p in case.prices.items()},
        cash=case.cash * rate,
        cash_flow=case.cash_flow * rate,
        rules=rules,
    )

    assert planned(case).shares == other.plan().shares


@WIDE
@given(cases())
def test_planning_again_after_a_plan_finds_nothing_to_do(case):
    first = planned(case)
    assume(first.status == "optimal" and not case.rules.min_trade_value)
    moved = {s: q + first.shares.get(s, 0) for s, q in case.held.items()}

    again = replace(case, held=moved, cash=first.after.cash, cash_flow=Decimal(0)).plan()

    assert again.trades == ()


@WIDE
@given(cases(ruled=False), st.sampled_from((Objective.L2, Objective.L1)))
def test_a_plan_is_never_worse_than_nothing_or_than_rounding_down(case, objective):
    case = replace(case, rules=Rules(objective=objective))
    plan = planned(case)
    oracle = Oracle(case.held, case.prices, case.weights, case.cash + case.cash_flow, case.rules)
    wanted = [Fraction(case.weights.get(s, 0)) * oracle.whole for s in oracle.symbols]

    to_floor = tuple(int((w - v) // s) for w, v, s in zip(wanted, oracle.value, oracle.step, strict=True))
    steps = tuple(int(plan.shares.get(s, 0)) for s in oracle.symbols)
    rivals = [k for k in ((0,) * len(steps), to_floor) if oracle.left(k) >= 0]

    # Rounding down may not sell a fraction of a share that the account holds.
    possible = [k for k in rivals if all(h + n >= 0 for h, n in zip(oracle.held, k, strict=True))]
    assert all(oracle.distance(steps) <= oracle.distance(rival) for rival in possible)


@WIDE
@given(cases(), st.sampled_from(["lock", "do_not_buy", "do_not_sell", "min_trade_value", "selling"]))
def test_looser_rules_never_give_a_worse_objective(case, rule):
    looser = replace(case, rules=replace(case.rules, **{rule: getattr(Rules(), rule)}))
    tight, loose = planned(case), looser.plan()
    assume(tight.status == loose.status == "optimal")
    assume(case.rules.selling != Selling.TO_RAISE_CASH or rule == "selling")

    assert loose.objective.value <= tight.objective.value


@WIDE
@given(cases())
def test_weights_and_cash_make_one_whole(case):
    plan = planned(case)

    for moment in (plan.before, plan.after):
        share_of_cash = Fraction(moment.cash - moment.reserve) / Fraction(moment.total - moment.reserve)
        assert abs(sum(map(Fraction, moment.weights.values())) + share_of_cash - 1) < Fraction(1, 10**10)


@WIDE
@given(cases())
def test_a_security_that_is_neither_held_nor_wanted_changes_nothing(case):
    with_idle = replace(
        case,
        held={**case.held, "IDLE": Decimal(0)},
        weights={**case.weights, "IDLE": Decimal(0)},
    )

    assert planned(case) == with_idle.plan()


@WIDE
@given(cases(ruled=False))
def test_an_account_on_its_target_is_left_alone(case):
    held = {s: q for s, q in case.held.items() if q}
    total = sum((q * case.prices[s] for s, q in held.items()), Decimal(0)) + case.cash
    assume(held and total > 0)
    weights = {s: q * case.prices[s] / total for s, q in held.items()}
    rounded = {s: w.quantize(Decimal("1e-12"), ROUND_FLOOR) for s, w in weights.items()}

    plan = replace(case, weights=rounded, cash_flow=Decimal(0)).plan()

    assert plan.trades == ()
