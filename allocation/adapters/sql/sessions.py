"""Sign-in sessions in the database. Whoever reads the table still cannot sign in as anybody."""

import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, delete, insert, or_, select, update

from allocation.adapters.sql.database import Database
from allocation.adapters.sql.tables import app_user, sign_in_session
from allocation.adapters.sql.users import hash_of, user_of
from allocation.errors import TokenUnreadableError, UserDisabledError
from allocation.ports import Vault
from allocation.presence import LiveSession, Proof
from allocation.vault import id_token_of

TICKET_GOOD_FOR = timedelta(seconds=30)
# Noting every click would make each one wait for the disk.
NOTED_EVERY = timedelta(seconds=30)
# How long a browser is known for one in which its user signed in (see `Credentials.knows_browser`).
BROWSERS_KNOWN_FOR = timedelta(days=90)
_NOTED_PARTS = 20
_HANDLE_BYTES = 16
_TICKET_BYTES = 32
LONGEST_DEVICE = 120
_row = sign_in_session.c


class SqlSessions:
    """`Sessions` in a database.

    Args:
        idle_limit: a session ends when nobody used it for so long.
        absolute_limit: a session ends this long after it began, used or not.
    """

    def __init__(self, database: Database, vault: Vault, idle_limit: timedelta, absolute_limit: timedelta) -> None:
        self._database = database
        self._vault = vault
        self._idle_limit = idle_limit
        self._absolute_limit = absolute_limit
        self._noted_every = min(NOTED_EVERY, idle_limit / _NOTED_PARTS)

    def begin(self, proof: Proof, browser_key: str, device: str, now: datetime) -> str:
        """The handle of a new session; the one before it in the same browser ends."""
        handle = secrets.token_urlsafe(_HANDLE_BYTES)
        sealed = self._vault.seal(proof.user.id, id_token_of(handle), proof.tokens.encode()) if proof.tokens else None
        how = {"provider": proof.provider, "second_factor": proof.second_factor, "sealed_id_token": sealed}
        when = {"proved_at": min(proof.proved_at, now), "began_at": now, "last_seen_at": now}
        where = {"browser_hash": hash_of(browser_key) if browser_key else None, "device": device[:LONGEST_DEVICE]}
        with self._database.writing() as connection:
            _refuse_disabled(connection, proof.user.id)
            _sweep(connection, now - self._absolute_limit, now - BROWSERS_KNOWN_FOR)
            if browser_key:
                _end(connection, now, _row.browser_hash == hash_of(browser_key))
            connection.execute(
                insert(sign_in_session), {"handle": handle, "user_id": proof.user.id, **how, **when, **where}
            )
        return handle

    def find(self, handle: str, now: datetime, *, use: bool = True) -> LiveSession | None:
        """The session if it is alive and its user not disabled; only a `use` prolongs it."""
        with self._database.reading() as connection:
            row = connection.execute(self._live(now).where(_row.handle == handle)).mappings().first()
        if row is None:
            return None
        session = self._session_of(row)
        if not use or now - session.last_seen_at < self._noted_every:
            return session
        with self._database.writing() as connection:
            connection.execute(update(sign_in_session).where(_row.handle == handle).values(last_seen_at=now))
        return replace(session, last_seen_at=now, idle_until=min(now + self._idle_limit, session.ends_at))

    def of_cookie(self, cookie_key: str, now: datetime) -> str | None:
        """The handle of the live session this cookie was given for."""
        if not cookie_key:
            return None
        with self._database.reading() as connection:
            row = connection.execute(self._live(now).where(_row.cookie_hash == hash_of(cookie_key))).mappings().first()
        return None if row is None else str(row["handle"])

    def ticket(self, handle: str, now: datetime) -> str:
        """What the browser fetches its cookie with, in place of any ticket before."""
        ticket = secrets.token_urlsafe(_TICKET_BYTES)
        kept = {"ticket_hash": hash_of(ticket), "ticket_until": now + TICKET_GOOD_FOR}
        waiting = and_(_row.handle == handle, _row.cookie_hash.is_(None))
        with self._database.writing() as connection:
            connection.execute(update(sign_in_session).where(waiting).values(kept))
        return ticket

    def enter(self, ticket: str, browser_key: str, cookie_key: str, now: datetime) -> bool:
        """Give the session a cookie for this ticket of this browser; False for any that is not good, and never twice."""
        if not browser_key:
            return False
        good = and_(
            _row.ticket_hash == hash_of(ticket),
            _row.browser_hash == hash_of(browser_key),
            _row.ticket_until > now,
            _row.cookie_hash.is_(None),
            self._has_time(now),
        )
        given = {"ticket_hash": None, "ticket_until": None, "cookie_hash": hash_of(cookie_key)}
        with self._database.writing() as connection:
            return connection.execute(update(sign_in_session).where(good).values(given)).rowcount == 1

    def of_user(self, user_id: str, now: datetime) -> tuple[LiveSession, ...]:
        """The user's live sessions, the one last used first."""
        question = self._live(now).where(_row.user_id == user_id).order_by(_row.last_seen_at.desc(), _row.handle)
        with self._database.reading() as connection:
            return tuple(self._session_of(row) for row in connection.execute(question).mappings())

    def end(self, handle: str, now: datetime, user_id: str | None = None) -> bool:
        """End it everywhere; False when there was nothing to end, or it is not this user's."""
        theirs = [] if user_id is None else [_row.user_id == user_id]
        with self._database.writing() as connection:
            return _end(connection, now, _row.handle == handle, *theirs) > 0

    def end_of_user(self, user_id: str, now: datetime, *, but: str = "") -> int:
        """End all sessions of a user, or all but one; returns how many."""
        with self._database.writing() as connection:
            return _end(connection, now, _row.user_id == user_id, _row.handle != but)

    def prove_again(self, handle: str, proved_at: datetime, *, second_factor: bool = False) -> None:
        """Note that its user proved once more who they are."""
        this = update(sign_in_session).where(_row.handle == handle)
        with self._database.writing() as connection:
            connection.execute(this.where(_row.proved_at < proved_at).values(proved_at=proved_at))
            if second_factor:
                connection.execute(this.values(second_factor=True))

    def tokens(self, handle: str) -> str:
        """What was kept of the provider's tokens, even after the session ended; handed out once."""
        this = _row.handle == handle
        with self._database.writing() as connection:
            row = connection.execute(select(_row.user_id, _row.sealed_id_token).where(this)).first()
            connection.execute(update(sign_in_session).where(this).values(sealed_id_token=None))
        if row is None or row.sealed_id_token is None:
            return ""
        try:
            return self._vault.open(row.user_id, id_token_of(handle), row.sealed_id_token).decode()
        except TokenUnreadableError:  # sealed with a key that is gone: the provider is not told, which it need not be
            return ""

    def _live(self, now: datetime) -> Select[Any]:
        question = select(app_user.c.id, app_user.c.name, app_user.c.email, sign_in_session).join(sign_in_session)
        return question.where(self._has_time(now), app_user.c.disabled_at.is_(None))

    def _has_time(self, now: datetime) -> ColumnElement[bool]:
        return and_(
            _row.ended_at.is_(None),
            _row.last_seen_at > now - self._idle_limit,
            _row.began_at > now - self._absolute_limit,
        )

    def _session_of(self, row: RowMapping) -> LiveSession:
        ends_at = row["began_at"] + self._absolute_limit
        return LiveSession(
            row["handle"],
            user_of(row),
            row["device"],
            row["provider"],
            row["second_factor"],
            row["proved_at"],
            row["began_at"],
            row["last_seen_at"],
            min(row["last_seen_at"] + self._idle_limit, ends_at),
            ends_at,
            entered=row["cookie_hash"] is not None,
        )


def _end(connection: Connection, now: datetime, *which: ColumnElement[bool]) -> int:
    ended = update(sign_in_session).where(*which, _row.ended_at.is_(None)).values(ended_at=now)
    return connection.execute(ended).rowcount


def _sweep(connection: Connection, ended_before: datetime, known_before: datetime) -> None:
    """Of sessions beyond their limit only the browser is kept, for a while, and none of the provider's tokens."""
    beyond = _row.began_at < ended_before
    connection.execute(
        delete(sign_in_session).where(beyond, or_(_row.browser_hash.is_(None), _row.began_at < known_before))
    )
    left = (beyond, _row.sealed_id_token.is_not(None))
    connection.execute(update(sign_in_session).where(*left).values(sealed_id_token=None))


def _refuse_disabled(connection: Connection, user_id: str) -> None:
    disabled = select(app_user.c.disabled_at).where(app_user.c.id == user_id)
    if connection.execute(disabled).scalar() is not None:
        raise UserDisabledError
