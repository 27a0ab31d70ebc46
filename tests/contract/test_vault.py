"""What the vault promises: what it sealed opens for the same user and name with a key it has, and nothing else does."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from allocation.adapters.aes_vault import AesVault, key_id_of
from allocation.errors import TokenUnreadableError
from allocation.ports import Vault
from allocation.vault import SECOND_FACTOR, SealingKey, id_token_of, new_key, secret_named

SECRET = b"JBSWY3DPEHPK3PXP"
KEY = SealingKey(bytes(range(32)))


@pytest.fixture
def vault() -> Vault:
    return AesVault([KEY])


@given(secret=some.binary(max_size=200), user=some.text(max_size=20), name=some.text(max_size=20))
def test_what_was_sealed_opens_again(secret: bytes, user: str, name: str) -> None:
    vault = AesVault([new_key()])

    assert vault.open(user, name, vault.seal(user, name, secret)) == secret


def test_the_same_secret_is_never_sealed_the_same_way_twice(vault: Vault) -> None:
    assert vault.seal("u1", SECOND_FACTOR, SECRET) != vault.seal("u1", SECOND_FACTOR, SECRET)


def test_what_is_sealed_shows_the_key_s_id_and_nothing_of_the_secret(vault: Vault) -> None:
    sealed = vault.seal("u1", SECOND_FACTOR, SECRET)

    assert key_id_of(sealed) == KEY.id
    assert SECRET not in sealed
    assert KEY.secret not in sealed


@pytest.mark.parametrize(
    ("user", "name"),
    [
        ("u2", SECOND_FACTOR),
        ("u1", secret_named("broker")),
        ("u1", id_token_of("handle")),
        ("", SECOND_FACTOR),
        ("u", f"1{SECOND_FACTOR}"),
    ],
)
def test_a_row_copied_to_another_user_or_place_does_not_open(vault: Vault, user: str, name: str) -> None:
    sealed = vault.seal("u1", SECOND_FACTOR, SECRET)

    with pytest.raises(TokenUnreadableError):
        vault.open(user, name, sealed)


def test_no_bit_of_what_is_sealed_can_be_changed(vault: Vault) -> None:
    sealed = vault.seal("u1", SECOND_FACTOR, SECRET)

    for place in range(len(sealed) * 8):
        flipped = bytearray(sealed)
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises(TokenUnreadableError):
            vault.open("u1", SECOND_FACTOR, bytes(flipped))


def test_a_part_of_what_was_sealed_does_not_open(vault: Vault) -> None:
    sealed = vault.seal("u1", SECOND_FACTOR, b"")

    for length in range(len(sealed)):
        with pytest.raises(TokenUnreadableError):
            vault.open("u1", SECOND_FACTOR, sealed[:length])


@pytest.mark.parametrize("found", [b"", SECRET, b"EK1", b'{"access_token": "at-1"}'])
def test_plain_text_of_an_older_version_is_never_taken_for_a_secret(vault: Vault, found: bytes) -> None:
    with pytest.raises(TokenUnreadableError):
        vault.open("u1", SECOND_FACTOR, found)


def test_another_key_opens_nothing(vault: Vault) -> None:
    sealed = vault.seal("u1", SECOND_FACTOR, SECRET)

    with pytest.raises(TokenUnreadableError):
        AesVault([new_key()]).open("u1", SECOND_FACTOR, sealed)


def test_the_first_key_seals_and_every_key_opens() -> None:
    new = new_key()
    sealed_before = AesVault([KEY]).seal("u1", SECOND_FACTOR, SECRET)

    rotated = AesVault([new, KEY])

    assert rotated.open("u1", SECOND_FACTOR, sealed_before) == SECRET
    assert key_id_of(rotated.seal("u1", SECOND_FACTOR, SECRET)) == new.id


def test_the_refusal_tells_what_to_do_and_nothing_of_what_was_there(vault: Vault) -> None:
    with pytest.raises(TokenUnreadableError) as refusal:
        vault.open("u1", SECOND_FACTOR, SECRET)

    assert str(refusal.value).endswith("Connect again.")
    assert refusal.value.code == "token_unreadable"
    assert refusal.value.__cause__ is None
    assert not refusal.value.culprits


def test_what_does_not_open_is_told_by_user_and_name_alone() -> None:
    told: list[tuple[str, str]] = []
    vault = AesVault([KEY], unreadable=lambda user_id, name: told.append((user_id, name)))
    sealed = vault.seal("u1", SECOND_FACTOR, SECRET)

    vault.open("u1", SECOND_FACTOR, sealed)
    for found in (sealed[:-1], SECRET, b""):
        with pytest.raises(TokenUnreadableError):
            vault.open("u1", SECOND_FACTOR, found)

    assert told == [("u1", SECOND_FACTOR)] * 3


def test_a_key_never_shows_itself() -> None:
    assert "\\x01\\x02" not in repr(KEY)
    assert repr(KEY) == "SealingKey()"
