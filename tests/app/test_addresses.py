"""What stands in an address is anybody's: it shows one's own account or nothing, and never does anything."""

import pytest

from tests.app.conftest import OpenApp, button

ODD = {
    "a condition": {"account": "1 OR 1=1"},
    "a quote and a comment": {"account": "'--"},
    "somebody else's": {"account": "0123456789abcdef0123456789abcdef"},
    "endless": {"account": "x" * 100_000},
    "NUL and line ends": {"account": "a\x00b\r\nSet-Cookie: x=1"},
    "not UTF-8, as it arrives": {"account": "\ufffd\ufffd"},
    "empty": {"account": ""},
    "a script for a page": {"page": "javascript:alert(1)"},
    "another site to go to": {"next": "//evil.example.com"},
    "an answer nobody asked for": {"code": "c0de", "state": "s" * 43},
    "an order": {"execute": "1", "sell": "VTI"},
    "a symbol that is an address": {"ticker": "http://169.254.169.254/"},
    "a symbol that is a path": {"ticker": "../../v8/finance"},
}


@pytest.mark.parametrize("query", ODD.values(), ids=ODD.keys())
def test_an_odd_address_shows_the_first_account_as_if_nothing_were_there(
    open_app: OpenApp, query: dict[str, str]
) -> None:
    app = open_app()
    for name, value in query.items():
        app.query_params[name] = value

    button(app, "Explore the demo").click().run()

    picker = app.selectbox(key="shell.account")
    assert not app.exception
    assert picker.index == 0
    assert app.title[0].value in picker.options[0]


def test_of_two_accounts_in_an_address_one_is_shown_and_never_a_mixture(open_app: OpenApp) -> None:
    known = button(open_app(), "Explore the demo").click().run().selectbox(key="shell.account").options
    demo = open_app()
    button(demo, "Explore the demo").click().run()
    ids = [account.id for account in demo.session_state["state.signed_in"].session.accounts.list()]
    app = open_app()
    app.query_params["account"] = [ids[2], ids[1]]

    button(app, "Explore the demo").click().run()

    shown = app.selectbox(key="shell.account")
    assert not app.exception
    assert shown.value in ids[1:]
    assert app.title[0].value in known[ids.index(shown.value)]
