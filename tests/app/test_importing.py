"""Importing, without a browser: columns that the user names, what a second import changes, what would vanish."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from allocation.mapping import DayOrder
from tests.app.conftest import OpenApp, button, said
from tests.app.test_accounts_page import account_id, metrics, upload, written

GERMAN = (Path(__file__).parent.parent / "golden" / "imports" / "unknown" / "german_depot.csv").read_bytes()
FIRST = b"symbol,quantity,account\nVTI,10,Main\nBND,4,Main\nVNQ,1,Main\nCASH,100,Main\n"
SECOND = b"symbol,quantity,account\nVTI,12,Main\nBND,4,Main\nVXUS,3,Main\nCASH,40,Main\n"


@pytest.fixture
def accounts(open_app: OpenApp) -> AppTest:
    """The accounts page of Jane, who has just created the first local account."""
    app = open_app()
    app.text_input(key="sign_in.user_name").input("jane")
    app.text_input(key="sign_in.password").input("correct horse battery")
    return button(app, "Create account").click().run().switch_page("pages/accounts.py").run()


def tables(app: AppTest) -> list[list[dict[str, object]]]:
    return [frame.value.to_dict("records") for frame in app.dataframe]


def chosen(app: AppTest, field: str) -> str:
    found = next(box for box in app.selectbox if str(box.key).startswith(f"accounts.column.{field}."))
    return str(found.options[found.index])


# ── Columns ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_table_that_no_reader_knows_is_shown_with_a_guess_for_every_column_and_what_would_be_read(
    accounts: AppTest,
) -> None:
    app = upload(accounts, GERMAN)

    assert not app.exception
    assert "Which column is what?" in written(app)
    assert chosen(app, "symbol").startswith("ISIN")
    assert chosen(app, "quantity").startswith("Stück")
    assert chosen(app, "acquired").startswith("Kaufdatum")
    assert "Preview: Chosen columns, 1 account" in written(app)
    assert metrics(app)["Cash in it, EUR"] == "€1,234.56"


def test_the_choice_is_remembered_for_the_same_header_and_can_be_made_again(accounts: AppTest) -> None:
    app = button(upload(accounts, GERMAN), "Save account").click().run()
    assert not app.exception

    app = upload(app, GERMAN.replace(b"12,5;80,10", b"14,5;80,10").replace(b"1.278,13", b"1.482,63"))

    assert "Read with the columns you chose before" in written(app)
    assert not any(str(box.key).startswith("accounts.column.") for box in app.selectbox)
    changed = next(rows for rows in tables(app) if rows and "before" in rows[0])
    assert [(row["what"], row["before"], row["after"], row["by"]) for row in changed] == [
        ("IE00B4L5Y983", "14.5", "16.5", "+2")
    ]
    button(app, "Choose the columns again").click().run()
    assert chosen(app, "symbol").startswith("ISIN")


def test_a_number_or_a_day_that_could_be_two_has_to_be_told(accounts: AppTest) -> None:
    app = upload(accounts, b"Ticker,Shares,Cost,Bought\nVTI,1.234,200,03/04/2026\n")

    assert "could be read in two ways" in said(app)
    assert "Preview" not in written(app)
    radios = {str(radio.key).split(".")[1]: radio for radio in app.radio}
    radios["decimals"].set_value(False)
    radios["dates"].set_value(DayOrder.DAY_FIRST)
    app.run()
    assert not app.exception
    assert "Preview: Chosen columns, 1 account" in written(app)


def test_one_column_cannot_mean_two_things(accounts: AppTest) -> None:
    app = upload(accounts, b"Ticker,Shares,Cost\nVTI,1,200\n")

    next(box for box in app.selectbox if str(box.key).startswith("accounts.column.quantity.")).select(0).run()

    assert not app.exception
    assert "One column cannot be the quantity and the symbol" in said(app)


# ── Once more ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_second_import_shows_what_is_gone_new_and_changed_before_it_is_saved(accounts: AppTest) -> None:
    app = button(upload(accounts, FIRST), "Save account").click().run()

    app = upload(app, SECOND)

    changed = next(rows for rows in tables(app) if rows and "before" in rows[0])
    assert [(row["what"], row["kind"], row["before"], row["after"]) for row in changed] == [
        ("VNQ", "gone", "1", ""),
        ("VXUS", "new", "", "3"),
        ("VTI", "changed", "10", "12"),
        ("Cash USD", "changed", "$100.00", "$40.00"),
    ]
    assert "1 holding unchanged" in written(app)
    assert not button(app, "Save account").disabled


def test_the_same_file_twice_says_when_it_was_saved(accounts: AppTest) -> None:
    app = button(upload(accounts, FIRST), "Save account").click().run()

    app = upload(app, FIRST)

    assert "You saved what this very file holds on" in said(app)
    assert "only dates and prices change" in written(app)
    button(app, "Save account").click().run()
    assert "there is nothing to save" in said(app)


def test_the_same_file_puts_back_what_has_changed_since(accounts: AppTest) -> None:
    app = button(upload(accounts, FIRST), "Save account").click().run()
    app = button(upload(app, SECOND), "Save account").click().run()

    app = button(upload(app, FIRST), "Save account").click().run()

    assert "Saved: Main" in said(app)


def test_an_account_that_would_lose_most_of_its_holdings_asks_before_it_does(accounts: AppTest) -> None:
    app = button(upload(accounts, FIRST), "Save account").click().run()

    app = upload(app, b"symbol,quantity,account\nVTI,10,Main\n")

    assert "Main would lose 2 of its holdings: BND, VNQ" in said(app).replace("\\", "")
    assert button(app, "Save account").disabled
    app.checkbox(key=f"accounts.vanished.{account_id(app)}").check().run()
    button(app, "Save account").click().run()
    assert "Saved: Main" in said(app)
