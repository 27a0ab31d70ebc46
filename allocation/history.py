"""The trail as its user reads it: what each line means in a sentence, and all of them as a file."""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from allocation.report import as_text_cell
from allocation.trail import Detail, EventKind, Line

# What stands for user name and password where a provider would be named.
LOCAL = "local"
_CODE = re.compile(r"[a-z_]+")
_ID = re.compile(r"(?:sha256:)?(?=[\w-]*\d)([\w-]{8})[\w-]{16,}")
CSV_COLUMNS = ("number", "time", "what", "subject", "details", "session", "request", "kind", "hash")


class Topic(StrEnum):
    """What a reader looks for."""

    SIGN_IN = "Sign-in and security"
    ACCOUNTS = "Accounts and targets"
    PLANS = "Plans and prices"
    ORDERS = "Orders"
    SHARING = "Sharing"
    REFUSED = "Refused"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a kind of event is called, and where it belongs."""

    topic: Topic
    title: str


MEANINGS: Mapping[EventKind, Meaning] = MappingProxyType(
    {
        EventKind.USER_CREATED: Meaning(Topic.SIGN_IN, "User created"),
        EventKind.SIGN_IN: Meaning(Topic.SIGN_IN, "Signed in"),
        EventKind.SIGN_IN_REFUSED: Meaning(Topic.REFUSED, "Sign-in refused"),
        EventKind.SIGN_OUT: Meaning(Topic.SIGN_IN, "Signed out"),
        EventKind.SESSION_ENDED: Meaning(Topic.SIGN_IN, "Session ended"),
        EventKind.SESSIONS_ENDED: Meaning(Topic.SIGN_IN, "Signed out everywhere"),
        EventKind.PASSWORD_CHANGED: Meaning(Topic.SIGN_IN, "Password changed"),
        EventKind.PASSWORD_CODE_MADE: Meaning(Topic.SIGN_IN, "Code to choose a password made"),
        EventKind.PASSWORD_CHANGE_REFUSED: Meaning(Topic.REFUSED, "Password change refused"),
        EventKind.SECOND_FACTOR_ON: Meaning(Topic.SIGN_IN, "Second factor switched on"),
        EventKind.SECOND_FACTOR_OFF: Meaning(Topic.SIGN_IN, "Second factor switched off"),
        EventKind.SECOND_FACTOR_REFUSED: Meaning(Topic.REFUSED, "Code refused"),
        EventKind.RECOVERY_CODE_USED: Meaning(Topic.SIGN_IN, "Recovery code used"),
        EventKind.RECOVERY_CODES_MADE: Meaning(Topic.SIGN_IN, "Recovery codes made"),
        EventKind.STEP_UP: Meaning(Topic.SIGN_IN, "Confirmed once more"),
        EventKind.STEP_UP_REFUSED: Meaning(Topic.REFUSED, "Confirmation refused"),
        EventKind.USER_DISABLED: Meaning(Topic.SIGN_IN, "User switched off"),
        EventKind.USER_ENABLED: Meaning(Topic.SIGN_IN, "User switched on"),
        EventKind.LIMIT_REACHED: Meaning(Topic.REFUSED, "Too many attempts"),
        EventKind.ACCOUNT_REFUSED: Meaning(Topic.REFUSED, "Account refused"),
        EventKind.ACTION_REFUSED: Meaning(Topic.REFUSED, "Action refused"),
        EventKind.IMPORT: Meaning(Topic.ACCOUNTS, "Account imported"),
        EventKind.ACCOUNT_REMOVED: Meaning(Topic.ACCOUNTS, "Account removed"),
        EventKind.ACCOUNT_RENAMED: Meaning(Topic.ACCOUNTS, "Account renamed"),
        EventKind.TARGET_SAVED: Meaning(Topic.ACCOUNTS, "Target saved"),
        EventKind.PLAN_MADE: Meaning(Topic.PLANS, "Plan taken along"),
        EventKind.TRADES_DOWNLOADED: Meaning(Topic.PLANS, "Trades downloaded"),
        EventKind.ORDERS_CONFIRMED: Meaning(Topic.ORDERS, "Orders confirmed"),
        EventKind.ORDERS_CANCELLED: Meaning(Topic.ORDERS, "Orders called back"),
        EventKind.ORDERS_RESUMED: Meaning(Topic.ORDERS, "Orders sent on"),
        EventKind.ORDERS_STOPPED: Meaning(Topic.ORDERS, "Kill switch pressed"),
        EventKind.ORDERS_ALLOWED: Meaning(Topic.ORDERS, "Kill switch released"),
        EventKind.ORDER_DECIDED: Meaning(Topic.ORDERS, "Order decided by hand"),
        EventKind.LIMITS_SET: Meaning(Topic.ORDERS, "Limits for orders set"),
        EventKind.PRICE_ENTERED: Meaning(Topic.PLANS, "Price entered by hand"),
        EventKind.PRICE_REMOVED: Meaning(Topic.PLANS, "Price by hand removed"),
        EventKind.SECURITY_DESCRIBED: Meaning(Topic.PLANS, "Classes of a security saved"),
        EventKind.SECURITY_FORGOTTEN: Meaning(Topic.PLANS, "Classes of a security removed"),
        EventKind.TEAM_CREATED: Meaning(Topic.SHARING, "Team created"),
        EventKind.TEAM_RENAMED: Meaning(Topic.SHARING, "Team renamed"),
        EventKind.TEAM_REMOVED: Meaning(Topic.SHARING, "Team removed"),
        EventKind.MEMBER_INVITED: Meaning(Topic.SHARING, "Somebody invited"),
        EventKind.INVITATION_WITHDRAWN: Meaning(Topic.SHARING, "Invitation withdrawn"),
        EventKind.INVITATION_REFUSED: Meaning(Topic.REFUSED, "Invitation refused"),
        EventKind.MEMBER_JOINED: Meaning(Topic.SHARING, "Joined a team"),
        EventKind.MEMBER_REMOVED: Meaning(Topic.SHARING, "Member removed"),
        EventKind.ROLE_CHANGED: Meaning(Topic.SHARING, "Role changed"),
        EventKind.ACCOUNT_SHARED: Meaning(Topic.SHARING, "Account shared"),
        EventKind.ACCOUNT_UNSHARED: Meaning(Topic.SHARING, "Sharing ended"),
        EventKind.TOKEN_UNREADABLE: Meaning(Topic.REFUSED, "Saved connection unreadable"),
        EventKind.BROKER_LINKED: Meaning(Topic.ACCOUNTS, "Broker linked"),
        EventKind.BROKER_LINK_ENDED: Meaning(Topic.ACCOUNTS, "Link to a broker ended"),
        EventKind.BROKER_UNLINKED: Meaning(Topic.ACCOUNTS, "Broker unlinked"),
        EventKind.KEYS_RESEALED: Meaning(Topic.SIGN_IN, "Secrets sealed anew"),
        EventKind.SECRETS_FORGOTTEN: Meaning(Topic.SIGN_IN, "Unreadable secrets removed"),
    }
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line for a reader."""

    number: int
    at: datetime
    topic: Topic
    title: str
    about: str
    this_session: bool


def kinds_of(topics: Iterable[Topic]) -> tuple[EventKind, ...]:
    """The kinds of events of these topics."""
    wanted = set(topics)
    return tuple(kind for kind, meaning in MEANINGS.items() if meaning.topic in wanted)


def entries(lines: Iterable[Line], names: Mapping[str, str], session: str | None = None) -> tuple[Entry, ...]:
    """The lines for a reader, in their order.

    Args:
        names: what accounts, teams and people are called, by id: those that the reader may see. Any other long id is
            shortened; `history_csv` has it whole.
        session: the handle of the session that reads, to mark its own lines.
    """
    return tuple(
        Entry(
            line.number,
            line.at,
            meaning.topic,
            meaning.title,
            _about(line, names),
            session is not None and line.session == session,
        )
        for line in lines
        for meaning in (meaning_of(line.kind),)
    )


def meaning_of(kind: str) -> Meaning:
    """What a kind is called; one of a newer version by its own name."""
    try:
        return MEANINGS[EventKind(kind)]
    except ValueError:
        return Meaning(Topic.SIGN_IN, kind.replace("_", " ").capitalize())


def history_csv(lines: Iterable[Line]) -> str:
    """The lines as CSV with all that was written, for a spreadsheet: no cell is taken for a formula."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(CSV_COLUMNS)
    for line in lines:
        cells = (meaning_of(line.kind).title, line.subject, line.details, line.session or "", line.request_id or "")
        when = line.at.isoformat(timespec="seconds")
        writer.writerow([line.number, when, *map(as_text_cell, cells), as_text_cell(line.kind), line.hash])
    return text.getvalue()


def _about(line: Line, names: Mapping[str, str]) -> str:
    """What a line is about: the account before all else, a plan's long number last."""
    told = {name: value for name, value in line.told.items() if _is_said(value)}
    subject = "local account" if line.subject == LOCAL else _named(line.subject, names)
    account = _said(told.pop("account"), names) if "account" in told else ""
    rest = tuple(f"{_words(name)} {_said(value, names)}" for name, value in told.items())
    of_plan = line.kind in (EventKind.PLAN_MADE, EventKind.TRADES_DOWNLOADED)
    parts = (account, *rest, f"plan {subject}") if of_plan else (account, subject, *rest)
    return " · ".join(filter(None, parts))


def _is_said(value: Detail) -> bool:
    return value is not None and value != ""


def _said(value: Detail, names: Mapping[str, str]) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _named(value, names) if isinstance(value, str) else str(value)


def _named(text: str, names: Mapping[str, str]) -> str:
    """The name of what has this id; without one a code in words, and the beginning of a long id."""
    if text in names:
        return names[text]
    long_id = _ID.fullmatch(text)
    return f"{long_id[1]}…" if long_id else _words(text)


def _words(code: str) -> str:
    """A code such as account_not_found as words; anything else as it is."""
    return code.replace("_", " ") if _CODE.fullmatch(code) else code
