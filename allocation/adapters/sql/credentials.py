"""What local users prove themselves with, in the database: hashes and sealed seeds, and each code counts once."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, RowMapping, delete, exists, func, insert, or_, select, text, update

from allocation.adapters.sql.database import Database
from allocation.adapters.sql.tables import app_user, recovery_code, second_factor, sign_in_session
from allocation.adapters.sql.upsert import insert_into
from allocation.adapters.sql.users import end_sessions, folded, hash_of, new_local_user, user_of
from allocation.ports import LocalCredentials, SecondFactor, User


class SqlCredentials:
    """`Credentials` in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def has_local_users(self) -> bool:
        """Whether a first local account was created already."""
        with self._database.reading() as connection:
            return _has_local_users(connection)

    def create_first(self, user_name: str, password_hash: str, now: datetime) -> User | None:
        """The first local account; None when there is one, even if it came a moment ago and by another worker."""
        with self._database.writing() as connection:
            if connection.dialect.name == "postgresql":  # SQLite has one writer at a time as it is
                connection.execute(text("LOCK TABLE app_user IN SHARE ROW EXCLUSIVE MODE"))
            if _has_local_users(connection):
                return None
            return new_local_user(connection, user_name, password_hash, now)

    def by_name(self, user_name: str) -> LocalCredentials | None:
        """What is kept for a user name (compared without case), or None."""
        with self._database.reading() as connection:
            row = (
                connection.execute(select(app_user).where(app_user.c.user_name == folded(user_name))).mappings().first()
            )
        return None if row is None else _credentials_of(row)

    def of_user(self, user_id: str) -> LocalCredentials | None:
        """What is kept for a user; None for one of a provider."""
        question = select(app_user).where(app_user.c.id == user_id, app_user.c.kind == "local")
        with self._database.reading() as connection:
            row = connection.execute(question).mappings().first()
        return None if row is None else _credentials_of(row)

    def knows_browser(self, user_name: str, browser_key: str) -> bool:
        """Whether a sign-in under this name was completed in this browser lately: as long as its session is kept."""
        if not browser_key:
            return False
        here = (app_user.c.user_name == folded(user_name), sign_in_session.c.browser_hash == hash_of(browser_key))
        question = select(exists().where(sign_in_session.c.user_id == app_user.c.id, *here))
        with self._database.reading() as connection:
            return bool(connection.execute(question).scalar_one())

    def rehash(self, user_id: str, before: str, after: str) -> None:
        """The same password hashed anew; does nothing when another password was set meanwhile."""
        same = (app_user.c.id == user_id, app_user.c.password_hash == before)
        with self._database.writing() as connection:
            connection.execute(update(app_user).where(*same).values(password_hash=after))

    def change_password(self, user_id: str, password_hash: str, now: datetime, keep_session: str) -> None:
        """A new password; every session of the user but this one ends with it."""
        changed = {"password_hash": password_hash, "password_changed_at": now}
        with self._database.writing() as connection:
            connection.execute(update(app_user).where(app_user.c.id == user_id).values(changed))
            end_sessions(connection, user_id, now, sign_in_session.c.handle != keep_session)

    def second_factor(self, user_id: str) -> SecondFactor | None:
        """The second factor, confirmed or not; None when there is none."""
        left = select(func.count()).where(recovery_code.c.user_id == user_id, recovery_code.c.used_at.is_(None))
        question = select(second_factor, left.scalar_subquery().label("left")).where(second_factor.c.user_id == user_id)
        with self._database.reading() as connection:
            row = connection.execute(question).mappings().first()
        if row is None:
            return None
        return SecondFactor(row["sealed_seed"], row["confirmed_at"] is not None, row["last_step"], row["left"])

    def begin_second_factor(self, user_id: str, sealed_seed: bytes) -> None:
        """Keep a seed to be confirmed, in place of one that never was; a confirmed one stays."""
        with self._database.writing() as connection:
            new = insert_into(second_factor, connection).values(user_id=user_id, sealed_seed=sealed_seed)
            seed = {"sealed_seed": sealed_seed, "last_step": None}
            unconfirmed = second_factor.c.confirmed_at.is_(None)
            connection.execute(new.on_conflict_do_update(index_elements=["user_id"], set_=seed, where=unconfirmed))

    def confirm_second_factor(self, user_id: str, step: int, code_hashes: Iterable[str], now: datetime) -> None:
        """From now on it is asked for; the step's code has counted."""
        this = (second_factor.c.user_id == user_id, second_factor.c.confirmed_at.is_(None))
        with self._database.writing() as connection:
            done = connection.execute(update(second_factor).where(*this).values(confirmed_at=now, last_step=step))
            if done.rowcount:
                _replace_recovery_codes(connection, user_id, code_hashes)

    def use_step(self, user_id: str, step: int) -> bool:
        """Count a code; False when this one or a later one has counted."""
        newer = or_(second_factor.c.last_step.is_(None), second_factor.c.last_step < step)
        this = (second_factor.c.user_id == user_id, second_factor.c.confirmed_at.is_not(None), newer)
        with self._database.writing() as connection:
            return bool(connection.execute(update(second_factor).where(*this).values(last_step=step)).rowcount)

    def use_recovery_code(self, user_id: str, code_hash: str, now: datetime) -> bool:
        """Count a recovery code; False when there is no such code or it was used."""
        code = (recovery_code.c.user_id == user_id, recovery_code.c.code_hash == code_hash)
        unused = recovery_code.c.used_at.is_(None)
        with self._database.writing() as connection:
            return bool(connection.execute(update(recovery_code).where(*code, unused).values(used_at=now)).rowcount)

    def replace_recovery_codes(self, user_id: str, code_hashes: Iterable[str]) -> None:
        """New recovery codes in place of all before."""
        with self._database.writing() as connection:
            _replace_recovery_codes(connection, user_id, code_hashes)

    def remove_second_factor(self, user_id: str) -> None:
        """Forget seed and recovery codes; harmless when there are none."""
        with self._database.writing() as connection:
            connection.execute(delete(recovery_code).where(recovery_code.c.user_id == user_id))
            connection.execute(delete(second_factor).where(second_factor.c.user_id == user_id))


def _has_local_users(connection: Connection) -> bool:
    return bool(connection.execute(select(exists().where(app_user.c.kind == "local"))).scalar_one())


def _credentials_of(row: RowMapping) -> LocalCredentials:
    return LocalCredentials(user_of(row), row["password_hash"] or "", row["disabled_at"] is not None)


def _replace_recovery_codes(connection: Connection, user_id: str, code_hashes: Iterable[str]) -> None:
    connection.execute(delete(recovery_code).where(recovery_code.c.user_id == user_id))
    rows = [{"user_id": user_id, "code_hash": code_hash} for code_hash in code_hashes]
    if rows:
        connection.execute(insert(recovery_code), rows)
