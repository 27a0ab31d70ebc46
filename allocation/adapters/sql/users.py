"""What the tables of users and their sessions are asked in more than one place."""

import hashlib
import secrets
import unicodedata
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, insert, update

from allocation.adapters.sql.tables import app_user, sign_in_session
from allocation.ports import User


def user_of(row: RowMapping) -> User:
    """The user of a row of app_user."""
    return User(row["id"], row["name"], row["email"])


def new_id() -> str:
    """An id nobody had before; it opens nothing."""
    return secrets.token_hex(16)


def folded(user_name: str) -> str:
    """The form in which user names are compared."""
    return unicodedata.normalize("NFKC", user_name).strip().casefold()


def hash_of(secret: str) -> str:
    """What is kept of a long random secret; a slow password hash would add nothing."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def new_local_user(connection: Connection, user_name: str, password_hash: str | None, now: datetime) -> User:
    """A row for a local account; the database refuses a second one of the same name."""
    user = User(new_id(), user_name.strip())
    row = {"id": user.id, "kind": "local", "user_name": folded(user_name), "password_hash": password_hash}
    shown = {
        "name": user.name,
        "email": user.email,
        "created_at": now,
        "password_changed_at": now if password_hash else None,
    }
    connection.execute(insert(app_user), {**row, **shown})
    return user


def end_sessions(connection: Connection, user_id: str, now: datetime, *which: ColumnElement[bool]) -> None:
    """End the user's live sessions, or only some of them."""
    live = (sign_in_session.c.user_id == user_id, sign_in_session.c.ended_at.is_(None))
    connection.execute(update(sign_in_session).where(*live, *which).values(ended_at=now))
