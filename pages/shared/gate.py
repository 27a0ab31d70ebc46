"""Who may connect: pages of our own address, and nobody more often than people do."""

import logging
from functools import lru_cache
from urllib.parse import urlsplit

import streamlit as st
from starlette.datastructures import Headers
from starlette.types import Scope

from allocation.errors import SettingsError
from allocation.sign_in.providers import is_loopback
from allocation.sign_in.throttle import Throttle
from pages.shared.cache import settings

_log = logging.getLogger("evenkeel.server")
_LONGEST_SHOWN = 80


@lru_cache(maxsize=1)
def _connects() -> Throttle:
    return Throttle()


def may_connect(scope: Scope) -> bool:
    """Whether this websocket may be opened; a refusal is in the log."""
    headers, base_url = Headers(scope=scope), _base_url()
    origin, host = headers.get("origin"), headers.get("host", "")
    if not is_our_own(origin, host, base_url, secure=is_secure(scope), this_machine_only=_this_machine_only()):
        _log.warning(
            "Refused a connection: origin %s, host %s. Where people use this address, say so in EVENKEEL_BASE_URL.",
            ascii((origin or "none")[:_LONGEST_SHOWN]),
            ascii(host[:_LONGEST_SHOWN]),
        )
        return False
    return not is_too_often(scope)


def is_too_often(scope: Scope) -> bool:
    """Whether an address knocks faster than people do; said in the log."""
    client = scope.get("client")
    address = str(client[0]) if client else ""
    if _connects().allows(address):
        return False
    _log.warning("Refused %s: too many connections in a short time.", ascii(address[:_LONGEST_SHOWN]))
    return True


def is_our_own(origin: str | None, host: str, base_url: str | None, *, secure: bool, this_machine_only: bool) -> bool:
    """Whether the page that connects is one of ours. Streamlit itself lets every port in, and who names no origin.

    Args:
        host: the address it connects to, as it says.
        base_url: the address people use, where that was said.
        secure: whether the browser came over https.
        this_machine_only: whether nobody else can mean us: then a name that is not this machine's was made to
            point here by somebody else (DNS rebinding).
    """
    try:
        parts = urlsplit(origin or "")
    except ValueError:  # no address at all, such as http://[
        return False
    if parts.scheme not in {"http", "https"} or not parts.netloc or origin != f"{parts.scheme}://{parts.netloc}":
        return False
    if base_url and origin == origin_of(base_url):
        return True
    if parts.netloc.lower() != host.lower() or (secure and parts.scheme != "https"):
        return False
    return not this_machine_only or is_loopback(parts.hostname or "")


def refuse_base_path(base_path: str) -> None:
    """Refuse to start under a path: our gates and the addresses providers answer to are at the root of a host.

    Raises:
        SettingsError: always, when there is such a path.
    """
    if base_path.strip("/"):
        message = (
            f"server.baseUrlPath is {base_path[:40]!a}, and Evenkeel cannot be served under a path. Give it a host name of "
            "its own, such as https://evenkeel.example.com, and take server.baseUrlPath out."
        )
        raise SettingsError(message, ("server.baseUrlPath",))


def is_secure(scope: Scope) -> bool:
    """Whether the browser came over https: to us, to a proxy we may believe, or to the https address people use."""
    base_url = _base_url()
    if scope["scheme"] in {"https", "wss"}:
        return True
    return bool(base_url) and origin_of(base_url or "") == f"https://{Headers(scope=scope).get('host', '').lower()}"


def origin_of(url: str) -> str:
    """The origin a browser names for pages of this address: without the port that goes without saying."""
    parts = urlsplit(url.lower())
    usual = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    return f"{parts.scheme}://{parts.netloc.removesuffix(usual)}"


def _this_machine_only() -> bool:
    return is_loopback(st.get_option("server.address") or "") and not _base_url()


def _base_url() -> str | None:
    try:
        return settings().base_url
    except SettingsError:  # the page says so, and goes no further
        return None
