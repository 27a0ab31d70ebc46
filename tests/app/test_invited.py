"""Somebody who opens an invitation before they are signed in."""

import pytest
from streamlit.testing.v1 import AppTest

from allocation.authorisation import Role
from pages.shared.cache import workbench
from tests.app.conftest import OpenApp, button, said
from tests.people import add_user

PASSWORD = "correct horse battery"
TOKEN = "invitation.token"


@pytest.fixture
def invited(open_app: OpenApp) -> AppTest:
    """A visitor at sign-in, who came by Ann's link."""
    enter(open_app(), "Create account")
    app = open_app()
    bench = workbench()
    ann = add_user(bench.store._database, "Ann")  # type: ignore[attr-defined]
    app.query_params["invitation"] = bench.teams.invite(ann, bench.teams.create_team(ann, "Family"), Role.VIEWER)
    return app.run()


def enter(app: AppTest, press: str = "Sign in") -> AppTest:
    app.text_input(key="sign_in.user_name").input("jane")
    app.text_input(key="sign_in.password").input(PASSWORD)
    return button(app, press).click().run()


def test_the_address_loses_the_invitation_before_anybody_is_signed_in(invited: AppTest) -> None:
    assert not invited.exception
    assert "invitation" not in invited.query_params
    assert "You were invited to a team: sign in to see the invitation." in said(invited)


def test_the_invitation_is_there_after_sign_in(invited: AppTest) -> None:
    enter(invited)

    assert not invited.exception
    assert "Join Family?" in [e.value for e in invited.subheader]


def test_the_demo_keeps_the_invitation_for_later(invited: AppTest) -> None:
    button(invited, "Explore the demo").click().run()
    assert not invited.exception
    assert "invitation" not in invited.query_params

    button(invited, "Sign out").click().run()
    assert "You were invited to a team" in said(invited)
    enter(invited)

    assert "Join Family?" in [e.value for e in invited.subheader]


def test_the_invitation_of_one_user_is_not_left_to_the_next(invited: AppTest) -> None:
    enter(invited)

    button(invited, "Sign out").click().run()

    assert TOKEN not in invited.session_state
    assert "You were invited" not in said(invited)


def test_the_run_that_leads_on_from_sign_in_shows_no_ticket(open_app: OpenApp, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    as_before = type(workbench().sessions).ticket

    def counted(*given: object) -> str:
        asked.append(given[1])
        return as_before(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(type(workbench().sessions), "ticket", counted)

    enter(open_app(), "Create account")

    assert len(asked) == 1
