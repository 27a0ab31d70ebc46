"""Links to brokers in the database: what opens them is sealed for its user and the link's own name."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, delete, insert, select, update

from allocation.adapters.sql.broker_tables import broker_link, linked_account
from allocation.adapters.sql.database import Database
from allocation.adapters.sql.on_record import refusals_on_record
from allocation.adapters.sql.reach import reach, require_at_work, shared_with
from allocation.adapters.sql.tables import sealed_secret
from allocation.adapters.sql.upsert import upsert
from allocation.authorisation import Verb
from allocation.brokers import Mode
from allocation.errors import TokenUnreadableError
from allocation.linking import Link, LinkedAccount, LinkState
from allocation.ports import Trail, Vault
from allocation.vault import broker_link_named, secret_named

_FIELDS = tuple(field.name for field in fields(Link))


class SqlLinks:
    """`LinkRows` in a database.

    Args:
        trail: where refusals are written down.
    """

    def __init__(self, database: Database, vault: Vault, trail: Trail | None = None) -> None:
        self._database = database
        self._vault = vault
        self._trail = trail

    def add(self, user_id: str, link: Link, token: bytes) -> None:
        """Keep a new link."""
        with self._database.writing(user_id) as connection:
            require_at_work(connection, user_id)
            connection.execute(insert(broker_link), {"user_id": user_id, **_row(link)})
            self._seal(connection, user_id, link, token)

    def links(self, user_id: str) -> tuple[Link, ...]:
        """The user's own links, the oldest first."""
        mine = select(broker_link).where(broker_link.c.user_id == user_id)
        with self._database.reading(user_id) as connection:
            found = connection.execute(mine.order_by(broker_link.c.linked_at, broker_link.c.id)).mappings()
            return tuple(_link_of(row) for row in found)

    def token(self, user_id: str, link_id: str) -> bytes:
        """What opens the link."""
        name = broker_link_named(link_id)
        question = select(sealed_secret.c.sealed).where(*_of_secret(user_id, name))
        with self._database.reading(user_id) as connection:
            sealed = connection.execute(question).scalar()
        if sealed is None:
            raise TokenUnreadableError
        return self._vault.open(user_id, secret_named(name), sealed)

    def change(self, user_id: str, link: Link, token: bytes | None = None) -> None:
        """Keep what became of a link, and another token where one is given; harmless when the link is gone."""
        with self._database.writing(user_id) as connection:
            changed = connection.execute(update(broker_link).where(_is(user_id, link.id)).values(**_row(link)))
            if changed.rowcount and token is not None:
                self._seal(connection, user_id, link, token)

    def remove(self, user_id: str, link_id: str) -> None:
        """Forget the link and its token."""
        with self._database.writing(user_id) as connection:
            connection.execute(delete(broker_link).where(_is(user_id, link_id)))
            connection.execute(delete(sealed_secret).where(*_of_secret(user_id, broker_link_named(link_id))))

    def note_accounts(self, user_id: str, link_id: str, accounts: Mapping[str, str], now: datetime) -> None:
        """Which accounts of the store were brought up to date through a link."""
        key = {"user_id": user_id, "link_id": link_id, "refreshed_at": now}
        rows = [{**key, "account_id": ours, "broker_account": theirs} for ours, theirs in accounts.items()]
        with self._database.writing(user_id) as connection:
            for row in rows:
                connection.execute(upsert(linked_account, connection), row)

    def linked(self, user_id: str, account_ids: Iterable[str] = ()) -> dict[str, LinkedAccount]:
        """The links of accounts by the id under which this user knows them, shared ones included."""
        wanted = set(account_ids)
        with self._database.reading(user_id) as connection:
            keys = {(found.owner_id, found.account_id): found.shown_id for found in shared_with(connection, user_id)}
            own = linked_account.c.user_id == user_id
            rows = list(connection.execute(_with_links().where(own)).mappings())
            for owner_id, account_id in keys:
                rows += connection.execute(_with_links().where(*_of_account(owner_id, account_id))).mappings()
        found = {keys.get((row["owner_id"], row["account_id"]), row["account_id"]): _linked_of(row) for row in rows}
        return {shown: each for shown, each in found.items() if not wanted or shown in wanted}

    def reach(self, user_id: str, account_id: str, verb: Verb) -> LinkedAccount | None:
        """The link of one account, if the user may do this with it."""
        with (
            refusals_on_record(self._trail, user_id, verb, account_id),
            self._database.reading(user_id) as connection,
        ):
            found = reach(connection, user_id, account_id, verb)
            mine = _with_links().where(*_of_account(found.owner_id, found.account_id))
            row = connection.execute(mine).mappings().first()
        return None if row is None else _linked_of(row)

    def _seal(self, connection: Connection, user_id: str, link: Link, token: bytes) -> None:
        name = broker_link_named(link.id)
        sealed = self._vault.seal(user_id, secret_named(name), token)
        row = {"user_id": user_id, "name": name, "sealed": sealed, "saved_at": link.linked_at}
        connection.execute(upsert(sealed_secret, connection), row)


def _is(user_id: str, link_id: str) -> ColumnElement[bool]:
    return and_(broker_link.c.user_id == user_id, broker_link.c.id == link_id)


def _of_secret(user_id: str, name: str) -> tuple[ColumnElement[bool], ...]:
    return sealed_secret.c.user_id == user_id, sealed_secret.c.name == name


def _of_account(owner_id: str, account_id: str) -> tuple[ColumnElement[bool], ...]:
    return linked_account.c.user_id == owner_id, linked_account.c.account_id == account_id


def _with_links() -> Any:
    account, link = linked_account.c, broker_link.c
    of_account = (account.user_id.label("owner_id"), account.account_id, account.broker_account, account.refreshed_at)
    same = and_(link.user_id == account.user_id, link.id == account.link_id)
    return select(*of_account, *(link[name] for name in _FIELDS)).join(broker_link, same)


def _row(link: Link) -> dict[str, Any]:
    return {name: getattr(link, name) for name in _FIELDS} | {"mode": link.mode.value, "state": link.state.value}


def _link_of(row: RowMapping) -> Link:
    told = {name: row[name] for name in _FIELDS}
    return Link(**(told | {"mode": Mode(row["mode"]), "state": LinkState(row["state"])}))


def _linked_of(row: RowMapping) -> LinkedAccount:
    return LinkedAccount(row["owner_id"], row["account_id"], _link_of(row), row["broker_account"], row["refreshed_at"])
