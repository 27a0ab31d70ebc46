"""What one member of a team does while another is at work."""

import pytest

from allocation.authorisation import Role
from allocation.bootstrap import Workbench
from allocation.model import Portfolio
from allocation.ports import User
from pages.shared import look, prices
from tests.app.conftest import button, said
from tests.app.test_sharing import OpenAs, bench, open_as, people, shared_id  # noqa: F401  three are fixtures
from tests.people import HELD, REFUSALS, WANTED

# ruff: noqa: F811


def toasts(app) -> str:  # type: ignore[no-untyped-def]
    return " ".join(str(e.value) for e in app.toast)


@pytest.mark.parametrize("page", ["pages/rebalance.py", "pages/holdings.py", "pages/accounts.py", "pages/teams.py"])
def test_who_works_on_an_account_that_is_taken_away_is_told_and_goes_on(
    open_as: OpenAs, bench: Workbench, people: dict[str, User], page: str
) -> None:
    bench.store.save_portfolios(people["Vera"].id, [HELD])
    app = open_as("Vera", page)
    share = next(a.id for a in bench.store.accounts(people["Vera"].id) if a.owner)
    app.selectbox(key="shell.account").set_value(share).run()
    bench.teams.unshare(people["Ann"].id, share)

    app.run()

    assert not app.exception
    assert app.selectbox(key="shell.account").value == "main"
    assert app.selectbox(key="shell.account").options == ["Main"]
    assert "no longer shared with you" in toasts(app)
    assert not app.run().toast


def test_an_account_taken_away_while_its_desk_is_shown_leaves_no_dead_page(
    open_as: OpenAs, bench: Workbench, people: dict[str, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_as("Vera")
    share = shared_id(bench, people["Vera"])

    def and_then_it_is_taken_away(*_: object) -> None:
        bench.teams.unshare(people["Ann"].id, share)

    monkeypatch.setattr(prices, "fetch_once", and_then_it_is_taken_away)

    app.run()

    assert not app.exception
    assert app.title[0].value == "No account chosen"
    assert "no longer shared with you" in toasts(app)


@pytest.mark.parametrize("page", ["pages/rebalance.py", "pages/holdings.py"])
def test_an_account_taken_away_in_the_midst_of_a_run_leaves_no_dead_page(
    open_as: OpenAs, bench: Workbench, people: dict[str, User], monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    app = open_as("Vera", page)
    share = shared_id(bench, people["Vera"])
    as_before = look.account_header

    def and_then_it_is_taken_away(portfolio: Portfolio) -> None:
        as_before(portfolio)
        bench.teams.unshare(people["Ann"].id, share)
        bench.store.portfolio(people["Vera"].id, share)

    monkeypatch.setattr(look, "account_header", and_then_it_is_taken_away)

    app.run()

    assert not app.exception
    assert app.title[0].value == "No account chosen"
    assert "no longer shared with you" in toasts(app)
    assert share not in said(app) + toasts(app)


@pytest.mark.parametrize("click", ["Equal weights", "Save targets"])
def test_a_click_that_comes_too_late_for_its_account_changes_nothing_and_is_answered(
    open_as: OpenAs, bench: Workbench, people: dict[str, User], click: str
) -> None:
    app = open_as("Theo")
    button(app, "Equal weights").click().run()
    bench.teams.unshare(people["Ann"].id, shared_id(bench, people["Theo"]))

    button(app, click).click().run()

    assert not app.exception
    assert app.title[0].value == "No account chosen"
    assert "no longer shared with you" in toasts(app)
    assert bench.store.target(people["Ann"].id, "main") == WANTED


def test_a_trader_held_back_by_the_share_is_told_so_and_whom_to_ask(
    open_as: OpenAs, bench: Workbench, people: dict[str, User]
) -> None:
    team = bench.teams.teams(people["Ann"].id)[0]
    bench.teams.share(people["Ann"].id, "main", team.id, Role.VIEWER)

    app = open_as("Theo")

    said_of_it = " ".join(e.value for e in app.caption).replace("\\", "")
    assert (
        "As a viewer you may not change the target; that takes a trader. Your role in the team would do" in said_of_it
    )
    assert "shared up to viewer: ask Ann to change that" in said_of_it
    assert not bench.trail.of_user(people["Theo"].id, REFUSALS)  # asking is no attempt


def test_an_owner_changes_up_to_which_role_an_account_is_shared(
    open_as: OpenAs, bench: Workbench, people: dict[str, User]
) -> None:
    app = open_as("Ann", "pages/teams.py")
    share = shared_id(bench, people["Theo"])

    app.selectbox(key=f"teams.cap.{share}").set_value(Role.VIEWER).run()

    assert not app.exception
    assert "shared up to viewer now" in toasts(app)
    assert [(s.id, s.role) for s in bench.teams.teams(people["Ann"].id)[0].shares] == [(share, Role.VIEWER)]


def test_who_leaves_a_team_is_told_so(open_as: OpenAs) -> None:
    app = open_as("Vera", "pages/teams.py")

    button(app, "Leave the team").click().run()

    assert "You left the team" in toasts(app)
