"""The what-if desk: drafts, the verbs behind its buttons, and hostile answers from a grid."""

import math
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocation import desk
from allocation.desk import Draft
from allocation.errors import (
    DuplicateSymbolError,
    EmptyPortfolioError,
    SymbolError,
    TargetError,
    TargetSumError,
)
from allocation.model import Account, Portfolio, Position, PriceSource, Quote
from allocation.targets import TargetAllocation
from allocation.valuation import cost_of, value_portfolio

D = Decimal
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SYMBOLS = ("VTI", "BND", "GLD")


def draft(locked: str = "", **percents: str) -> Draft:
    return Draft({s: D(p) for s, p in percents.items()}, frozenset(locked.split()))


def portfolio(cash: str = "0", **quantities: str) -> Portfolio:
    positions = tuple(Position(s, D(q)) for s, q in quantities.items())
    return Portfolio(Account("main", "Main"), positions, D(cash))


def quotes(currency: str = "USD", **prices: str) -> dict[str, Quote]:
    return {s: Quote(s, D(p), currency, NOON, PriceSource.SAMPLE) for s, p in prices.items()}


def edit(**rows: dict[str, object]) -> dict[str, object]:
    return {"edited_rows": {int(name[1:]): cells for name, cells in rows.items()}, "added_rows": [], "deleted_rows": []}


# Draft and target


def test_a_saved_target_becomes_a_draft_and_back_without_losing_a_digit() -> None:
    saved = TargetAllocation.of({"VTI": "0.333333333333", "BND": "0.1"}, frozenset({"BND"}))

    back = desk.target_of(desk.draft_of(saved))

    assert back == saved


def test_cash_is_what_is_missing_to_the_whole() -> None:
    assert draft(VTI="60", BND="36.8").cash == D("3.2")


def test_more_than_the_whole_is_refused_with_the_excess_named() -> None:
    too_much = draft(VTI="100", BND="36")

    with pytest.raises(TargetSumError, match=r"Targets come to 136\.00 %, 36\.00 points too much") as refused:
        desk.target_of(too_much)

    assert refused.value.culprits == ("VTI", "BND")


def test_every_target_outside_its_range_is_named() -> None:
    wrong = draft(VTI="136", BND="-5", GLD="10")

    with pytest.raises(TargetError, match=r"VTI \(136\.00 %\) and BND \(-5\.00 %\)") as refused:
        desk.target_of(wrong)

    assert refused.value.culprits == ("VTI", "BND")


def test_three_typed_thirds_are_the_whole() -> None:
    thirds = draft(VTI="33.3333", BND="33.3333", GLD="33.3334")

    assert desk.target_of(thirds).cash_weight == 0


# Edits from the grid


def test_an_edited_cell_changes_its_own_line_only() -> None:
    before = draft(VTI="60", BND="40")

    after = desk.apply_edits(before, SYMBOLS, edit(r1={"target": 12.5}))

    assert after == draft(VTI="60", BND="12.5")


def test_an_emptied_cell_takes_the_target_away() -> None:
    after = desk.apply_edits(draft(VTI="60", BND="40"), SYMBOLS, edit(r0={"target": None}))

    assert after == draft(BND="40")


def test_the_lock_box_locks_and_unlocks() -> None:
    grid = edit(r0={"locked": True}, r1={"locked": False})

    after = desk.apply_edits(draft("BND", VTI="60"), SYMBOLS, grid)

    assert after.locked == {"VTI"}


def test_binary_noise_of_a_browser_number_is_not_taken_for_digits() -> None:
    after = desk.apply_edits(draft(), SYMBOLS, edit(r0={"target": 0.1 + 0.2}))

    assert after.percents == {"VTI": D("0.3")}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e308, "sixty", "６０", [60], {"a": 1}, True])
def test_a_target_that_is_no_number_is_refused_by_name(value: object) -> None:
    grid = edit(r0={"target": value}, r2={"target": value})

    with pytest.raises(TargetError, match="VTI and GLD is not a number") as refused:
        desk.apply_edits(draft(), SYMBOLS, grid)

    assert refused.value.culprits == ("VTI", "GLD")


@pytest.mark.parametrize(
    "grid",
    [
        None,
        "text",
        {},
        {"edited_rows": None},
        {"edited_rows": [1, 2]},
        {"edited_rows": {3: {"target": 1}, -1: {"target": 1}, "0": {"target": 1}, True: {"target": 1}}},
        {"edited_rows": {0: None, 1: "target"}},
        {"edited_rows": {0: {"price": 1, "quantity": 1e9, "symbol": "EVIL", "locked": "yes"}}},
        {"edited_rows": {}, "added_rows": [{"symbol": "EVIL", "target": 50}], "deleted_rows": [0]},
    ],
)
def test_anything_but_targets_and_locks_of_known_rows_is_ignored(grid: object) -> None:
    before = draft("BND", VTI="60", BND="40")

    assert desk.apply_edits(before, SYMBOLS, grid) == before
    assert desk.fits(SYMBOLS, grid) is (grid is None)


def test_an_honest_answer_fits_its_grid() -> None:
    assert desk.fits(SYMBOLS, edit(r0={"target": 50.0}, r2={"locked": True, "target": None}))


def test_a_target_out_of_range_stays_as_typed_until_it_is_corrected() -> None:
    after = desk.apply_edits(draft(), SYMBOLS, edit(r0={"target": 136}))

    assert after.percents == {"VTI": D(136)}


# Lines come and go


def test_the_lines_stand_in_a_fixed_order_held_then_targeted_then_added() -> None:
    held = portfolio(BND="1", VTI="1")
    saved = desk.draft_of(TargetAllocation.of({"GLD": "0.05", "BND": "0.1"}))
    wanted = desk.add_symbol(saved, "vxus", SYMBOLS)

    assert desk.desk_symbols(held, wanted) == ("BND", "VTI", "GLD", "VXUS")


def test_an_added_symbol_has_no_target_yet() -> None:
    after = desk.add_symbol(draft(VTI="60"), " vxus ", SYMBOLS)

    assert after.extra == ("VXUS",)
    assert after.percents == {"VTI": D(60)}


@pytest.mark.parametrize("text", ["", "=1+1", "АAPL", "<script>", "A" * 1000])
def test_what_no_exchange_would_write_is_no_symbol(text: str) -> None:
    with pytest.raises(SymbolError):
        desk.add_symbol(draft(), text, SYMBOLS)


def test_a_symbol_that_is_there_already_is_not_added_again() -> None:
    with pytest.raises(DuplicateSymbolError, match="VTI"):
        desk.add_symbol(draft(), "vti", SYMBOLS)
    with pytest.raises(DuplicateSymbolError, match="BRK/B"):
        desk.add_symbol(draft(), "brk/b", ("BRK-B",))


def test_removing_a_line_takes_its_target_and_lock_along() -> None:
    added = desk.add_symbol(draft("GLD", VTI="60", GLD="5"), "VXUS", SYMBOLS)

    after = desk.remove_symbol(desk.remove_symbol(added, "GLD"), "VXUS")

    assert after == draft(VTI="60")


def test_a_line_whose_target_was_emptied_keeps_its_place_on_the_desk() -> None:
    wanted = desk.draft_of(TargetAllocation.of({"VTI": "0.6", "BND": "0.3", "GLD": "0.1"}))

    after = desk.apply_edits(wanted, SYMBOLS, edit(r1={"target": None}))

    assert desk.desk_symbols(portfolio(), after) == SYMBOLS


# Set from current


def test_current_weights_are_rounded_so_that_they_come_to_exactly_the_whole() -> None:
    values = {"VTI": D(1), "BND": D(1), "GLD": D(1)}

    after = desk.set_from_current(draft("VTI", VTI="99"), SYMBOLS, values, D(0))

    assert after == draft("VTI", VTI="33.34", BND="33.33", GLD="33.33")


def test_cash_takes_part_in_the_rounding_and_keeps_its_share() -> None:
    after = desk.set_from_current(draft(), ("VTI", "BND"), {"VTI": D(800), "BND": D(150)}, D(50))

    assert after.percents == {"VTI": D(80), "BND": D(15)}
    assert after.cash == D(5)


def test_a_line_that_is_not_held_gets_the_target_it_has_now_none() -> None:
    after = desk.set_from_current(draft(GLD="10"), SYMBOLS, {"VTI": D(1), "BND": D(1)}, D(0))

    assert after.percents["GLD"] == 0


def test_overdrawn_cash_counts_as_none() -> None:
    after = desk.set_from_current(draft(), ("VTI",), {"VTI": D(100)}, D(-20))

    assert after.percents == {"VTI": D(100)}


def test_an_empty_account_has_no_current_weights() -> None:
    with pytest.raises(EmptyPortfolioError, match="Type targets instead"):
        desk.set_from_current(draft(), SYMBOLS, {}, D(0))


@given(
    st.lists(st.decimals(0, 1_000_000, places=2), min_size=1, max_size=40),
    st.decimals(0, 1_000_000, places=2),
)
def test_targets_from_current_and_cash_always_come_to_the_whole(amounts: list[Decimal], cash: Decimal) -> None:
    symbols = [f"S{i}" for i in range(len(amounts))]
    total = sum(amounts) + cash
    if not total:
        return

    after = desk.set_from_current(draft(), symbols, dict(zip(symbols, amounts, strict=True)), cash)

    assert after.total + after.cash == 100
    assert after.cash >= 0
    for symbol, amount in zip(symbols, amounts, strict=True):
        assert abs(after.percents[symbol] - amount * 100 / total) < D("0.01")


# Spread the rest, equal weights


def test_the_rest_is_added_in_equal_points_to_the_unlocked_lines() -> None:
    after = desk.spread_rest(draft("VTI", VTI="60", BND="20"), SYMBOLS)

    assert after == draft("VTI", VTI="60", BND="30", GLD="10")


def test_the_odd_hundredths_go_to_the_first_lines() -> None:
    after = desk.spread_rest(draft(), SYMBOLS)

    assert after == draft(VTI="33.34", BND="33.33", GLD="33.33")


def test_nothing_is_spread_when_the_targets_come_to_more_than_the_whole() -> None:
    with pytest.raises(TargetSumError, match=r"36\.00 points too much"):
        desk.spread_rest(draft(VTI="100", BND="36"), SYMBOLS)


def test_nothing_is_spread_over_locked_lines() -> None:
    with pytest.raises(TargetError, match="Every line is locked"):
        desk.spread_rest(draft("VTI BND GLD", VTI="60"), SYMBOLS)


@given(
    st.lists(st.decimals(0, 5, places=4), min_size=1, max_size=20),
    st.integers(0, 19),
)
def test_after_spreading_the_targets_come_to_exactly_the_whole(weights: list[Decimal], locked: int) -> None:
    symbols = [f"S{i}" for i in range(len(weights) + 1)]
    before = Draft(dict(zip(symbols, weights, strict=False)), frozenset(symbols[: min(locked, len(weights))]))

    after = desk.spread_rest(before, symbols)

    assert after.total == 100
    assert all(after.percents[s] >= before.percents.get(s, 0) for s in symbols)
    assert all(after.percents[s] == before.percents[s] for s in before.locked)


def test_equal_weights_share_what_the_locked_lines_leave() -> None:
    after = desk.equal_weights(draft("VTI", VTI="60", BND="39"), SYMBOLS)

    assert after == draft("VTI", VTI="60", BND="20", GLD="20")


# What the desk shows


def test_the_lines_show_what_is_held_and_wanted_before_there_is_a_plan() -> None:
    held = portfolio(cash="50", VTI="8", BND="3")

    vti, bnd, gld = desk.desk_lines(held, draft("BND", VTI="60", GLD="10"), quotes(VTI="100", BND="50", GLD="20"))

    assert (vti.value, vti.current, vti.target) == (800, D("0.8"), D("0.6"))
    assert (bnd.value, bnd.current, bnd.target, bnd.locked) == (150, D("0.15"), None, True)
    assert (gld.value, gld.current, gld.target, gld.after) == (0, 0, D("0.1"), None)
    assert desk.without_target([vti, bnd, gld]) == ("BND",)


def test_a_grid_that_keeps_its_edits_is_given_what_it_began_with() -> None:
    held, prices, base = portfolio(VTI="8", BND="4"), quotes(VTI="100", BND="50"), draft(VTI="60")
    typed = desk.apply_edits(base, SYMBOLS, edit(r0={"target": 70}, r1={"target": 30, "locked": True}))

    vti, bnd = desk.with_targets_of(desk.desk_lines(held, typed, prices), base)

    assert (vti.target, vti.current) == (D("0.6"), D("0.8"))
    assert (bnd.target, bnd.locked) == (None, False)


def test_the_chart_rows_keep_the_order_of_the_table_with_cash_last() -> None:
    held, wanted, prices = portfolio(cash="200", VTI="8"), draft(GLD="10", VTI="60"), quotes(VTI="100")
    cash = desk.cash_row(value_portfolio(held, prices), wanted)

    rows = desk.weight_rows(desk.desk_lines(held, wanted, prices), cash)

    assert [(r.label, r.current, r.target) for r in rows] == [
        ("VTI", D("0.8"), D("0.6")),
        ("GLD", 0, D("0.1")),
        ("Cash", D("0.2"), D("0.3")),
    ]


def test_there_is_no_target_for_cash_when_the_lines_want_more_than_the_whole() -> None:
    valuation = value_portfolio(portfolio(cash="200", VTI="8"), quotes(VTI="100"))

    assert desk.cash_row(valuation, draft(VTI="136")).target is None


def test_a_line_without_a_price_is_named_and_leaves_every_weight_unknown() -> None:
    valuation = value_portfolio(portfolio(cash="10", VTI="8", XYZ="1"), quotes(VTI="100"))

    assert valuation.unpriced == ("XYZ",)
    assert valuation.total == 810
    assert valuation.weight("VTI") is None
    assert valuation.cash_weight is None


def test_a_price_in_another_currency_is_no_price() -> None:
    valuation = value_portfolio(portfolio(VTI="8"), quotes("GBP", VTI="100"))

    assert valuation.unpriced == ("VTI",)
    assert valuation.values == {}


def test_the_cost_of_a_position_without_lots_is_not_known() -> None:
    assert cost_of(Position("VTI", D(3))) is None
