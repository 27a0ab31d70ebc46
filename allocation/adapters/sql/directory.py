"""Users in the database, as those who sign in know them."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.exc import IntegrityError

from allocation.adapters.sql.database import Database
from allocation.adapters.sql.store import utc_now
from allocation.adapters.sql.tables import app_user
from allocation.adapters.sql.upsert import insert_into
from allocation.adapters.sql.users import folded, new_id, new_local_user, user_of
from allocation.errors import UserNameTakenError
from allocation.ports import LocalCredentials, User


class SqlDirectory:
    """A `Directory` in a database."""

    def __init__(self, database: Database, now: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._now = now

    def user_for_identity(self, issuer: str, subject: str, name: str, email: str) -> User:
        """The user known by (issuer, subject), created on first sight; name and address are brought up to date."""
        person = {"kind": "oidc", "issuer": issuer, "subject": subject, "name": name, "email": email}
        with self._database.writing() as connection:
            new = insert_into(app_user, connection)
            statement = new.on_conflict_do_update(
                index_elements=["issuer", "subject"], set_={"name": new.excluded.name, "email": new.excluded.email}
            ).returning(*app_user.columns)
            row = connection.execute(statement, {"id": new_id(), **person, "created_at": self._now()})
            return user_of(row.mappings().one())

    def find_identity(self, issuer: str, subject: str) -> User | None:
        """The user known by (issuer, subject), if there is one."""
        question = select(app_user).where(app_user.c.issuer == issuer, app_user.c.subject == subject)
        with self._database.reading() as connection:
            row = connection.execute(question).mappings().first()
        return None if row is None else user_of(row)

    def has_local_users(self) -> bool:
        """Whether a first local account was created already."""
        with self._database.reading() as connection:
            return bool(connection.execute(select(exists().where(app_user.c.kind == "local"))).scalar_one())

    def create_local_user(self, user_name: str, password_hash: str) -> User:
        """A new local account; raises `UserNameTakenError`."""
        try:
            with self._database.writing() as connection:
                return new_local_user(connection, user_name, password_hash, self._now())
        except IntegrityError:
            raise UserNameTakenError(user_name.strip()) from None

    def local_credentials(self, user_name: str) -> LocalCredentials | None:
        """What is kept for a user name (compared without case), or None."""
        question = select(app_user).where(app_user.c.user_name == folded(user_name))
        with self._database.reading() as connection:
            row = connection.execute(question).mappings().first()
        return None if row is None else LocalCredentials(user_of(row), row["password_hash"])
