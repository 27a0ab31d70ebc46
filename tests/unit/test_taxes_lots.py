"""The order in which a sale consumes lots, and what selling so many units gains."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocation.errors import RulesError
from allocation.model import Position, TaxLot
from allocation.rules import LotMethod
from allocation.taxes import Gain, Term, gain_of, gain_runs, slices, take, untaxed_slices
from tests.tax_builders import TODAY, held, short_text, taxes

MIXED = held("VTI", "1@120 2026-01-05", "2@90 2020-03-01", "3@150", "4@110 2024-06-01", "5@80 2026-09-01")


@pytest.mark.parametrize(
    ("method", "order"),
    [
        ("fifo", "3@150 2@90 4@110 1@120 5@80"),
        ("lifo", "5@80 1@120 4@110 2@90 3@150"),
        ("hifo", "3@150 1@120 4@110 2@90 5@80"),
        ("specified", "1@120 2@90 3@150 4@110 5@80"),
        # at 100 and rates of 0.4 and 0.2: −20, −8, −2, +2, +8 of tax per unit
        ("least_tax", "3@150 1@120 4@110 2@90 5@80"),
        ("average_cost", "3@106 2@106 4@106 1@106 5@106"),
    ],
)
def test_each_method_takes_the_lots_in_its_order(method: str, order: str) -> None:
    assert short_text(slices(MIXED, taxes(method=method), Decimal(100))) == order


def test_least_tax_takes_a_small_short_term_gain_after_a_larger_long_term_one() -> None:
    position = held("VTI", "1@84 2026-01-05", "1@70 2020-01-05")

    assert short_text(slices(position, taxes(), Decimal(100))) == "1@70 1@84"
    assert short_text(slices(position, taxes(method="hifo"), Decimal(100))) == "1@84 1@70"


@pytest.mark.parametrize("method", ["fifo", "lifo"])
def test_of_lots_bought_on_one_day_the_dearest_goes_first_then_the_first_listed(method: str) -> None:
    position = held("VTI", "1@90 2020-01-05", "2@95 2020-01-05", "3@95 2020-01-05")

    assert short_text(slices(position, taxes(method=method), Decimal(100))) == "2@95 3@95 1@90"


@pytest.mark.parametrize("method", ["hifo", "least_tax"])
def test_of_lots_that_cost_the_same_the_oldest_goes_first(method: str) -> None:
    position = held("VTI", "1@90 2021-01-05", "2@90 2020-01-05", "3@90 2020-06-05")

    assert short_text(slices(position, taxes(method=method), Decimal(100))) == "2@90 3@90 1@90"


def test_an_average_that_does_not_end_is_rounded_half_to_even_at_twelve_decimals() -> None:
    thirds = held("VTI", "1@10 2020-01-05", "2@20 2021-01-05")
    tied = held("VTI", "1@0.000000000002 2020-01-05", "1@0.000000000003 2021-01-05")

    assert (
        short_text(slices(thirds, taxes(method="average_cost"), Decimal(100))) == "1@16.666666666667 2@16.666666666667"
    )
    assert slices(tied, taxes(method="average_cost"), Decimal(100))[0].unit_cost == Decimal("0.000000000002")


def test_a_position_without_lots_has_no_known_gain() -> None:
    unknown = Position("VTI", Decimal(5))

    assert all(slices(unknown, taxes(method=method), Decimal(100)) == () for method in LotMethod)
    assert gain_of((), 3, Decimal(100)) == Gain()
    assert gain_runs((), Decimal(100), Decimal(1)) == ()


def test_an_untaxed_account_sells_its_oldest_lots_where_tax_would_decide() -> None:
    assert short_text(untaxed_slices(MIXED, taxes(), Decimal(100))) == "3@150 2@90 4@110 1@120 5@80"
    assert short_text(untaxed_slices(MIXED, taxes(method="share_pool"), Decimal(100))) == "3@150 2@90 4@110 1@120 5@80"
    assert short_text(untaxed_slices(MIXED, taxes(method="lifo"), Decimal(100))) == "5@80 1@120 4@110 2@90 3@150"
    assert short_text(untaxed_slices(MIXED, taxes(method="average_cost"), Decimal(100))).startswith("3@106 2@106 4@106")


def test_dated_lots_are_not_taxed_without_the_day_of_the_sale() -> None:
    with pytest.raises(RulesError, match=r"as_of is missing.*VTI") as refused:
        slices(MIXED, taxes(as_of=None), Decimal(100))

    assert refused.value.culprits == ("taxes.as_of", "VTI")
    assert str(refused.value).endswith("were held. Give the day of the sales, such as 2026-11-20.")
    with pytest.raises(RulesError, match="as_of"):
        slices(MIXED, taxes("0.4", "0", as_of=None), Decimal(100))
    assert slices(held("VTI", "3@150"), taxes(as_of=None), Decimal(100))
    assert slices(MIXED, taxes("0", "0", as_of=None), Decimal(100))


def test_a_share_pool_matches_the_same_day_then_thirty_days_ahead_then_the_pool() -> None:
    position = held(
        "VOD",
        "100@2 2020-01-05",
        "100@3 2026-11-19",
        "10@6 2026-12-20",  # the thirtieth day
        "10@7 2026-12-21",  # the day after it: pooled
        "20@5 2026-11-20",
        "20@4 2026-11-20",
        "5@8 2026-11-21",
    )

    lots = slices(position, taxes(method="share_pool"), Decimal(9))

    # the pool: (100·2 + 100·3 + 10·7) ÷ 210
    assert short_text(lots) == "40@4.5 5@8 10@6 210@2.714285714286"
    assert {lot.term for lot in lots} == {Term.SHORT}
    assert [lot.acquired is None for lot in lots] == [False, False, False, True]


def test_lots_at_their_average_cost_keep_their_days() -> None:
    lots = slices(MIXED, taxes(method="average_cost"), Decimal(100))

    assert [lot.acquired for lot in lots] == [MIXED.lots[place].acquired for place in (2, 1, 3, 0, 4)]
    # At one cost nothing but the order of their sale tells lots of one day apart.
    assert [lot.place for lot in lots] == [0, 1, 2, 3, 4]


def test_only_a_lot_bought_within_the_window_is_recent() -> None:
    position = held("VTI", "1@90", "1@90 2026-10-20", "1@90 2026-10-21", "1@90 2026-12-20", "1@90 2026-12-21")

    lots = slices(position, taxes(method="specified"), Decimal(100))

    assert [lot.recent for lot in lots] == [False, False, True, True, False]
    assert not any(lot.recent for lot in slices(position, taxes("0", "0", as_of=None), Decimal(100)))


def test_sales_elsewhere_use_up_the_same_day_purchases_and_then_the_pool() -> None:
    here, there = held("VOD", "100@2 2020-01-05", "6@8 2026-11-20"), held("VOD", "4@8 2026-11-20")
    rules = taxes(method="share_pool")

    (pool,) = slices(here, rules, Decimal(9), [there], sold_elsewhere=Fraction(14))

    assert (pool.quantity, pool.unit_cost, pool.acquired) == (96, 2, None)
    assert [lot.quantity for lot in slices(here, rules, Decimal(9), [there], Fraction(3))] == [7, 99]
    assert not any(lot.recent for lot in slices(here, rules, Decimal(9)))


def test_a_share_pool_spans_the_taxable_accounts() -> None:
    here, there = held("VOD", "100@2 2020-01-05"), held("VOD", "100@4 2021-01-05", "10@9 2026-11-20")

    lots = slices(here, taxes(method="share_pool"), Decimal(9), [there], sold_elsewhere=Fraction(4))

    assert short_text(lots) == "6@9 94@3"


def test_a_lot_that_ends_within_an_increment_is_sold_to_its_last_fraction() -> None:
    lots = slices(held("VTI", "2.25@90 2020-01-05", "2.75@80 2026-06-01"), taxes(method="fifo"), Decimal(100))

    assert [(t.quantity, t.lot.term) for t in take(lots, Decimal(3))] == [
        (Fraction(9, 4), Term.LONG),
        (Fraction(3, 4), Term.SHORT),
    ]
    assert gain_of(lots, Decimal(3), Decimal(100)) == Gain(short=Fraction(15), long=Fraction("22.5"))


def test_gains_run_straight_but_for_the_increment_in_which_a_lot_ends() -> None:
    lots = slices(held("VTI", "2.25@90 2020-01-05", "2.75@80 2026-06-01"), taxes(method="fifo"), Decimal(100))

    first, within, last = gain_runs(lots, Decimal(100), Decimal(1))

    assert (first.low, first.high, first.long, first.long_per_step, first.short) == (1, 2, 10, 10, 0)
    assert (within.low, within.high, within.long, within.short) == (3, 3, Fraction("22.5"), 15)
    assert (last.low, last.high, last.short, last.short_per_step, last.long_per_step) == (4, 5, 35, 20, 0)


def test_runs_count_gains_in_the_grain_that_is_asked_for() -> None:
    lots = slices(held("VTI", "2@99.99 2020-01-05", "1@99.995 2026-06-01"), taxes(method="fifo"), Decimal(100))

    in_cents = gain_runs(lots, Decimal(100), Decimal(1), grains=100)
    bought_elsewhere = gain_runs(lots, Decimal(90), Decimal(1), Fraction(3), grains=100)

    assert [(run.low, run.high, run.short, run.short_per_step, run.long, run.long_per_step) for run in in_cents] == [
        (1, 2, 0, 0, 1, 1),
        (3, 3, Fraction(1, 2), Fraction(1, 2), 2, 0),
    ]
    assert [(run.low, run.high, run.short, run.long) for run in bought_elsewhere] == [(1, 3, 0, 0)]


def test_recent_lots_wash_older_losses_only_as_long_as_they_are_kept() -> None:
    lots = slices(held("VTI", "10@130 2020-01-05", "4@90.5 2026-11-01"), taxes(method="fifo"), Decimal(100))

    kept, partly_sold, sold = (gain_of(lots, units, Decimal(100)) for units in (10, 12, 14))

    assert kept == Gain(long=Fraction(-180), disallowed=Fraction(120))
    assert partly_sold == Gain(short=Fraction(19), long=Fraction(-240), disallowed=Fraction(60))
    assert sold == Gain(short=Fraction(38), long=Fraction(-300))


def test_runs_bend_where_losses_begin_to_count_and_where_recent_lots_are_sold() -> None:
    lots = slices(held("VTI", "10@130.25 2020-01-05", "4@90.5 2026-11-01"), taxes(method="fifo"), Decimal(100))

    runs = gain_runs(lots, Decimal(100), Decimal(1))

    # 4 washed; 6 lose 30.25; then every recent share sold frees the loss of one more
    assert [(run.low, run.high, run.short, run.short_per_step, run.long, run.long_per_step) for run in runs] == [
        (1, 4, 0, 0, 0, 0),
        (5, 10, 0, 0, Fraction(-121, 4), Fraction(-121, 4)),
        (11, 14, Fraction(19, 2), Fraction(19, 2), Fraction(-847, 4), Fraction(-121, 4)),
    ]


def test_runs_of_either_term_end_where_their_gain_changes() -> None:
    position = held("VTI", "2@90 2020-01-05", "2@95 2026-05-01", "2@90 2026-06-01", "2@80 2025-01-05")
    lots = slices(position, taxes(method="specified"), Decimal(100))

    runs = gain_runs(lots, Decimal(100), Decimal(1))

    assert [(run.low, run.high, run.short, run.short_per_step, run.long, run.long_per_step) for run in runs] == [
        (1, 2, 0, 0, 10, 10),
        (3, 4, 5, 5, 20, 0),
        (5, 6, 20, 10, 20, 0),
        (7, 8, 30, 0, 40, 20),
    ]


def test_lots_with_the_same_gain_and_term_are_one_run() -> None:
    lots = slices(held("VTI", "2@90 2020-01-05", "3@90 2021-06-01"), taxes(method="fifo"), Decimal(100))

    assert [(run.low, run.high) for run in gain_runs(lots, Decimal(100), Decimal(1))] == [(1, 5)]


def test_runs_stop_at_the_last_whole_increment() -> None:
    lots = slices(held("VTI", "2.25@90 2020-01-05", "0.5@80 2026-06-01"), taxes(method="fifo"), Decimal(100))

    assert gain_runs(lots, Decimal(100), Decimal(1))[-1].high == 2


_LOTS = st.lists(
    st.builds(
        lambda quantity, cost, age: TaxLot(
            Decimal(quantity) / 4, Decimal(cost) / 2, None if age is None else TODAY - timedelta(days=age)
        ),
        st.integers(1, 20),
        st.integers(1, 40),
        st.one_of(st.none(), st.sampled_from([0, 29, 30, 31]), st.integers(0, 800)),
    ),
    min_size=1,
    max_size=6,
)


@given(_LOTS, st.sampled_from(LotMethod), st.sampled_from(["0.25", "0.5", "1", "0.75"]), st.integers(0, 12))
def test_the_runs_say_of_every_sale_what_it_gains(
    lots: list[TaxLot], method: LotMethod, increment: str, replaced: int
) -> None:
    position = Position("VTI", sum((lot.quantity for lot in lots), Decimal(0)), tuple(lots))
    price, step, elsewhere = Decimal(10), Decimal(increment), Fraction(replaced, 2)

    ordered = slices(position, taxes(method=method), price)
    runs = gain_runs(ordered, price, step, elsewhere)

    assert [k for run in runs for k in range(run.low, run.high + 1)] == list(
        range(1, int(position.quantity // step) + 1)
    )
    for run in runs:
        for k in range(run.low, run.high + 1):
            gain = gain_of(ordered, k * step, price, elsewhere)
            assert gain.short == run.short + run.short_per_step * (k - run.low)
            assert gain.long == run.long + run.long_per_step * (k - run.low)


@given(_LOTS, st.sampled_from([m for m in LotMethod if m not in (LotMethod.AVERAGE_COST, LotMethod.SHARE_POOL)]))
def test_every_order_holds_every_lot_once(lots: list[TaxLot], method: LotMethod) -> None:
    position = Position("VTI", sum((lot.quantity for lot in lots), Decimal(0)), tuple(lots))

    ordered = slices(position, taxes(method=method), Decimal(10))

    assert sorted(lot.place for lot in ordered) == list(range(len(lots)))
    assert [(lots[s.place].quantity, lots[s.place].unit_cost) for s in ordered] == [
        (s.quantity, s.unit_cost) for s in ordered
    ]


@given(_LOTS, st.integers(0, 20))
def test_along_the_order_of_least_tax_every_further_unit_is_taxed_no_less(lots: list[TaxLot], cents: int) -> None:
    position = Position("VTI", sum((lot.quantity for lot in lots), Decimal(0)), tuple(lots))
    rules, price = taxes(), Decimal(cents)
    rate = {Term.SHORT: Fraction(rules.short_term_rate), Term.LONG: Fraction(rules.long_term_rate)}

    per_unit = [rate[lot.term] * lot.gain_per_unit(price) for lot in slices(position, rules, price)]

    assert per_unit == sorted(per_unit)
