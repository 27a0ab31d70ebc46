"""Who is at work just now: the user, their session, and the request that log, trail and error message name alike."""

import secrets
from contextvars import ContextVar
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Acting:
    """What the trail and the log add to every line by themselves. `session` is the session's handle, never its id."""

    request_id: str = ""
    user_id: str | None = None
    session: str | None = None


_NOBODY = Acting()
_acting: ContextVar[Acting] = ContextVar("evenkeel_acting", default=_NOBODY)


def acting() -> Acting:
    """Who is at work in this thread or task; nobody before `begin_request` and `act_as`."""
    return _acting.get()


def begin_request(request_id: str = "") -> str:
    """A new piece of work, of nobody yet: one run of a page, or one HTTP request. Returns its id."""
    begun = request_id or secrets.token_hex(5)
    _acting.set(Acting(begun))
    return begun


def act_as(user_id: str | None, session: str | None = None) -> None:
    """From here on, this user is at work in this request."""
    _acting.set(replace(_acting.get(), user_id=user_id, session=session))
