"""Every column that holds something sealed: which keys are in use, and sealing all of it anew."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Column, Connection, RowMapping, Table, delete, select, update

from allocation.adapters.sql.database import Database, tell
from allocation.adapters.sql.tables import recovery_code, sealed_secret, second_factor, sign_in_session
from allocation.errors import TokenUnreadableError
from allocation.ports import Vault
from allocation.vault import SECOND_FACTOR, id_token_of, secret_named


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column, and the name its rows are sealed under. What is `lasting` is missed; an ID token is gone in hours."""

    table: Table
    column: Column[bytes]
    name_of: Callable[[RowMapping], str]
    lasting: bool = True


# What lets the policies of PostgreSQL show everybody's sealed secrets: to exchange keys, and for nothing else.
_ON_DUTY = ("evenkeel.duty", "keys")
SEALED = (
    SealedColumn(second_factor, second_factor.c.sealed_seed, lambda _: SECOND_FACTOR),
    SealedColumn(sealed_secret, sealed_secret.c.sealed, lambda row: secret_named(row["name"])),
    SealedColumn(
        sign_in_session, sign_in_session.c.sealed_id_token, lambda row: id_token_of(row["handle"]), lasting=False
    ),
)


@dataclass(frozen=True, slots=True)
class Resealed:
    """What came of sealing anew; `lost` could not be opened and stays as it is."""

    anew: int
    already: int
    lost: int


class ResealingVault(Vault, Protocol):
    """A vault that knows which key seals now."""

    def seals_with(self, sealed: bytes) -> bool:
        """Whether this was sealed with the key that seals now."""
        ...


def keys_in_use(
    database: Database, key_id_of: Callable[[bytes], bytes], *, lasting_only: bool = False
) -> Counter[bytes]:
    """How many secrets each key has sealed, by the key's id; under b"" what no key of ours did."""
    with database.reading() as connection:
        tell(connection, *_ON_DUTY)
        return Counter(
            key_id_of(row[found.column.name])
            for found in SEALED
            if found.lasting or not lasting_only
            for row in _rows(connection, found)
        )


def seal_anew(database: Database, vault: ResealingVault) -> Resealed:
    """Seal with the first key whatever another one sealed: all in one transaction."""
    anew = already = lost = 0
    with database.writing() as connection:
        tell(connection, *_ON_DUTY)
        for found in SEALED:
            for row in list(_rows(connection, found)):
                sealed = row[found.column.name]
                if vault.seals_with(sealed):
                    already += 1
                elif _seal_row_anew(connection, vault, found, row):
                    anew += 1
                else:
                    lost += 1
    return Resealed(anew, already, lost)


def forget_lost(database: Database, vault: Vault) -> int:
    """Remove what no key opens: their owners connect again, or set up a second factor again. How many there were."""
    with database.writing() as connection:
        tell(connection, *_ON_DUTY)
        lost = [
            (found, row) for found in SEALED for row in _rows(connection, found) if _opened(vault, found, row) is None
        ]
        for found, row in lost:
            this = _this(found, row)
            if found.table is second_factor:  # its recovery codes are of no use without it
                connection.execute(delete(recovery_code).where(recovery_code.c.user_id == row["user_id"]))
            connection.execute(
                delete(found.table).where(*this)
                if found.lasting
                else update(found.table).where(*this).values({found.column.name: None})
            )
    return len(lost)


def _seal_row_anew(connection: Connection, vault: Vault, found: SealedColumn, row: RowMapping) -> bool:
    secret = _opened(vault, found, row)
    if secret is None:
        return False
    sealed = vault.seal(row["user_id"], found.name_of(row), secret)
    # Only if nobody has put another secret in its place meanwhile; theirs is sealed with a key that is about as well.
    unchanged = found.column == row[found.column.name]
    connection.execute(update(found.table).where(*_this(found, row), unchanged).values({found.column.name: sealed}))
    return True


def _opened(vault: Vault, found: SealedColumn, row: RowMapping) -> bytes | None:
    try:
        return vault.open(row["user_id"], found.name_of(row), row[found.column.name])
    except TokenUnreadableError:
        return None


def _rows(connection: Connection, found: SealedColumn) -> Iterator[RowMapping]:
    yield from connection.execute(select(found.table).where(found.column.is_not(None))).mappings()


def _this(found: SealedColumn, row: RowMapping) -> tuple[Any, ...]:
    return tuple(column == row[column.name] for column in found.table.primary_key.columns)
