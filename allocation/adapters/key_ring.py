"""Where the sealing keys are: the environment, a file for its owner alone, or the system's keyring."""

import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from allocation.errors import SettingsError
from allocation.vault import SealingKey, new_key, read_keys

_KEYRING_SERVICE, _KEYRING_NAME = "evenkeel", "secret-keys"


class KeyPlace(Protocol):
    """Somewhere keys are kept, the one that seals first."""

    name: str

    def read(self) -> tuple[SealingKey, ...]:
        """The keys; none where none were made yet. Raises `SettingsError` where they cannot be trusted or read."""
        ...

    def make(self) -> tuple[SealingKey, ...]:
        """A first key, unless there is one by now: servers that start together agree on one."""
        ...

    def replace(self, keys: tuple[SealingKey, ...]) -> None:
        """Keep these in place of those before."""
        ...


class KeysInText:
    """Keys in EVENKEEL_SECRET_KEYS, separated by commas. Whoever wrote them there changes them there."""

    name = "EVENKEEL_SECRET_KEYS"

    def __init__(self, text: str) -> None:
        self._keys = read_keys(text.split(","), self.name)

    def read(self) -> tuple[SealingKey, ...]:
        """The keys as they were when the program started."""
        return self._keys

    def make(self) -> tuple[SealingKey, ...]:
        """Those that are there."""
        return self._keys

    def replace(self, keys: tuple[SealingKey, ...]) -> None:
        """Refused: an environment is changed from outside."""
        message = (
            "The keys stand in EVENKEEL_SECRET_KEYS, which only you can change: put the output of `python -m allocation "
            "keys new` in front of the others, separated by a comma, restart, and run `python -m allocation keys reseal`."
        )
        raise SettingsError(message, ("secret_keys",))


class KeysInFile:
    """A file with one key in each line, for its owner alone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = f"the key file {path}"

    def read(self) -> tuple[SealingKey, ...]:
        """The keys, if nobody else can read them."""
        try:
            with self._path.open(encoding="ascii") as file:
                _refuse_open_to_others(self._path, os.fstat(file.fileno()))
                return read_keys(file, self.name)
        except FileNotFoundError:
            return ()
        except UnicodeDecodeError:
            raise SettingsError(
                f"There are no keys in {self.name}. Put the right file back.", ("secret_keys",)
            ) from None
        except OSError as error:
            raise _cannot_be_used(self._path, error) from error

    def make(self) -> tuple[SealingKey, ...]:
        """A file with a new key; a file that appears meanwhile wins."""
        self._write((new_key(),), self._put_where_nothing_is)
        return self.read()

    def replace(self, keys: tuple[SealingKey, ...]) -> None:
        """The whole file or nothing of it."""
        self._write(keys, lambda fresh: fresh.replace(self._path))

    def _write(self, keys: tuple[SealingKey, ...], put: Callable[[Path], object]) -> None:
        fresh = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(handle, "w", encoding="ascii", newline="\n") as file:
                    file.write("".join(f"{key.text}\n" for key in keys))
                    file.flush()
                    os.fsync(file.fileno())
                put(fresh)
            finally:
                fresh.unlink(missing_ok=True)
        except OSError as error:
            raise _cannot_be_used(self._path, error) from error

    def _put_where_nothing_is(self, fresh: Path) -> None:
        try:
            os.link(fresh, self._path)
        except FileExistsError:
            return  # another server was first


class KeysInKeyring:
    """The keys in the keyring of the system the server runs on; needs the optional package `keyring`."""

    name = "the system's keyring"

    def __init__(self) -> None:
        try:
            import keyring  # noqa: PLC0415  an optional package
            import keyring.errors  # noqa: PLC0415  as above
        except ImportError:
            message = (
                "EVENKEEL_KEYS_FROM is keyring, and the package `keyring` is not installed. Install it, or choose file."
            )
            raise SettingsError(message, ("keys_from",)) from None
        self._keyring, self._fault = keyring, keyring.errors.KeyringError

    def read(self) -> tuple[SealingKey, ...]:
        """The keys, once the keyring is unlocked."""
        try:
            kept = self._keyring.get_password(_KEYRING_SERVICE, _KEYRING_NAME)
        except self._fault as error:
            raise self._locked(error) from None
        return read_keys(kept.split(","), self.name) if kept else ()

    def make(self) -> tuple[SealingKey, ...]:
        """A new key. Keyrings cannot tell two servers apart that start together; the last one's key counts for both."""
        self.replace((new_key(),))
        return self.read()

    def replace(self, keys: tuple[SealingKey, ...]) -> None:
        """One entry holds them all."""
        try:
            self._keyring.set_password(_KEYRING_SERVICE, _KEYRING_NAME, ",".join(key.text for key in keys))
        except self._fault as error:
            raise self._locked(error) from None

    def _locked(self, error: Exception) -> SettingsError:
        message = f"The system's keyring cannot be used ({type(error).__name__}). Unlock it, or choose file."
        return SettingsError(message, ("keys_from",))


def _refuse_open_to_others(path: Path, status: os.stat_result) -> None:
    """On POSIX systems; elsewhere the data directory is the user's own by the rules of the system."""
    if os.name == "posix" and stat.S_IMODE(status.st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError(
            f"The key file {path} can be read by others (mode {stat.S_IMODE(status.st_mode):04o}). Close it with "
            f"`chmod 600 {path}` and start again; if others may have read it, change the key with "
            "`python -m allocation keys rotate`, then `keys retire`.",
            ("secret_keys",),
        )


def _cannot_be_used(path: Path, error: OSError) -> SettingsError:
    return SettingsError(
        f"The key file {path} cannot be read or made: {error.strerror or error}. Choose a data directory that can be "
        "written, or set EVENKEEL_SECRET_KEYS.",
        ("secret_keys",),
    )
