"""What users were about to change, in the database."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, select

from allocation.adapters.sql.database import Database
from allocation.adapters.sql.tables import draft
from allocation.adapters.sql.upsert import upsert


class SqlDrafts:
    """`Drafts` in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self, user_id: str, account_id: str) -> str | None:
        """The draft, or None."""
        with self._database.reading(user_id) as connection:
            return connection.execute(select(draft.c.content).where(_of(user_id, account_id))).scalar()

    def save(self, user_id: str, account_id: str, content: str, now: datetime) -> None:
        """Keep this in place of the one before."""
        row = {"user_id": user_id, "account": account_id, "content": content, "saved_at": now}
        with self._database.writing(user_id) as connection:
            connection.execute(upsert(draft, connection), row)

    def drop(self, user_id: str, account_id: str) -> None:
        """Forget it; harmless when there is none."""
        with self._database.writing(user_id) as connection:
            connection.execute(delete(draft).where(_of(user_id, account_id)))


def _of(user_id: str, account_id: str) -> ColumnElement[bool]:
    return and_(draft.c.user_id == user_id, draft.c.account == account_id)
