"""The users of providers in the database."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select

from allocation.adapters.sql.database import Database
from allocation.adapters.sql.store import utc_now
from allocation.adapters.sql.tables import app_user
from allocation.adapters.sql.upsert import insert_into
from allocation.adapters.sql.users import new_id, user_of
from allocation.ports import User


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
