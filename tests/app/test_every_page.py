"""What holds for every page, the ones still to be written included."""

import pytest

from allocation.adapters.memory import MemoryStore
from tests.app.conftest import ROOT, OpenApp, said
from tests.app.desks import open_page, open_signed_out

PAGES = sorted(f"pages/{file.name}" for file in (ROOT / "pages").glob("*.py") if file.name != "sign_in.py")
OF_ONE_ACCOUNT = [
    page
    for page in PAGES
    if page not in {"pages/accounts.py", "pages/history.py", "pages/security.py", "pages/teams.py"}
]


@pytest.mark.parametrize("page", PAGES)
def test_a_visitor_who_is_not_signed_in_sees_no_account(page: str) -> None:
    app = open_signed_out(page)

    assert not app.exception
    assert "Sign in to see this page" in said(app)
    assert not app.title
    assert not app.metric
    assert not app.dataframe


@pytest.mark.parametrize("page", OF_ONE_ACCOUNT)
def test_a_visitor_without_an_account_is_shown_the_way_to_one(open_app: OpenApp, page: str) -> None:
    app = open_page(open_app, page, MemoryStore(), {})

    assert not app.exception
    assert app.title[0].value == "No account chosen"
    assert not app.metric
