"""The short way for plain accounts: where it closes an account, no other plan is as good, as enumeration shows."""

import random
from itertools import product

import pytest

from allocation.solver.kernel_balance import new_room
from allocation.solver.kernel_lines import UNLIMITED, Cash, Lines
from allocation.solver.kernel_near import is_plain, settle_plain


def drawn(chance: random.Random, unit: int) -> tuple[Lines, Cash]:
    """A small account; with a large unit its amounts repeat, which makes ties."""
    count = chance.randint(1, 4)
    step = [unit * chance.randint(1, 40 // min(unit, 20)) for _ in range(count)]
    low = [-chance.randint(0, 3) for _ in range(count)]
    high = [chance.randint(0, 3) for _ in range(count)]
    gap = [chance.randint(-100, 100) // unit * unit for _ in range(count)]
    spent = [s * k for s, k in zip(step, low, strict=True)]
    lines = Lines(step, gap, [1.0] * count, list(range(count + 1)), low, high, spent, step)
    cash = Cash(chance.randint(0, 120) // unit * unit, chance.choice((0, 10, 40)), UNLIMITED, 1.0, True)
    return lines, cash


def best_plans(lines: Lines, cash: Cash) -> list[tuple[int, ...]]:
    """Every plan with the least sum of squares."""
    worth: dict[tuple[int, ...], int] = {}
    for plan in product(*(range(low, high + 1) for low, high in zip(lines.low, lines.high, strict=True))):
        moved = [step * steps for step, steps in zip(lines.step, plan, strict=True)]
        left = cash.free - sum(moved)
        if left >= 0:
            off = [m - gap for m, gap in zip(moved, lines.gap, strict=True)]
            worth[plan] = sum(o * o for o in off) + (left - cash.target) ** 2
    return [plan for plan, value in worth.items() if value == min(worth.values())]


@pytest.mark.parametrize("unit", [1, 5, 20])
def test_an_account_that_is_closed_has_the_one_best_plan(unit: int) -> None:
    chance, closed = random.Random(unit), 0
    for _ in range(400):
        lines, cash = drawn(chance, unit)
        steps = [0] * len(lines.step)

        done, _ = settle_plain(lines, 0, len(steps), cash, 0.0, new_room(len(steps)), steps)

        closed += done
        assert not done or best_plans(lines, cash) == [tuple(steps)]
    assert closed > 100


def test_a_plan_closed_in_doubt_is_the_best_whichever_way_the_gaps_are_off() -> None:
    chance, closed, grain = random.Random(5), 0, 1 << 30
    for _ in range(200):
        rough, money = drawn(chance, 1)
        lines = rough._replace(
            **{name: [n * grain for n in getattr(rough, name)] for name in ("step", "gap", "spent", "rate")}
        )
        cash = money._replace(free=money.free * grain, target=money.target * grain)
        steps = [0] * len(lines.step)

        done, _ = settle_plain(lines, 0, len(steps), cash, 1.0, new_room(len(steps)), steps)

        closed += done
        for way in (-1, 1) if done else ():
            off = lines._replace(gap=[gap + way * chance.choice((-1, 1)) for gap in lines.gap])
            assert best_plans(off, cash) == [tuple(steps)]
    assert closed > 50


def test_doubt_as_large_as_a_step_closes_nothing() -> None:
    lines, cash = drawn(random.Random(1), 1)

    assert not settle_plain(lines, 0, len(lines.step), cash, 50.0, new_room(len(lines.step)), [0] * len(lines.step))[0]


def test_an_account_with_costs_or_a_limit_is_left_to_others() -> None:
    lines, cash = drawn(random.Random(0), 1)
    count = len(lines.step)

    assert is_plain(lines, 0, count, cash)
    assert not is_plain(lines._replace(rate=[step + 1 for step in lines.step]), 0, count, cash)
    assert not is_plain(lines, 0, count, cash._replace(most=10))
    assert not is_plain(lines, 0, count, cash._replace(free=1 << 60))
