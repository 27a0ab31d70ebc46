"""Asking again who it is: what cannot be taken back is done only by somebody who proved themselves a moment ago."""

from datetime import datetime, timedelta
from typing import Protocol

from allocation.errors import StepUpRequiredError

WITHIN = timedelta(minutes=15)
# A proof from another worker whose clock is a little ahead still is one.
_AHEAD = timedelta(minutes=1)


class Proved(Protocol):
    """A session that remembers when its user last proved who they are."""

    @property
    def proved_at(self) -> datetime:
        """When the user last gave the second factor, the password or a fresh sign-in at the provider."""
        ...


def is_fresh(session: Proved, now: datetime, within: timedelta = WITHIN) -> bool:
    """Whether the last proof is recent enough; one from the future proves nothing."""
    return -_AHEAD <= now - session.proved_at <= within


def require(session: Proved, now: datetime, within: timedelta = WITHIN) -> None:
    """Go on only after a recent proof.

    Raises:
        StepUpRequiredError: the user has to prove once more who they are.
    """
    if not is_fresh(session, now, within):
        raise StepUpRequiredError
