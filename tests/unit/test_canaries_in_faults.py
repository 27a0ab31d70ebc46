"""Every kind of secret, raised in the message of a fault nobody foresaw: neither page nor log says it."""

import io
import json
import logging
import threading
from collections.abc import Callable, Iterator

import pytest
import streamlit as st

from allocation.acting import begin_request
from allocation.errors import SignInRefusedError
from allocation.logs import start_log
from allocation.redaction import hide_always, hide_here
from allocation.vault import SealingKey
from pages.shared.server import show_fault

SECRETS = {
    "password": "Correct-h0rse-battery",
    "password of plain words": "correct horse battery staple",
    "TOTP seed": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
    "TOTP code": "492039",
    "recovery code": "7Q2M-K94T-XW8R-3HJN",
    "session cookie": "Zb8pQm2-vX0aWc9Jt4LrYk6NfGhDsEu1iOqTbVnMxCw",
    "browser cookie": "n9_QeRtYuIoPaSdFgHjKlZxCvBnM1234567890qwert",
    "setup code": "9f86d081884c7d65",
    "invitation token": "K7dXvQ2mZp9sLw4TgRb8Nc",
    "client secret": "GOCSPX-1a2b3c4d5e6f7g8h9i0j",
    "OAuth code": "4/0AX4XfWh9Zk2mN7bQwErTyUiOp",
    "state": "s7K3mQ9xV2pL5nR8tW1yB4cD6fG0hJ",
    "nonce": "n0P9o8I7u6Y5t4R3e2W1q0A9s8D7f6",
    "PKCE verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    "access token": "ya29.a0AfH6SMBx7Q2w9Zk3mN8pLtR5vY1cD4",
    "refresh token": "1//0gK7dXvQ2mZp9sLw4TgRb8NcHjF6",
    "ID token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "broker token": "AKFZ7Q2M9XK4T8W3R5VN",
    "vault key": SealingKey(bytes(range(200, 232))).text,
    "database password": "pa55word-of-the-database",
    "account number": "Z987654321",
    "authorization header": "Basic Y2FuYXJ5OmF1dGhvcml6YXRpb24=",
}
# How a library words what it was given.
WORDINGS: dict[str, Callable[[str], str]] = {
    "bare": lambda secret: f"cannot use {secret} here",
    "at the end": lambda secret: f"unexpected value {secret}",
    "quoted": lambda secret: f"invalid literal: {secret!r}",
    "as JSON": lambda secret: json.dumps({"what": secret, "status": 400}),
    "in an address": lambda secret: f"GET https://idp.example/token?what={secret} failed",
    "on a second line": lambda secret: f"[parameters follow]\n{secret}\n",
    "twice": lambda secret: f"{secret} is not {secret}",
}


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    before, level, hook = root.handlers[:], root.level, threading.excepthook
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:], root.level, threading.excepthook = before, level, hook


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the page says."""
    said: list[str] = []
    monkeypatch.setattr(st, "error", lambda text, icon: said.append(text))
    return said


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("wording", WORDINGS)
def test_a_fault_tells_nobody_what_was_in_its_message(name: str, wording: str, shown: list[str]) -> None:
    stream = io.StringIO()
    start_log(stream)
    reference = begin_request()
    secret = SECRETS[name]
    if name == "password of plain words":
        hide_here(secret)  # as the form does with what was typed into it
    cause = KeyError(WORDINGS[wording](secret))

    try:
        raise RuntimeError(WORDINGS[wording](secret)) from cause
    except RuntimeError as fault:
        show_fault(fault)
        logging.getLogger("uvicorn.error").error("Exception in ASGI application", exc_info=fault)

    said = stream.getvalue() + "".join(shown)
    assert secret not in said
    assert json.dumps(secret)[1:-1] not in said
    assert reference in shown[0]
    assert "RuntimeError" in said


@pytest.mark.parametrize("name", [name for name in SECRETS if name not in {"TOTP code", "password of plain words"}])
def test_what_others_log_is_searched_as_well(name: str) -> None:
    stream = io.StringIO()
    start_log(stream)
    named = {"password": "password", "database password": "password", "recovery code": "code"}.get(name, "token")

    logging.getLogger("streamlit.web").error("Bad request: %s", {named: SECRETS[name]})
    logging.getLogger("httpx").error("sent %s=%s to the provider", named, SECRETS[name])

    assert SECRETS[name] not in stream.getvalue()
    assert SECRETS[name].split()[-1] not in stream.getvalue()


def test_a_reason_of_ours_that_repeats_what_a_provider_said_is_searched(shown: list[str]) -> None:
    stream = io.StringIO()
    start_log(stream)
    hide_always([SECRETS["client secret"]])

    logging.getLogger("evenkeel.sign_in").warning("refused: %s", SignInRefusedError(SECRETS["client secret"]).reason)

    assert SECRETS["client secret"] not in stream.getvalue()
