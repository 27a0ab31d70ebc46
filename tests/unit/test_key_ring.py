"""Where the sealing keys are kept, and when they are not to be trusted."""

import base64
import os
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

from allocation.adapters.key_ring import KeysInFile, KeysInKeyring, KeysInText
from allocation.errors import SettingsError
from allocation.vault import SealingKey, new_key

POSIX = pytest.mark.skipif(os.name != "posix", reason="only POSIX systems have file modes")
KEY = SealingKey(bytes(range(32)))


def test_keys_of_the_environment_are_read_in_order_and_in_both_alphabets_of_base64() -> None:
    other = SealingKey(b"\xfb\xff" * 16)

    place = KeysInText(f" {base64.b64encode(other.secret).decode()} , {KEY.text},")

    assert place.read() == (other, KEY)
    assert KeysInText(other.text).read() == (other,)


@pytest.mark.parametrize("text", ["", " , ", "not base64!", "c2hvcnQ=", "ключ", KEY.text + "=="])
def test_keys_that_are_none_are_refused_without_being_shown(text: str) -> None:
    with pytest.raises(SettingsError, match="keys new") as refusal:
        KeysInText(text)

    shown = f"{refusal.value!s} {refusal.value.culprits}"
    assert text.strip(" ,") == "" or text.strip(" ,") not in shown


def test_keys_of_the_environment_are_changed_there_and_nowhere_else() -> None:
    with pytest.raises(SettingsError, match="keys reseal"):
        KeysInText(KEY.text).replace((new_key(),))


def test_a_first_key_is_made_once_and_stays(tmp_path: Path) -> None:
    place = KeysInFile(tmp_path / "data" / "secret.key")
    assert place.read() == ()

    made = place.make()

    assert len(made) == 1
    assert place.make() == made
    assert KeysInFile(tmp_path / "data" / "secret.key").read() == made


def test_servers_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    def start(_: int) -> tuple[SealingKey, ...]:
        return KeysInFile(tmp_path / "secret.key").make()

    with ThreadPoolExecutor(8) as servers:
        found = set(servers.map(start, range(16)))

    assert len(found) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]


@POSIX
def test_the_key_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "secret.key"

    KeysInFile(path).make()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@POSIX
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o601])
def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    place = KeysInFile(tmp_path / "secret.key")
    (key,) = place.make()
    (tmp_path / "secret.key").chmod(mode)

    with pytest.raises(SettingsError, match=f"mode {mode:04o}.*chmod 600") as refusal:
        place.read()

    assert key.text not in str(refusal.value)


def test_changing_the_keys_replaces_the_file_whole(tmp_path: Path) -> None:
    place = KeysInFile(tmp_path / "secret.key")
    before = place.make()

    place.replace((KEY, *before))

    assert place.read() == (KEY, *before)
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]
    assert os.name != "posix" or stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"\n\n", b"not a key\n", b"\xff\xfe\x00", b"c2hvcnQ=\n"])
def test_a_file_that_holds_no_key_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret.key"
    path.touch(mode=0o600)
    path.write_bytes(content)

    with pytest.raises(SettingsError):
        KeysInFile(path).read()

    assert path.read_bytes() == content


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SettingsError, match="cannot be read or made"):
        KeysInFile(tmp_path / "file" / "secret.key").make()


class FakeKeyring(ModuleType):
    """The interface of the package `keyring`, over a dictionary."""

    def __init__(self, *, locked: bool = False) -> None:
        super().__init__("keyring")
        self.errors = ModuleType("keyring.errors")
        self.errors.KeyringError = type("KeyringError", (Exception,), {})  # type: ignore[attr-defined]
        self.kept: dict[tuple[str, str], str] = {}
        self._locked = locked

    def get_password(self, service: str, name: str) -> str | None:
        self._open()
        return self.kept.get((service, name))

    def set_password(self, service: str, name: str, password: str) -> None:
        self._open()
        self.kept[service, name] = password

    def _open(self) -> None:
        if self._locked:
            raise self.errors.KeyringError("the secret service said: hush")


def install(monkeypatch: pytest.MonkeyPatch, keyring: FakeKeyring) -> None:
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    monkeypatch.setitem(sys.modules, "keyring.errors", keyring.errors)


def test_keys_can_be_in_the_system_s_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, FakeKeyring())
    place = KeysInKeyring()
    assert place.read() == ()

    made = place.make()
    place.replace((KEY, *made))

    assert KeysInKeyring().read() == (KEY, *made)


def test_a_keyring_that_is_locked_is_said_without_what_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, FakeKeyring(locked=True))

    with pytest.raises(SettingsError, match="cannot be used") as refusal:
        KeysInKeyring().make()

    assert "hush" not in str(refusal.value)


def test_a_keyring_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)

    with pytest.raises(SettingsError, match="not installed"):
        KeysInKeyring()
