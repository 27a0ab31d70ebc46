"""A form that was sent by mistake: what is missing is said, and nothing is counted as a wrong guess."""

from streamlit.testing.v1 import AppTest

from allocation.ports import User
from allocation.trail import EventKind
from pages.shared.cache import local_accounts, workbench
from tests.app.conftest import OpenApp, button, said
from tests.installation import PASSWORD


def jane() -> User:
    return local_accounts().create_first("jane", PASSWORD)


def security_of_jane(open_app: OpenApp) -> AppTest:
    app = open_app()
    app.text_input(key="sign_in.user_name").input("jane")
    app.text_input(key="sign_in.password").input(PASSWORD)
    return button(app, "Sign in").click().run().switch_page("pages/security.py").run()


def test_an_empty_sign_in_form_is_no_wrong_password(open_app: OpenApp) -> None:
    user, app = jane(), open_app()
    app.text_input(key="sign_in.user_name").input("jane")

    for _ in range(6):
        button(app, "Sign in").click().run()

    assert said(app) == "Enter user name and password."
    assert not workbench().trail.of_user(user.id, [EventKind.SIGN_IN_REFUSED])


def test_an_empty_password_form_is_no_wrong_password(open_app: OpenApp) -> None:
    user, app = jane(), security_of_jane(open_app)
    button(app, "Change password").click().run()

    button(app, "Change password").click().run()

    assert said(app) == "Enter the current password and the new one."
    assert not workbench().trail.of_user(user.id, [EventKind.PASSWORD_CHANGE_REFUSED])


def test_the_first_code_of_a_phone_is_asked_for_without_recovery_codes_that_do_not_exist_yet(open_app: OpenApp) -> None:
    jane()
    app = security_of_jane(open_app)
    button(app, "Set up").click().run()

    button(app, "Turn on").click().run()
    empty = said(app)
    app.text_input(key="second_factor.first_code").input("123")
    button(app, "Turn on").click().run()

    assert empty == "Enter the code."
    assert "This code is not right." in said(app)
    assert "recovery" not in said(app)
