"""Users and their sign-in sessions in the database. Whoever reads the tables still cannot sign in as anybody."""

import hashlib
import hmac
import secrets
import unicodedata
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, delete, exists, insert, select, update
from sqlalchemy.exc import IntegrityError

from allocation.adapters.sql.database import Database
from allocation.adapters.sql.store import utc_now
from allocation.adapters.sql.tables import app_user, sign_in_session
from allocation.adapters.sql.upsert import insert_into
from allocation.errors import UserNameTakenError
from allocation.ports import LocalCredentials, User

# Noting every click would make each one wait for the disk.
NOTED_EVERY = timedelta(seconds=30)
_HANDLE_BYTES = 9


class SqlDirectory:
    """A `Directory` in a database.

    Args:
        idle_limit: a session ends when nobody used it for so long.
        absolute_limit: a session ends this long after it began, used or not.
    """

    def __init__(
        self,
        database: Database,
        idle_limit: timedelta,
        absolute_limit: timedelta,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = database
        self._idle_limit = idle_limit
        self._absolute_limit = absolute_limit
        self._now = now

    def user_for_identity(self, issuer: str, subject: str, name: str, email: str) -> User:
        """The user known by (issuer, subject), created on first sight; name and address are brought up to date."""
        person = {"kind": "oidc", "issuer": issuer, "subject": subject, "name": name, "email": email}
        with self._database.writing() as connection:
            new = insert_into(app_user, connection)
            statement = new.on_conflict_do_update(
                index_elements=["issuer", "subject"], set_={"name": new.excluded.name, "email": new.excluded.email}
            ).returning(*app_user.columns)
            row = connection.execute(statement, {"id": _new_id(), **person, "created_at": self._now()})
            return _user_of(row.mappings().one())

    def has_local_users(self) -> bool:
        """Whether a first local account was created already."""
        with self._database.reading() as connection:
            return bool(connection.execute(select(exists().where(app_user.c.kind == "local"))).scalar_one())

    def create_local_user(self, user_name: str, password_hash: str) -> User:
        """A new local account; raises `UserNameTakenError`."""
        user = User(_new_id(), user_name.strip())
        row = {"id": user.id, "kind": "local", "user_name": _folded(user_name), "password_hash": password_hash}
        shown = {"name": user.name, "email": user.email, "created_at": self._now()}
        try:
            with self._database.writing() as connection:
                connection.execute(insert(app_user), {**row, **shown})
        except IntegrityError:
            raise UserNameTakenError(user.name) from None
        return user

    def local_credentials(self, user_name: str) -> LocalCredentials | None:
        """What is kept for a user name (compared without case), or None."""
        question = select(app_user).where(app_user.c.user_name == _folded(user_name))
        with self._database.reading() as connection:
            row = connection.execute(question).mappings().first()
        return None if row is None else LocalCredentials(_user_of(row), row["password_hash"])

    def begin_session(self, user: User, browser_key: str, now: datetime) -> str:
        """A new session id; ends the session before it in the same browser, so that signing out leaves none behind."""
        salt = secrets.token_bytes(32)
        session_id = _session_id(browser_key or secrets.token_urlsafe(32), salt)
        row = {"id_hash": _hash(session_id), "browser_hash": _hash_or_none(browser_key), "salt": salt}
        with self._database.writing() as connection:
            _forget_sessions_before(connection, now - self._absolute_limit)
            if browser_key:
                _end(connection, sign_in_session.c.browser_hash == _hash(browser_key), now)
            seen = {"user_id": user.id, "proved_at": now, "began_at": now, "last_seen_at": now}
            about = {"handle": secrets.token_urlsafe(_HANDLE_BYTES), "device": "", "second_factor": False}
            connection.execute(insert(sign_in_session), {**row, **seen, **about})
        return session_id

    def find_session(self, session_id: str, now: datetime) -> User | None:
        """Whose session this is; None once it ended or ran out."""
        this = sign_in_session.c.id_hash == _hash(session_id)
        question = select(app_user, sign_in_session.c.last_seen_at).join(sign_in_session).where(this, self._live(now))
        with self._database.reading() as connection:
            row = connection.execute(question).mappings().first()
        if row is None:
            return None
        if now - row["last_seen_at"] >= NOTED_EVERY:
            with self._database.writing() as connection:
                connection.execute(update(sign_in_session).where(this).values(last_seen_at=now))
        return _user_of(row)

    def session_of_browser(self, browser_key: str, now: datetime) -> str | None:
        """The id of the live session that began in this browser, or None."""
        if not browser_key:
            return None
        question = (
            select(sign_in_session.c.salt)
            .where(sign_in_session.c.browser_hash == _hash(browser_key), self._live(now))
            .order_by(sign_in_session.c.began_at.desc())
        )
        with self._database.reading() as connection:
            salt = connection.execute(question).scalars().first()
        return None if salt is None else _session_id(browser_key, salt)

    def end_session(self, session_id: str, now: datetime) -> None:
        """End it everywhere; harmless when it ended already."""
        with self._database.writing() as connection:
            _end(connection, sign_in_session.c.id_hash == _hash(session_id), now)

    def _live(self, now: datetime) -> ColumnElement[bool]:
        return and_(
            sign_in_session.c.ended_at.is_(None),
            sign_in_session.c.last_seen_at > now - self._idle_limit,
            sign_in_session.c.began_at > now - self._absolute_limit,
        )


def _session_id(browser_key: str, salt: bytes) -> str:
    """Only hashes are kept, yet a browser must find its session again: so the id is made of the browser's key.

    HMAC with a random salt: the key alone, or the table alone, gives nobody an id.
    """
    return urlsafe_b64encode(hmac.digest(browser_key.encode(), salt, "sha256")).rstrip(b"=").decode()


def _hash(secret: str) -> str:
    # What is hashed is random and long; a slow password hash would add nothing.
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _hash_or_none(secret: str) -> str | None:
    return _hash(secret) if secret else None


def _new_id() -> str:
    return secrets.token_hex(16)


def _folded(user_name: str) -> str:
    return unicodedata.normalize("NFKC", user_name).strip().casefold()


def _user_of(row: RowMapping) -> User:
    return User(row["id"], row["name"], row["email"])


def _end(connection: Connection, which: ColumnElement[bool], now: datetime) -> None:
    live = sign_in_session.c.ended_at.is_(None)
    connection.execute(update(sign_in_session).where(which, live).values(ended_at=now))


def _forget_sessions_before(connection: Connection, moment: datetime) -> None:
    connection.execute(delete(sign_in_session).where(sign_in_session.c.began_at < moment))
