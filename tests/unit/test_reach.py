"""The least money in at which every line reaches its place by buying alone."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocation.planning.reach import CENT, Reach, kept_from_buying, least_contribution, never_reached


def on_target(held: int, weight: str, step: int = 0, **told: bool) -> Reach:
    """A line that has to reach exactly its target, or come within a step of it."""
    return Reach(f"{held}@{weight}", Fraction(held), Fraction(weight), Fraction(weight), Fraction(step), **told)


def test_the_heaviest_line_sets_the_contribution() -> None:
    lines = [on_target(700, "0.6"), on_target(300, "0.4")]

    money = least_contribution(lines, Fraction(1000))

    # 700 is 60 % of 1,166.666…; the contribution is the next whole cent.
    assert money == Fraction("166.67")


def test_on_target_already_needs_nothing() -> None:
    assert least_contribution([on_target(600, "0.6"), on_target(400, "0.4")], Fraction(1000)) == 0


def test_cash_that_is_there_counts_towards_the_purchases() -> None:
    # 500 in cash buys what is missing of the second line; the whole need not grow.
    assert least_contribution([on_target(500, "0.5"), on_target(0, "0.5")], Fraction(1000)) == 0


def test_debt_is_paid_before_anything_is_bought() -> None:
    # 100 held, 20 owed: with 20 in the account is worth 100, and the line all of it.
    assert least_contribution([on_target(100, "1")], Fraction(80)) == 20


def test_a_band_asks_for_less_than_its_target() -> None:
    heavy = Reach("heavy", Fraction(700), Fraction("0.55"), Fraction("0.65"))
    light = Reach("light", Fraction(300), Fraction("0.35"), Fraction("0.45"))

    # The heavy line is 65 % of 1,076.923…, and then the light one lacks 35 % of that less 300.
    assert least_contribution([heavy, light], Fraction(1000)) == Fraction("76.93")


def test_light_lines_may_set_the_contribution_when_all_the_rest_is_within_its_band() -> None:
    first = Reach("first", Fraction(500), Fraction("0.3"), Fraction("0.6"))
    second = Reach("second", Fraction(500), Fraction("0.3"), Fraction("0.6"))
    third = Reach("third", Fraction(0), Fraction("0.1"), Fraction("0.2"))

    # A tenth of the whole is bought with the money that comes in: 1,000 is nine tenths.
    assert least_contribution([first, second, third], Fraction(1000)) == Fraction("111.12")


def test_a_line_in_whole_steps_may_be_less_than_a_step_off() -> None:
    lines = [on_target(130, "0.5", step=50), on_target(0, "0.5", step=50)]

    # With 180 in all, half of it is 90: the first line is 40 above, the second one step bought and 40 below.
    assert least_contribution(lines, Fraction(130)) == 50


def test_a_holding_that_is_not_wanted_is_never_reached() -> None:
    lines = [on_target(10, "0"), on_target(5, "1")]

    assert never_reached(lines) == ("10@0",)


def test_a_line_that_may_not_be_bought_is_named_once_the_whole_is_too_large_for_it() -> None:
    line = on_target(100, "0.5", may_buy=False)

    assert kept_from_buying([line], Fraction(200)) == ()
    assert kept_from_buying([line], Fraction("200.01")) == ("100@0.5",)


@st.composite
def portfolios(draw: st.DrawFn) -> tuple[list[Reach], Fraction]:
    """A few lines around targets that sum to one at most, with some cash."""
    parts = draw(st.lists(st.integers(1, 60), min_size=1, max_size=5))
    scale = sum(parts) + draw(st.integers(0, 20))
    bands = [
        Fraction(part, scale) * draw(st.sampled_from([Fraction(0), Fraction(1, 10), Fraction(1, 4)])) for part in parts
    ]
    lines = [
        Reach(
            str(i),
            Fraction(draw(st.integers(0, 2000))),
            Fraction(part, scale) - band,
            Fraction(part, scale) + band,
            Fraction(draw(st.sampled_from([0, 0, 7, 90]))),
        )
        for i, (part, band) in enumerate(zip(parts, bands, strict=True))
    ]
    return lines, sum((line.held for line in lines), Fraction(draw(st.integers(-300, 1000))))


@given(portfolios())
def test_the_money_suffices_and_a_cent_less_does_not(told: tuple[list[Reach], Fraction]) -> None:
    lines, now = told

    money = least_contribution(lines, now)

    assert _reached(lines, now + money)
    assert money == 0 or not _reached(lines, now + money - CENT)


def _reached(lines: list[Reach], whole: Fraction) -> bool:
    """The definition, written out: every line within its weights (or a step of them) after purchases that cash pays."""
    spent = Fraction(0)
    for line in lines:
        if line.held - line.highest * whole >= line.step and line.held != line.highest * whole:
            return False
        wanted = line.lowest * whole - line.held
        if wanted > 0:
            spent += wanted // line.step * line.step if line.step else wanted
    return spent <= whole - sum(line.held for line in lines)


@pytest.mark.parametrize("cents", [0, 1, 12345])
def test_an_empty_account_that_owes_needs_what_it_owes(cents: int) -> None:
    assert least_contribution([on_target(0, "1")], -cents * CENT) == cents * CENT
