"""The rebalancing page, without a browser: every state of it, and what an edit brings about."""

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from allocation.adapters.memory import MemoryStore
from allocation.choices import Mode
from allocation.model import PriceSource, Quote
from tests.app.conftest import OpenApp, button, said
from tests.app.desks import NOON, VISITOR, open_page, store_with
from tests.builders import a_portfolio

PAGE = "pages/rebalance.py"
PRICES = {"VTI": "100", "BND": "50", "GLD": "20"}
OpenDesk = Callable[..., AppTest]


@pytest.fixture
def store() -> MemoryStore:
    """One account of 1,000: 8 VTI, 3 BND and 50 in cash; meant to be 60, 30 and 10 %."""
    return store_with(a_portfolio({"VTI": 8, "BND": 3}, 50), target={"VTI": "0.6", "BND": "0.3"})


@pytest.fixture
def open_desk(open_app: OpenApp, store: MemoryStore) -> OpenDesk:
    def opened(kept: MemoryStore = store, prices: Mapping[str, str] = PRICES) -> AppTest:
        return open_page(open_app, PAGE, kept, prices)

    return opened


def grid(app: AppTest) -> Any:
    return app.get("data_editor")[0] if not hasattr(app, "data_editor") else app.data_editor[0]


def rows(app: AppTest) -> dict[str, dict[str, Any]]:
    """The grid by symbol."""
    return {row["symbol"]: row for row in grid(app).value.to_dict("records")}


def captions(app: AppTest) -> str:
    """Every small sentence of the page."""
    return "\n".join(str(caption.value) for caption in app.caption)


def type_into(app: AppTest, **edits: dict[str, Any]) -> AppTest:
    """What the browser reports when cells of these symbols were edited."""
    order = list(rows(app))
    edited = {order.index(symbol): cells for symbol, cells in edits.items()}
    return report(app, {"edited_rows": edited, "added_rows": [], "deleted_rows": []})


def report(app: AppTest, answer: Any) -> AppTest:
    app.session_state[grid(app).key] = answer
    return app.run()


def trades(app: AppTest) -> list[tuple[str, str, float]]:
    """Side, symbol and quantity of every line of the trade table."""
    tables = [t.value for t in app.dataframe if "side" in t.value.columns]
    return [(r["side"], r["symbol"], r["quantity"]) for t in tables for r in t.to_dict("records")]


def popovers(app: AppTest) -> list[str]:
    return [p.proto.popover.label for p in app.get("popover")]


def headline(app: AppTest) -> dict[str, str]:
    return {m.label: m.value.replace("\\", "") for m in app.metric}


# States


def test_the_desk_shows_holdings_targets_and_what_follows(open_desk: OpenDesk) -> None:
    app = open_desk()

    assert not app.exception
    vti = rows(app)["VTI"]
    assert (vti["current"], vti["target"], vti["after"], vti["trade"]) == (80, 60, 60, -2)
    assert trades(app) == [("Sell", "VTI", 2), ("Buy", "BND", 3)]
    assert headline(app) == {
        "Total": "$1,000.00",
        "Drift": "20.00 % → 0.00 %",
        "Turnover": "17.50 %",
        "Cash left": "$100.00",
        "Trades": "2",
    }
    assert any("Best possible under your rules: proved" in c.value for c in app.caption)


def test_nothing_on_the_page_recommends(open_desk: OpenDesk) -> None:
    app = open_desk()

    words = " ".join(str(e.value) for kind in (app.markdown, app.caption, app.info) for e in kind)

    assert "recommend" not in words.lower()


def small_print(app: AppTest) -> str:
    return " ".join(str(caption.value) for caption in app.caption)


def test_an_account_without_saved_targets_starts_from_what_it_holds(open_desk: OpenDesk) -> None:
    app = open_desk(store_with(a_portfolio({"VTI": 8, "BND": 3}, 50)))

    assert [row["target"] for row in rows(app).values()] == [80, 15]
    assert trades(app) == []
    assert "no trades" in said(app)
    assert button(app, "Save targets").disabled is False
    assert "nothing trades until you edit one" in small_print(app)

    assert "until you edit one" not in small_print(type_into(app, VTI={"target": 70.0}))


def test_an_empty_account_says_that_there_is_nothing_to_divide(open_desk: OpenDesk) -> None:
    app = open_desk(store_with(a_portfolio()))

    assert not app.exception
    assert "nothing to divide" in said(app)
    assert "Add a symbol" in said(app)


# Edits


def test_an_edited_target_is_followed_by_everything_else(open_desk: OpenDesk) -> None:
    app = type_into(open_desk(), VTI={"target": 70.0})

    assert rows(app)["VTI"]["after"] == 70
    assert trades(app) == [("Sell", "VTI", 1), ("Buy", "BND", 3)]
    assert headline(app)["Cash left"] == "$0.00"
    assert any("target 0.00 %" in m.value for m in app.markdown)


def test_targets_above_the_whole_are_refused_and_no_plan_is_shown(open_desk: OpenDesk) -> None:
    app = type_into(open_desk(), VTI={"target": 100.0}, BND={"target": 36.0})

    assert "Targets come to 136\\.00 %, 36\\.00 points too much" in said(app)
    assert not app.metric
    assert trades(app) == []
    assert math.isnan(rows(app)["VTI"]["after"])
    assert button(app, "Save targets").disabled is False


def test_after_a_refusal_the_correction_brings_the_plan_back(open_desk: OpenDesk) -> None:
    refused = type_into(open_desk(), VTI={"target": 136.0})

    app = type_into(refused, VTI={"target": 60.0})

    assert not app.error
    assert trades(app) == [("Sell", "VTI", 2), ("Buy", "BND", 3)]


def test_a_locked_line_does_not_trade(open_desk: OpenDesk) -> None:
    app = type_into(open_desk(), VTI={"locked": True})

    assert "VTI" not in {symbol for _, symbol, _ in trades(app)}


def test_a_holding_without_a_target_is_pointed_out(open_desk: OpenDesk) -> None:
    app = type_into(open_desk(), BND={"target": None})

    assert "No target, so the plan sells all of BND" in said(app).replace("\\", "")
    assert ("Sell", "BND", 3) in trades(app)


def test_a_line_left_out_of_the_plan_is_accounted_for_beside_the_total(open_desk: OpenDesk) -> None:
    app = type_into(open_desk(), BND={"target": None})

    app.selectbox(key="rebalance.main.outside").select_index(2)
    app.number_input(key="rebalance.main.cash_flow").set_value(1000.0).run()

    assert headline(app)["Total"] == "$1,850.00"
    captions = " ".join(c.value for c in app.caption).replace("\\", "")
    assert "$150.00 left out, not in the total; with it the account comes to $2,000.00." in captions
    assert "left out of the plan, the total and the weights: BND" in said(app).replace("\\", "")


@pytest.mark.parametrize(
    "answer",
    [
        {"edited_rows": {0: {"price": 1.0, "quantity": 9e9, "symbol": "EVIL", "value": 1}}},
        {"edited_rows": {99: {"target": 50.0}, -1: {"target": 50.0}}},
        {"edited_rows": {}, "added_rows": [{"symbol": "EVIL", "target": 50.0}], "deleted_rows": [0, 1]},
    ],
)
def test_a_tampered_answer_of_the_grid_changes_nothing(open_desk: OpenDesk, answer: dict[str, Any]) -> None:
    app = open_desk()
    before = trades(app)

    report(app, {"added_rows": [], "deleted_rows": [], **answer})

    assert not app.exception
    assert trades(app) == before
    assert headline(app)["Total"] == "$1,000.00"


def test_a_target_that_is_no_number_is_refused_by_name(open_desk: OpenDesk) -> None:
    app = type_into(open_desk(), BND={"target": math.inf})

    assert "The target of BND is not a number" in said(app)
    assert not app.metric


def test_nothing_typed_is_lost_by_a_visit_to_another_page(open_desk: OpenDesk) -> None:
    app = type_into(open_desk(), VTI={"target": 70.0})

    app.switch_page("pages/holdings.py").run()
    app.switch_page(PAGE).run()

    assert rows(app)["VTI"]["target"] == 70
    assert button(app, "Save targets").disabled is False


def test_the_same_question_is_not_solved_again(open_desk: OpenDesk) -> None:
    app = open_desk()
    plan = app.session_state["rebalance.main.bench"].plan

    app.run()

    assert app.session_state["rebalance.main.bench"].plan is plan


# The verbs of the desk


def test_saving_keeps_the_targets_and_the_locks(open_desk: OpenDesk, store: MemoryStore) -> None:
    app = type_into(open_desk(), VTI={"target": 70.0, "locked": True})

    button(app, "Save targets").click().run()

    saved = store.target(VISITOR.id, "main")
    assert saved is not None
    assert {s: float(w) for s, w in saved.weights.items()} == {"VTI": 0.7, "BND": 0.3}
    assert saved.locked == {"VTI"}
    assert button(app, "Save targets").disabled is True
    assert "saved" in app.toast[0].value


def test_targets_above_the_whole_are_not_saved(open_desk: OpenDesk, store: MemoryStore) -> None:
    app = type_into(open_desk(), VTI={"target": 100.0})

    button(app, "Save targets").click().run()

    saved = store.target(VISITOR.id, "main")
    assert saved is not None
    assert float(saved.weights["VTI"]) == 0.6
    assert "30\\.00 points too much" in said(app)


def test_reset_goes_back_to_what_is_saved(open_desk: OpenDesk) -> None:
    app = type_into(open_desk(), VTI={"target": 70.0})

    button(app, "Reset").click().run()

    assert rows(app)["VTI"]["target"] == 60
    assert button(app, "Save targets").disabled is True


def test_targets_from_current_mean_that_nothing_trades(open_desk: OpenDesk) -> None:
    app = open_desk()

    button(app, "Set targets from current").click().run()

    assert [row["target"] for row in rows(app).values()] == [80, 15]
    assert trades(app) == []


def test_the_rest_is_spread_over_the_unlocked_lines(open_desk: OpenDesk) -> None:
    app = type_into(open_desk(), VTI={"locked": True})

    button(app, "Spread the rest evenly").click().run()

    assert [row["target"] for row in rows(app).values()] == [60, 40]


def test_what_was_just_typed_counts_when_a_verb_follows(open_desk: OpenDesk) -> None:
    app = open_desk()
    edits = {"edited_rows": {0: {"target": 50.0, "locked": True}}, "added_rows": [], "deleted_rows": []}
    app.session_state[grid(app).key] = edits

    button(app, "Spread the rest evenly").click().run()

    assert [row["target"] for row in rows(app).values()] == [50, 50]


def test_an_added_symbol_waits_for_its_target_and_can_be_removed(open_desk: OpenDesk) -> None:
    app = open_desk()

    app.text_input(key="rebalance.main.add").input(" gld ").run()
    assert list(rows(app)) == ["VTI", "BND", "GLD"]
    assert math.isnan(rows(app)["GLD"]["target"])

    type_into(app, GLD={"target": 10.0})
    assert ("Buy", "GLD", 5) in trades(app)

    button(app, "Remove GLD").click().run()
    assert list(rows(app)) == ["VTI", "BND"]


def test_a_symbol_no_exchange_uses_is_refused(open_desk: OpenDesk) -> None:
    app = open_desk()

    app.text_input(key="rebalance.main.add").input("=1+1").run()

    assert "is not a usable symbol" in said(app)
    assert list(rows(app)) == ["VTI", "BND"]
    assert app.text_input(key="rebalance.main.add").value == "=1+1"
    assert not app.warning  # above the popover it would push it away, and close it


def test_the_reason_for_a_refused_symbol_goes_with_the_next_edit(open_desk: OpenDesk) -> None:
    app = open_desk()
    app.text_input(key="rebalance.main.add").input("VTI").run()
    before = said(app)

    app.text_input(key="rebalance.main.add").input("GLD").run()

    assert "VTI" in before
    assert "more than once" not in said(app)
    assert app.text_input(key="rebalance.main.add").value == ""


def test_a_line_without_a_price_blocks_the_plan_by_name(open_desk: OpenDesk) -> None:
    app = open_desk()

    app.text_input(key="rebalance.main.add").input("XYZ").run()
    type_into(app, XYZ={"target": 5.0})

    assert "No price for XYZ" in said(app)
    assert trades(app) == []
    assert rows(app)["XYZ"]["priced"] == "no price"


# Rules


def test_money_to_invest_is_put_to_work(open_desk: OpenDesk) -> None:
    app = open_desk()

    app.number_input(key="rebalance.main.cash_flow").set_value(1000.0).run()

    assert headline(app)["Total"] == "$2,000.00"
    assert trades(app) == [("Buy", "BND", 9), ("Buy", "VTI", 4)]


def test_a_withdrawal_larger_than_the_account_is_refused(open_desk: OpenDesk) -> None:
    app = open_desk()

    app.number_input(key="rebalance.main.cash_flow").set_value(-5000.0).run()

    assert "withdrawal of 5,000.00" in said(app).replace("\\", "")
    assert not app.metric


def test_buy_only_sells_nothing(open_desk: OpenDesk) -> None:
    app = open_desk()

    app.selectbox(key="rebalance.main.mode").select(Mode.INVEST).run()

    assert {side for side, _, _ in trades(app)} == {"Buy"}


def test_no_trade_is_smaller_than_the_smallest_allowed(open_desk: OpenDesk) -> None:
    app = open_desk()

    app.number_input(key="rebalance.main.min_trade").set_value(160.0).run()

    assert trades(app) == [("Sell", "VTI", 2), ("Buy", "BND", 4)]  # three would cost 150


def test_fractions_come_nearer_than_whole_shares(open_desk: OpenDesk) -> None:
    app = type_into(open_desk(), VTI={"target": 61.5})

    app.selectbox(key="rebalance.main.increment").select_index(1).run()

    assert ("Sell", "VTI", 1.85) in trades(app)


def test_rules_out_of_sight_are_counted_and_all_can_be_reset(open_desk: OpenDesk) -> None:
    app = open_desk()
    app.number_input(key="rebalance.main.reserve").set_value(100.0)
    app.selectbox(key="rebalance.main.outside").select_index(1)
    app.number_input(key="rebalance.main.cash_flow").set_value(1000.0).run()
    assert "More rules: 2 set" in popovers(app)

    button(app, "Reset all rules").click().run()

    assert "More rules" in popovers(app)
    assert button(app, "Reset all rules").disabled
    assert headline(app)["Total"] == "$1,000.00"
    assert trades(app) == [("Sell", "VTI", 2), ("Buy", "BND", 3)]


def test_a_mode_says_what_it_does_and_asks_for_what_it_needs(open_desk: OpenDesk) -> None:
    app = open_desk()

    app.selectbox(key="rebalance.main.mode").select(Mode.FEWEST_TRADES).run()
    app.number_input(key="rebalance.main.max_trades").set_value(1).run()

    assert Mode.FEWEST_TRADES.sentence in captions(app)
    assert len(trades(app)) == 1


def test_money_to_withdraw_needs_no_sign_in_its_mode_and_keeps_its_direction_in_another(open_desk: OpenDesk) -> None:
    app = open_desk()
    app.selectbox(key="rebalance.main.mode").select(Mode.RAISE_CASH).run()
    assert "Type the money to withdraw" in captions(app)

    app.number_input(key="rebalance.main.cash_flow").set_value(250.0).run()
    assert trades(app) == [("Sell", "VTI", 2)]

    app.selectbox(key="rebalance.main.mode").select(Mode.REBALANCE).run()
    assert app.number_input(key="rebalance.main.cash_flow").value == -250
    assert headline(app)["Total"] == "$750.00"


def test_a_line_within_its_band_stays_as_it_is(open_desk: OpenDesk) -> None:
    app = open_desk()  # 80 and 15 % where 60 and 30 % are meant to be

    app.selectbox(key="rebalance.main.mode").select(Mode.OUT_OF_BAND).run()
    app.selectbox(key="rebalance.main.band_kind").select_index(2).run()
    app.number_input(key="rebalance.main.band_absolute").set_value(16.0).run()

    assert trades(app) == [("Sell", "VTI", 1)]  # a second share would take cash further from its 10 %


def test_a_tax_budget_without_rates_says_where_to_set_them(open_desk: OpenDesk) -> None:
    app = open_desk()

    app.selectbox(key="rebalance.main.mode").select(Mode.TAX_BUDGET).run()

    assert "Your tax rates are 0 %" in captions(app)


def test_money_to_invest_is_forgotten_when_newer_holdings_may_include_it(
    open_desk: OpenDesk, store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    app = open_desk()
    app.number_input(key="rebalance.main.cash_flow").set_value(1000.0).run()

    store.save_portfolios(VISITOR.id, [a_portfolio({"VTI": 8, "BND": 3}, 1050)])
    app.run()

    assert headline(app)["Total"] == "$2,000.00"
    assert app.number_input(key="rebalance.main.cash_flow").value == 0
    assert "default value" not in caplog.text + said(app)


def test_without_trades_the_page_says_what_is_in_the_way(open_desk: OpenDesk) -> None:
    app = open_desk()

    app.selectbox(key="rebalance.main.mode").select(Mode.RAISE_CASH).run()

    assert trades(app) == []
    assert "stays 20.00 % from its targets" in said(app)
    assert "Raise cash" in said(app)


def test_a_target_and_a_holding_of_one_security_are_one_line_under_the_accounts_spelling(open_app: OpenApp) -> None:
    store = store_with(a_portfolio({"BRK B": 8}, 200), target={"BRK.B": "0.5"})

    app = open_page(open_app, PAGE, store, {"BRK B": "100"})

    assert list(rows(app)) == ["BRK B"]
    assert rows(app)["BRK B"]["target"] == 50
    assert trades(app) == [("Sell", "BRK B", 3)]


# Files and the demo


def test_the_downloads_carry_the_account_and_the_day(open_desk: OpenDesk) -> None:
    app = open_desk()

    labels = {d.label: d for d in app.get("download_button")}

    assert {"Download CSV", "JSON"} <= set(labels)


@pytest.mark.parametrize("account", [0, 1, 2])
def test_every_account_of_the_demo_has_a_proved_plan(demo_app: AppTest, account: int) -> None:
    app = demo_app
    app.selectbox(key="shell.account").select_index(account).run()

    app.switch_page(PAGE).run()

    assert not app.exception
    assert not app.error
    assert trades(app)
    assert any("proved" in c.value for c in app.caption)


def test_a_price_that_comes_late_does_not_turn_into_a_sale_of_everything(open_app: OpenApp) -> None:
    unsaved = store_with(a_portfolio({"VTI": 8, "NEW": 10}, 50))
    app = open_page(open_app, PAGE, unsaved, {"VTI": "100"})
    assert "No price for NEW" in said(app)

    unsaved.save_manual_price(VISITOR.id, Quote("NEW", Decimal(15), "USD", NOON, PriceSource.MANUAL))
    app.run()

    assert trades(app) == []
    assert rows(app)["VTI"]["target"] == pytest.approx(80)
    assert rows(app)["NEW"]["target"] == pytest.approx(15)


def test_an_untouched_account_without_saved_targets_is_no_what_if_yet(open_app: OpenApp) -> None:
    app = open_page(open_app, PAGE, store_with(a_portfolio({"VTI": 8}, 200)), PRICES)
    assert button(app, "Reset").disabled
    assert not button(app, "Save targets").disabled

    type_into(app, VTI={"target": 50.0})

    assert not button(app, "Reset").disabled
