"""The accounts page, without a browser: see, import, look before saving, open, remove."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.app.conftest import ROOT, OpenApp, button, said

GOLDEN = Path(__file__).parent.parent / "golden" / "imports"


def golden(name: str) -> bytes:
    return (GOLDEN / name).read_bytes()


def upload(app: AppTest, content: bytes, name: str = "positions.csv") -> AppTest:
    app.file_uploader[0].upload(name, content)
    return app.run()


def written(app: AppTest) -> str:
    parts = (app.caption, app.markdown, app.subheader, app.header, app.title)
    return "\n".join(str(element.value) for kind in parts for element in kind).replace("\\", "")


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: str(metric.value).replace("\\", "") for metric in app.metric}


def names(app: AppTest) -> list[str]:
    """The names of the accounts, without the invisible joiner that keeps an address from becoming a link."""
    return [str(heading.value).replace("\\", "").replace("\u2060", "") for heading in app.subheader]


@pytest.fixture
def demo_accounts(demo_app: AppTest) -> AppTest:
    return demo_app.switch_page("pages/accounts.py").run()


@pytest.fixture
def new_user(open_app: OpenApp) -> AppTest:
    """Jane, who has just created the first local account and has nothing in it."""
    app = open_app()
    app.text_input(key="sign_in.user_name").input("jane")
    app.text_input(key="sign_in.password").input("correct horse battery")
    return button(app, "Create account").click().run().switch_page("pages/accounts.py").run()


def test_a_visitor_who_is_not_signed_in_sees_no_accounts_even_by_opening_the_page_itself() -> None:
    page = AppTest.from_file(str(ROOT / "pages" / "accounts.py"), default_timeout=30)
    page.secrets = {"tests": "only"}

    page.run()

    assert not page.exception
    assert "Sign in to see this page" in said(page)
    assert not page.file_uploader
    assert not page.title


def test_a_new_user_is_told_what_to_do_first(new_user: AppTest) -> None:
    assert not new_user.exception
    assert "You have no account yet" in said(new_user)
    assert "Fidelity" in written(new_user)
    assert len(new_user.file_uploader) == 1


def test_the_demo_shows_its_accounts_with_their_worth_and_prices(demo_accounts: AppTest) -> None:
    assert not demo_accounts.exception
    assert "Family brokerage" in names(demo_accounts)
    assert "Prices: " in written(demo_accounts)


def test_a_file_is_shown_with_its_totals_before_anything_is_saved(new_user: AppTest) -> None:
    app = upload(new_user, golden("schwab_individual.csv"))

    assert not app.exception
    assert "Preview: Schwab, 1 account" in written(app)
    assert metrics(app)["The file's total"] == "$21,300.45"
    assert metrics(app)["Difference"] == "$0.00"
    assert not app.selectbox(key="accounts.taxed." + account_id(app)).disabled
    assert "Agrees with the file's total to the cent" in written(app)
    assert "No account yet" in written(app)


def account_id(app: AppTest) -> str:
    return next(field.key for field in app.text_input if field.label == "Account name").removeprefix("accounts.name.")


def test_saving_keeps_the_account_under_the_users_name_and_selects_it(new_user: AppTest) -> None:
    app = upload(new_user, golden("schwab_individual.csv"))
    app.text_input(key=f"accounts.name.{account_id(app)}").input("My savings")

    button(app, "Save account").click().run()

    assert not app.exception
    assert "Saved: My savings" in said(app)
    assert names(app) == ["My savings"]
    assert app.selectbox(key="shell.account").value.startswith("schwab-")
    assert not app.metric


def test_every_account_of_a_file_is_saved(new_user: AppTest) -> None:
    app = upload(new_user, golden("fidelity_2026_workplace.csv"))

    button(app, "Save 3 accounts").click().run()

    assert not app.exception
    assert set(names(app)) == {"EXAMPLE, INC. 401(K) PLAN", "BrokerageLink", "Cash Management (Joint WROS)"}


def test_a_second_import_updates_the_account_and_keeps_its_name(new_user: AppTest) -> None:
    app = upload(new_user, golden("schwab_individual.csv"))
    app.text_input(key=f"accounts.name.{account_id(app)}").input("My savings")
    button(app, "Save account").click().run()

    app = upload(app, golden("schwab_individual.csv") + b"\n")  # of another day, with nothing changed
    assert "the same holdings are saved already" in written(app)
    assert app.text_input(key=f"accounts.name.{account_id(app)}").value == "My savings"
    button(app, "Save account").click().run()

    assert names(app) == ["My savings"]


def test_cancelling_saves_nothing_and_puts_the_file_away(new_user: AppTest) -> None:
    app = upload(new_user, golden("schwab_individual.csv"))

    button(app, "Cancel").click().run()

    assert not app.exception
    assert names(app) == []
    assert not app.metric


def test_a_line_that_cannot_be_read_is_shown_and_must_be_seen_before_saving(new_user: AppTest) -> None:
    damaged = golden("schwab_individual.csv").replace(b'ETF","40"', b'ETF","4O"')

    app = upload(new_user, damaged)

    assert "Look at 1 line of the file" in said(app)
    assert metrics(app)["Difference"] == "−$10,004.00"
    assert button(app, "Save account").disabled
    app.checkbox(key="accounts.agreed").check().run()
    assert not button(app, "Save account").disabled


def test_an_account_without_a_name_is_not_saved(new_user: AppTest) -> None:
    app = upload(new_user, golden("schwab_individual.csv"))
    app.text_input(key=f"accounts.name.{account_id(app)}").input("   ")

    button(app, "Save account").click().run()

    assert "Give every account a name" in said(app)
    assert names(app) == []


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x00\x01\x02", b"hello", b"symbol,shares\n"])
def test_a_file_that_is_no_positions_file_is_refused_without_a_traceback(new_user: AppTest, content: bytes) -> None:
    app = upload(new_user, content, "../../etc/![](http://example.com/p.png)\r\n.csv")

    assert not app.exception
    assert len(app.error) == 1
    assert "](" not in app.error[0].value.replace("\\]\\(", "")


def test_names_from_a_file_are_shown_letter_by_letter(new_user: AppTest) -> None:
    hostile = "![x](http://example.com/p.png) **$1$**"
    text = f'Account Number,Account Name,Symbol,Quantity,Last Price,Current Value\nZ12345678,"{hostile}",VTI,1,$250.00,$250.00\n'

    app = upload(new_user, text.encode())
    button(app, "Save account").click().run()

    assert not app.exception
    assert names(app) == [hostile]
    assert "![x](" not in app.subheader[0].value
    assert all("![x](" not in element.value for kind in (app.success, app.caption, app.markdown) for element in kind)


def test_the_demo_may_try_its_own_file_and_is_told_where_it_stays(demo_accounts: AppTest) -> None:
    assert "gone with it" in written(demo_accounts)

    app = upload(demo_accounts, golden("vanguard_brokerage.csv"))
    button(app, "Save 2 accounts").click().run()

    assert not app.exception
    assert names(app).count("Vanguard account") == 2


def test_opening_an_account_selects_it_and_leads_to_rebalancing(demo_accounts: AppTest) -> None:
    demo_accounts.button(key="accounts.open.retirement-ira").click().run()

    assert not demo_accounts.exception
    assert demo_accounts.selectbox(key="shell.account").value == "retirement-ira"


def test_removing_an_account_takes_a_second_click_and_forgets_it(demo_accounts: AppTest) -> None:
    demo_accounts.button(key="accounts.remove.education-fund").click().run()

    assert not demo_accounts.exception
    assert "Education fund" not in names(demo_accounts)


def test_one_users_accounts_are_not_anothers(new_user: AppTest, open_app: OpenApp) -> None:
    button(upload(new_user, golden("schwab_individual.csv")), "Save account").click().run()

    visitor = button(open_app(), "Explore the demo").click().run().switch_page("pages/accounts.py").run()

    assert "Individual" not in names(visitor)


def test_an_account_of_several_can_be_left_out(new_user: AppTest) -> None:
    app = upload(new_user, golden("schwab_all_accounts.csv"))

    app.checkbox(key="accounts.chosen." + account_id(app)).uncheck().run()
    button(app, "Save account").click().run()

    assert not app.exception
    assert names(app) == ["Individual"]


def test_what_cannot_be_read_of_an_account_left_out_keeps_nobody_from_saving(new_user: AppTest) -> None:
    damaged = golden("schwab_all_accounts.csv").replace(b'"1,200.5"', b'"1,2OO.5"')
    app = upload(new_user, damaged)
    assert button(app, "Save 2 accounts").disabled

    app.checkbox(key="accounts.chosen." + account_id(app)).uncheck().run()

    assert not button(app, "Save account").disabled


def test_with_every_account_left_out_there_is_nothing_to_save(new_user: AppTest) -> None:
    app = upload(new_user, golden("schwab_all_accounts.csv"))

    for box in [box for box in app.checkbox if str(box.key).startswith("accounts.chosen.")]:
        box.uncheck()
    app.run()

    assert not app.exception
    assert app.button(key="accounts.save").disabled


EMPTY_BLOCK = (
    b'\n"Closed_Account ...789"\n"Symbol","Description","Quantity","Price","Market Value"\n'
    b'"Cash & Cash Investments","--","--","--","$0.00"\n"Account Total","--","--","--","$0.00"\n'
)


def test_an_account_that_holds_nothing_is_left_out_unless_wanted(new_user: AppTest) -> None:
    app = upload(new_user, golden("schwab_all_accounts.csv") + EMPTY_BLOCK)

    button(app, "Save 2 accounts").click().run()

    assert not app.exception
    assert set(names(app)) == {"Roth Contributory IRA", "Individual"}


@pytest.mark.parametrize("name", ["vanguard_529.csv", "fidelity_2024.csv", "schwab_individual.csv", "generic_lots.csv"])
@pytest.mark.parametrize("page", ["pages/rebalance.py", "pages/holdings.py"])
def test_every_kind_of_account_opens_on_every_page(new_user: AppTest, name: str, page: str) -> None:
    app = upload(new_user, golden(name))
    app.button(key="accounts.save").click().run()

    for picked in list(app.selectbox(key="shell.account").options):
        app.selectbox(key="shell.account").select(picked).run()
        app.switch_page(page).run()

        assert not app.exception


@pytest.mark.parametrize(
    "rows",
    [
        "57821940,VANGUARD FEDERAL MONEY MARKET INVESTOR CL,VMFXX,515000,1,515000,\n",  # only cash
        "57821940,VANGUARD FEDERAL MONEY MARKET INVESTOR CL,VMFXX,0,1,0,\n57821940,U S TREASURY,null,5000,100.00,5000.00,\n",
        "57821940,VANGUARD TOTAL STOCK MARKET ETF,VTI,10,100.00,1500.00,\n",  # a price its value contradicts
    ],
)
@pytest.mark.parametrize("page", ["pages/rebalance.py", "pages/holdings.py"])
def test_accounts_with_only_cash_nothing_to_trade_or_no_price_open(new_user: AppTest, rows: str, page: str) -> None:
    app = upload(new_user, f"Account Number,Investment Name,Symbol,Shares,Share Price,Total Value,\n{rows}".encode())
    if app.checkbox:
        app.checkbox(key="accounts.agreed").check().run()
    button(app, "Save account").click().run()

    app.switch_page(page).run()

    assert not app.exception
    assert app.title


def test_what_is_set_aside_stands_beside_the_total_with_the_brokers_sum(new_user: AppTest) -> None:
    app = upload(new_user, golden("schwab_individual.csv"))
    button(app, "Save account").click().run()

    # −800 short, 830 option, 4,980 bill: 16,290.45 + 5,010.00 = 21,300.45, which is the file's total
    beside = "$5,010.00 set aside, not in the total; with it the account comes to $21,300.45."
    assert beside in written(app)
    for page in ("pages/rebalance.py", "pages/holdings.py"):
        app.switch_page(page).run()
        assert metrics(app)["Total"] == "$16,290.45"
        assert beside in written(app)
