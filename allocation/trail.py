"""The audit trail: what happened, each line chained to the one before by its hash, so that a changed line shows."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeAlias

Detail: TypeAlias = str | int | bool | None

# What the first line names as the line before it.
NO_HASH = "0" * 64


class EventKind(StrEnum):
    """What can happen. The names are kept for ever: old lines carry them."""

    USER_CREATED = "user_created"
    SIGN_IN = "sign_in"
    SIGN_IN_REFUSED = "sign_in_refused"
    SIGN_OUT = "sign_out"
    SESSION_ENDED = "session_ended"
    SESSIONS_ENDED = "sessions_ended"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  the name of an event
    PASSWORD_CHANGE_REFUSED = "password_change_refused"  # noqa: S105  the name of an event
    PASSWORD_CODE_MADE = "password_code_made"  # noqa: S105  the name of an event
    SECOND_FACTOR_ON = "second_factor_on"
    SECOND_FACTOR_OFF = "second_factor_off"
    SECOND_FACTOR_REFUSED = "second_factor_refused"
    RECOVERY_CODE_USED = "recovery_code_used"
    RECOVERY_CODES_MADE = "recovery_codes_made"
    STEP_UP = "step_up"
    STEP_UP_REFUSED = "step_up_refused"
    USER_DISABLED = "user_disabled"
    USER_ENABLED = "user_enabled"
    LIMIT_REACHED = "limit_reached"
    ACCOUNT_REFUSED = "account_refused"
    ACTION_REFUSED = "action_refused"
    IMPORT = "import"
    ACCOUNT_REMOVED = "account_removed"
    ACCOUNT_RENAMED = "account_renamed"
    TARGET_SAVED = "target_saved"
    PLAN_MADE = "plan_made"
    TRADES_DOWNLOADED = "trades_downloaded"
    ORDERS_CONFIRMED = "orders_confirmed"
    ORDERS_CANCELLED = "orders_cancelled"
    ORDERS_RESUMED = "orders_resumed"
    ORDERS_STOPPED = "orders_stopped"
    ORDERS_ALLOWED = "orders_allowed"
    ORDER_DECIDED = "order_decided"
    LIMITS_SET = "limits_set"
    PRICE_ENTERED = "price_entered"
    PRICE_REMOVED = "price_removed"
    SECURITY_DESCRIBED = "security_described"
    SECURITY_FORGOTTEN = "security_forgotten"
    TEAM_CREATED = "team_created"
    TEAM_RENAMED = "team_renamed"
    TEAM_REMOVED = "team_removed"
    MEMBER_INVITED = "member_invited"
    INVITATION_WITHDRAWN = "invitation_withdrawn"
    INVITATION_REFUSED = "invitation_refused"
    MEMBER_JOINED = "member_joined"
    MEMBER_REMOVED = "member_removed"
    ROLE_CHANGED = "role_changed"
    ACCOUNT_SHARED = "account_shared"
    ACCOUNT_UNSHARED = "account_unshared"
    TOKEN_UNREADABLE = "token_unreadable"  # noqa: S105  the name of an event
    BROKER_LINKED = "broker_linked"
    BROKER_LINK_ENDED = "broker_link_ended"
    BROKER_UNLINKED = "broker_unlinked"
    KEYS_RESEALED = "keys_resealed"
    SECRETS_FORGOTTEN = "secrets_forgotten"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the trail as it is kept: when, by whom, in which session and request, what happened to what.

    `kind` is text, so that old lines stay readable. `subject` is what it happened to (an account's id, a user name, a
    plan's id); `details` is JSON. Neither holds a secret.
    """

    number: int
    at: datetime
    user_id: str | None
    session: str | None
    request_id: str | None
    kind: str
    subject: str
    details: str
    previous_hash: str
    hash: str = ""

    @property
    def told(self) -> Mapping[str, Detail]:
        """The details by name."""
        told: Mapping[str, Detail] = json.loads(self.details)
        return told


@dataclass(frozen=True, slots=True)
class Break:
    """The first place where the trail is not what was written, in a sentence."""

    number: int
    reason: str


def details_text(details: Mapping[str, Detail]) -> str:
    """The details as they are kept: JSON in one spelling only."""
    return json.dumps(dict(details), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def sealed(line: Line) -> Line:
    """The line with the hash that covers it and, through the hash before, all that came before."""
    content = asdict(line) | {"at": line.at.astimezone(UTC).isoformat(timespec="microseconds")}
    del content["hash"]
    spelled = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return replace(line, hash=hashlib.sha256(spelled.encode("ascii")).hexdigest())


def first_break(lines: Iterable[Line]) -> Break | None:
    """Where the chain breaks: a line changed, missing, added or out of place; None when it is whole.

    Args:
        lines: every line, by number.
    """
    previous_hash = NO_HASH
    for number, line in enumerate(lines, 1):
        if line.number != number:
            return Break(number, f"line {number} is missing; what stands in its place is line {line.number}")
        if line.previous_hash != previous_hash:
            return Break(number, f"line {number} does not follow from the line before it")
        if sealed(line).hash != line.hash:
            return Break(number, f"line {number} is not what was written")
        previous_hash = line.hash
    return None
