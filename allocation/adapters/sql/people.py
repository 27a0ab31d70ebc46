"""The users of an installation in the database, for whoever runs it."""

from datetime import datetime

from sqlalchemy import RowMapping, delete, exists, select, update
from sqlalchemy.exc import IntegrityError

from allocation.adapters.sql.database import Database, tell
from allocation.adapters.sql.tables import app_user, password_code, second_factor
from allocation.adapters.sql.team_rows import take_back
from allocation.adapters.sql.upsert import upsert
from allocation.adapters.sql.users import end_sessions, new_local_user, user_of
from allocation.errors import UserNameTakenError
from allocation.ports import Person, User

# What lets the policies of PostgreSQL find the invitations of whoever is disabled, whatever their teams.
_ON_DUTY = ("evenkeel.duty", "people")


class SqlPeople:
    """`People` in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def everybody(self) -> tuple[Person, ...]:
        """All users, the oldest first."""
        confirmed = exists().where(second_factor.c.user_id == app_user.c.id, second_factor.c.confirmed_at.is_not(None))
        question = select(app_user, confirmed.label("asks_twice")).order_by(app_user.c.created_at, app_user.c.id)
        with self._database.reading() as connection:
            return tuple(_person_of(row) for row in connection.execute(question).mappings())

    def add(self, user_name: str, now: datetime) -> User:
        """A local account without a password yet; raises `UserNameTakenError`."""
        try:
            with self._database.writing() as connection:
                return new_local_user(connection, user_name, None, now)
        except IntegrityError:
            raise UserNameTakenError(user_name) from None

    def disable(self, user_id: str, now: datetime) -> None:
        """No session any more, no way to begin one, and no invitation that still lets somebody in."""
        with self._database.writing() as connection:
            tell(connection, *_ON_DUTY)
            take_back(connection, user_id)
            connection.execute(update(app_user).where(app_user.c.id == user_id).values(disabled_at=now))
            end_sessions(connection, user_id, now)

    def enable(self, user_id: str) -> None:
        """As before; harmless when the user was not disabled."""
        with self._database.writing() as connection:
            connection.execute(update(app_user).where(app_user.c.id == user_id).values(disabled_at=None))

    def keep_password_code(self, user_id: str, code_hash: str, expires_at: datetime, now: datetime) -> None:
        """Whoever has this code may choose the user's password, once. The old one and all sessions end at once."""
        kept = {"user_id": user_id, "code_hash": code_hash, "expires_at": expires_at}
        with self._database.writing() as connection:
            connection.execute(upsert(password_code, connection), kept)
            connection.execute(update(app_user).where(app_user.c.id == user_id).values(password_hash=None))
            end_sessions(connection, user_id, now)

    def redeem_password_code(self, user_id: str, code_hash: str, password_hash: str, now: datetime) -> bool:
        """Set the password the code allows to choose; False when the code is not the user's, used or too old."""
        this = (password_code.c.user_id == user_id, password_code.c.code_hash == code_hash)
        changed = {"password_hash": password_hash, "password_changed_at": now}
        with self._database.writing() as connection:
            used = connection.execute(delete(password_code).where(*this, password_code.c.expires_at > now))
            if not used.rowcount:
                return False
            connection.execute(update(app_user).where(app_user.c.id == user_id).values(changed))
            end_sessions(connection, user_id, now)
            return True


def _person_of(row: RowMapping) -> Person:
    return Person(
        user_of(row),
        row["user_name"] or "",
        row["created_at"],
        row["disabled_at"],
        row["password_hash"] is not None,
        bool(row["asks_twice"]),
    )
