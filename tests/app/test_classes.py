"""What securities are, on the holdings page: said by the user, in a dialog, and added up by class."""

from decimal import Decimal

import pytest
from streamlit.testing.v1 import AppTest

from allocation.adapters.memory import MemoryStore
from allocation.securities import FactsSource, FactsUnavailableError, SecurityFacts
from tests.app.conftest import OpenApp, button, said
from tests.app.desks import VISITOR, open_page, store_with
from tests.builders import a_portfolio

PAGE = "pages/holdings.py"
D = Decimal
PRICES = {"BRK B": "100", "MIX": "50"}


@pytest.fixture
def store() -> MemoryStore:
    """800 in BRK B, 150 in MIX, 50 in cash."""
    return store_with(a_portfolio({"BRK B": 8, "MIX": 3}, 50))


def table(app: AppTest, column: str) -> list[dict[str, object]]:
    return next(t.value.to_dict("records") for t in app.dataframe if column in t.value.columns)


def test_nothing_is_guessed_where_nobody_said_anything(open_app: OpenApp, store: MemoryStore) -> None:
    app = open_page(open_app, PAGE, store, PRICES)

    assert "Classes: 0 of 2 securities" in [e.label for e in app.expander]
    assert [row["class"] for row in table(app, "gain_percent")] == ["not known", "not known"]
    assert any("does not guess" in c.value for c in app.caption)
    assert not [t for t in app.dataframe if list(t.value.columns) == ["class", "value", "weight"]]


def test_what_is_said_in_the_dialog_counts_at_once(open_app: OpenApp, store: MemoryStore) -> None:
    app = open_page(open_app, PAGE, store, PRICES)
    button(app, "Say what a security is").click().run()

    app.selectbox(key="classes.symbol").select("MIX").run()
    app.multiselect(key="classes.MIX.classes").set_value(["US stocks", "Bonds"]).run()
    app.number_input(key="classes.MIX.share.US stocks").set_value(60.0)
    app.number_input(key="classes.MIX.share.Bonds").set_value(40.0)
    app.text_input(key="classes.MIX.region").set_value("United States")
    app.button(key="classes.save").click().run()

    assert not app.exception
    assert store.security_facts(VISITOR.id)["MIX"] == SecurityFacts(
        "MIX", {"US stocks": D("0.6"), "Bonds": D("0.4")}, region="United States"
    )
    by_class = next(t.value for t in app.dataframe if list(t.value.columns) == ["class", "value", "weight"])
    assert by_class.to_dict("records") == [
        {"class": "US stocks", "value": 90.0, "weight": 9.0},
        {"class": "Bonds", "value": 60.0, "weight": 6.0},
        {"class": "Not classified", "value": 800.0, "weight": 80.0},
        {"class": "Cash in the account", "value": 50.0, "weight": 5.0},
    ]
    assert [row["class"] for row in table(app, "gain_percent")] == ["not known", "60 % US stocks, 40 % Bonds"]


def test_shares_that_make_no_whole_are_refused_and_stay_to_be_corrected(open_app: OpenApp, store: MemoryStore) -> None:
    app = open_page(open_app, PAGE, store, PRICES)
    button(app, "Say what a security is").click().run()

    app.selectbox(key="classes.symbol").select("MIX").run()
    app.multiselect(key="classes.MIX.classes").set_value(["US stocks", "Bonds"]).run()
    app.number_input(key="classes.MIX.share.US stocks").set_value(60.0)
    app.number_input(key="classes.MIX.share.Bonds").set_value(30.0)
    app.button(key="classes.save").click().run()

    assert "come to 90 %, not 100 %" in said(app)
    assert app.number_input(key="classes.MIX.share.Bonds").value == 30
    assert store.security_facts(VISITOR.id) == {}


def test_a_class_alone_is_the_whole_security_and_is_found_under_its_other_spelling(
    open_app: OpenApp, store: MemoryStore
) -> None:
    store.save_security_facts(VISITOR.id, SecurityFacts("BRK.B", {"US stocks": D(1)}, "Insurance"))

    app = open_page(open_app, PAGE, store, PRICES)
    button(app, "Say what a security is").click().run()

    assert table(app, "sector")[0]["class"] == "US stocks"
    assert app.multiselect(key="classes.BRK B.classes").value == ["US stocks"]
    assert not [n for n in app.number_input if n.key.startswith("classes.")]
    app.button(key="classes.forget").click().run()
    assert store.security_facts(VISITOR.id) == {}


def test_a_wrong_isin_is_refused(open_app: OpenApp, store: MemoryStore) -> None:
    app = open_page(open_app, PAGE, store, PRICES)
    button(app, "Say what a security is").click().run()

    app.text_input(key="classes.BRK B.isin").set_value("US0846707027")
    app.button(key="classes.save").click().run()

    assert "no ISIN" in said(app)


def test_the_demos_securities_are_described_and_labelled_as_samples(demo_app: AppTest) -> None:
    app = demo_app.switch_page(PAGE).run()

    rows = table(app, "sector")
    assert {row["class"] for row in rows} == {"US stocks"}
    assert {row["source"] for row in rows} == {"sample"}


# ── Yahoo's word ────────────────────────────────────────────────────────────────────────────────────────────────────


class Describer:
    """Knows one security."""

    def facts(self, symbol: str) -> SecurityFacts:
        if symbol != "MIX":
            raise FactsUnavailableError(f"Yahoo does not know {symbol}. Fill in the fields yourself.", (symbol,))
        mixed = {"Stocks": D("0.6"), "Bonds": D("0.4")}
        return SecurityFacts("MIX", mixed, "", "United States", source=FactsSource.YAHOO)


@pytest.fixture
def asked(open_app: OpenApp, store: MemoryStore) -> AppTest:
    """The dialog, after Yahoo was asked about MIX."""
    app = open_page(open_app, PAGE, store, PRICES)
    app.session_state["state.signed_in"].session.market.describer = Describer()
    button(app, "Say what a security is").click().run()
    app.selectbox(key="classes.symbol").select("MIX").run()
    return app.button(key="classes.ask").click().run()


def test_what_yahoo_says_fills_the_fields_and_counts_once_it_is_saved(asked: AppTest, store: MemoryStore) -> None:
    assert asked.number_input(key="classes.MIX.share.Stocks").value == 60
    assert store.security_facts(VISITOR.id) == {}

    asked.button(key="classes.save").click().run()

    assert store.security_facts(VISITOR.id)["MIX"].source == FactsSource.YAHOO
    assert [row["source"] for row in table(asked, "sector")] == ["", "Yahoo"]


def test_what_the_user_changes_in_it_is_the_users_word(asked: AppTest, store: MemoryStore) -> None:
    asked.text_input(key="classes.MIX.region").set_value("World")
    asked.button(key="classes.save").click().run()

    kept = store.security_facts(VISITOR.id)["MIX"]
    assert (kept.region, kept.source) == ("World", FactsSource.USER)


def test_why_yahoo_says_nothing_stands_beside_the_fields(asked: AppTest) -> None:
    asked.selectbox(key="classes.symbol").select("BRK B").run()
    asked.button(key="classes.ask").click().run()

    assert "Yahoo does not know BRK B" in said(asked)
    assert asked.multiselect(key="classes.BRK B.classes").value == []


def test_where_nothing_is_fetched_nobody_can_be_asked(open_app: OpenApp, store: MemoryStore) -> None:
    app = open_page(open_app, PAGE, store, PRICES)

    button(app, "Say what a security is").click().run()

    assert "Ask Yahoo" not in [b.label for b in app.button]
