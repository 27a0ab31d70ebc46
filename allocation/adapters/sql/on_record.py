"""Refusals on record: whoever asks for what is not theirs is turned away and written down, once for each attempt."""

from collections.abc import Iterator
from contextlib import contextmanager

from allocation.authorisation import AnyVerb
from allocation.errors import (
    AccountNotFoundError,
    AllocationError,
    InvitationError,
    NotAllowedError,
    TeamNotFoundError,
    UserDisabledError,
)
from allocation.ports import Trail
from allocation.trail import EventKind

LONGEST_SUBJECT = 80

_KINDS: dict[type[AllocationError], EventKind] = {
    AccountNotFoundError: EventKind.ACCOUNT_REFUSED,
    TeamNotFoundError: EventKind.ACTION_REFUSED,
    NotAllowedError: EventKind.ACTION_REFUSED,
    UserDisabledError: EventKind.ACTION_REFUSED,
    InvitationError: EventKind.INVITATION_REFUSED,
}


@contextmanager
def refusals_on_record(trail: Trail | None, user_id: str, verb: AnyVerb, subject: str = "") -> Iterator[None]:
    """Around a transaction, not inside: what is refused is undone, but the record of it stays.

    Args:
        trail: None where nothing is kept.
        user_id: who asks.
        verb: what for.
        subject: the id that was named, cut where it is absurdly long; never a token.
    """
    try:
        yield
    except AllocationError as refused:
        kind = next((kind for error, kind in _KINDS.items() if isinstance(refused, error)), None)
        if kind is not None and trail is not None:
            trail.record(kind, subject[:LONGEST_SUBJECT], user_id=user_id, verb=verb.name.lower(), why=refused.code)
        raise
