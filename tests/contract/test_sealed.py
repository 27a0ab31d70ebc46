"""Sealed columns on every database: all of them known, sealed anew together, and missed when their key is."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from sqlalchemy import LargeBinary, insert, select, update

from allocation.adapters.aes_vault import AesVault, key_id_of
from allocation.adapters.key_ring import KeysInText
from allocation.adapters.sql.database import Database
from allocation.adapters.sql.sealed import SEALED, Resealed, forget_lost, keys_in_use, seal_anew
from allocation.adapters.sql.tables import (
    app_user,
    metadata,
    recovery_code,
    sealed_secret,
    second_factor,
    sign_in_session,
)
from allocation.bootstrap import open_vault
from allocation.errors import SettingsError
from allocation.vault import SECOND_FACTOR, SealingKey, id_token_of, new_key, secret_named

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
OLD, NEW = SealingKey(bytes(range(32))), SealingKey(bytes(range(1, 33)))
SECRETS = {"seed": b"JBSWY3DPEHPK3PXP", "token": b"broker token", "id_token": b"eyJ.eyJ.sig"}


@pytest.fixture
def filled(database: Database) -> Database:
    """Two users; one of them has something in every sealed column, sealed with the old key."""
    vault = AesVault([OLD])
    with database.writing("ann") as connection:
        for user in ("ann", "bob"):
            connection.execute(
                insert(app_user),
                {"id": user, "kind": "local", "user_name": user, "name": user, "email": "", "created_at": NOW},
            )
        seed = vault.seal("ann", SECOND_FACTOR, SECRETS["seed"])
        connection.execute(insert(second_factor), {"user_id": "ann", "sealed_seed": seed})
        connection.execute(insert(recovery_code), {"user_id": "ann", "code_hash": "hash"})
        token = vault.seal("ann", secret_named("broker"), SECRETS["token"])
        connection.execute(
            insert(sealed_secret), {"user_id": "ann", "name": "broker", "sealed": token, "saved_at": NOW}
        )
        for handle, sealed in [("h1", vault.seal("ann", id_token_of("h1"), SECRETS["id_token"])), ("h2", None)]:
            row = {"user_id": "ann", "handle": handle, "device": "", "proved_at": NOW}
            more = {"second_factor": False, "began_at": NOW, "last_seen_at": NOW, "sealed_id_token": sealed}
            connection.execute(insert(sign_in_session), {**row, **more})
    return database


def found(database: Database, vault: AesVault) -> Mapping[str, bytes]:
    """What the three columns hold, opened under the names they must have."""
    with database.reading("ann") as connection:
        seed = connection.execute(select(second_factor.c.sealed_seed)).scalar_one()
        token = connection.execute(select(sealed_secret.c.sealed)).scalar_one()
        id_token = connection.execute(
            select(sign_in_session.c.sealed_id_token).where(sign_in_session.c.handle == "h1")
        ).scalar_one()
    return {
        "seed": vault.open("ann", SECOND_FACTOR, seed),
        "token": vault.open("ann", secret_named("broker"), token),
        "id_token": vault.open("ann", id_token_of("h1"), id_token),
    }


def test_every_sealed_column_is_known() -> None:
    # An attempt to sign in lives for minutes: one that a change of keys overtakes is begun again.
    sealed = {
        column
        for table in metadata.tables.values()
        if table.name != "sign_in_attempt"
        for column in table.columns
        if isinstance(column.type, LargeBinary) and "sealed" in column.name
    }

    assert {each.column for each in SEALED} == sealed
    assert len(sealed) == 3


def test_sealing_anew_leaves_nothing_to_the_old_key_and_every_secret_as_it_was(filled: Database) -> None:
    done = seal_anew(filled, AesVault([NEW, OLD]))

    assert done == Resealed(anew=3, already=0, lost=0)
    assert found(filled, AesVault([NEW])) == SECRETS
    assert keys_in_use(filled, key_id_of) == {NEW.id: 3}


def test_sealing_anew_twice_changes_nothing_the_second_time(filled: Database) -> None:
    seal_anew(filled, AesVault([NEW, OLD]))

    assert seal_anew(filled, AesVault([NEW, OLD])) == Resealed(anew=0, already=3, lost=0)


def test_what_no_key_opens_is_counted_and_left_as_it_is(filled: Database) -> None:
    with filled.writing("ann") as connection:
        connection.execute(update(sealed_secret).values(sealed=b"plain text of an old version"))

    done = seal_anew(filled, AesVault([NEW, OLD]))

    assert done == Resealed(anew=2, already=0, lost=1)
    assert keys_in_use(filled, key_id_of) == {NEW.id: 2, b"": 1}


def test_sealing_anew_happens_whole_or_not_at_all(filled: Database) -> None:
    class BreaksOff(AesVault):
        seals = 0

        def seal(self, user_id: str, name: str, secret: bytes) -> bytes:
            self.seals += 1
            if self.seals == 3:
                raise KeyboardInterrupt
            return super().seal(user_id, name, secret)

    with pytest.raises(KeyboardInterrupt):
        seal_anew(filled, BreaksOff([NEW, OLD]))

    assert keys_in_use(filled, key_id_of) == {OLD.id: 3}


def test_a_server_does_not_start_without_the_key_of_what_is_sealed(filled: Database) -> None:
    with pytest.raises(
        SettingsError, match=r"2 secrets in the database were sealed with a key that is not in"
    ) as refusal:
        open_vault(KeysInText(NEW.text), filled)

    assert NEW.text not in str(refusal.value)
    assert found(filled, open_vault(KeysInText(f"{NEW.text},{OLD.text}"), filled)) == SECRETS


def test_the_key_of_an_id_token_alone_keeps_no_server_from_starting(filled: Database) -> None:
    with filled.writing("ann") as connection:
        connection.execute(second_factor.delete())
        connection.execute(sealed_secret.delete())

    vault = open_vault(KeysInText(NEW.text), filled)

    assert vault.open("ann", SECOND_FACTOR, vault.seal("ann", SECOND_FACTOR, b"x")) == b"x"


def test_forgetting_removes_what_no_key_opens_and_nothing_else(filled: Database) -> None:
    assert forget_lost(filled, AesVault([OLD])) == 0

    assert forget_lost(filled, AesVault([new_key()])) == 3

    with filled.reading("ann") as connection:
        for gone in (second_factor, recovery_code, sealed_secret):
            assert connection.execute(select(gone)).first() is None
        assert connection.execute(select(sign_in_session.c.sealed_id_token)).scalars().all() == [None, None]
