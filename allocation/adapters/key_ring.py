"""Where the sealing keys are: the environment, a file for its owner alone, or the system's keyring."""

import os
import secrets
import stat
from pathlib import Path

from allocation.errors import SettingsError
from allocation.vault import SealingKey, new_key, read_keys

_KEYRING_SERVICE, _KEYRING_NAME = "evenkeel", "secret-keys"


def keys_in_text(text: str) -> tuple[SealingKey, ...]:
    """Keys of EVENKEEL_SECRET_KEYS, separated by commas."""
    return read_keys(text.split(","), "EVENKEEL_SECRET_KEYS")


def keys_in_file(path: Path) -> tuple[SealingKey, ...]:
    """The keys of a file, one in each line; made with one new key when there is no file yet.

    Raises:
        SettingsError: others may read the file, or it cannot be read or made.
    """
    try:
        if not path.exists():
            write_keys(path, (new_key(),), replace=False)
        with path.open(encoding="ascii") as file:
            _refuse_open_to_others(path, os.fstat(file.fileno()))
            return read_keys(file, f"The key file {path}")
    except UnicodeDecodeError:
        raise SettingsError(f"The key file {path} holds no keys. Put the right file back.", ("secret_keys",)) from None
    except OSError as error:
        raise _cannot_be_used(path, error) from error


def write_keys(path: Path, keys: tuple[SealingKey, ...], *, replace: bool) -> None:
    """Write the file whole or not at all, for its owner alone.

    Args:
        replace: whether a file that is there gives way; otherwise it wins, so that servers that start together agree.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii", newline="\n") as file:
            file.write("".join(f"{key.text}\n" for key in keys))
            file.flush()
            os.fsync(file.fileno())
        if replace:
            fresh.replace(path)
        else:
            _put_where_nothing_is(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def keys_in_keyring() -> tuple[SealingKey, ...]:
    """The keys in the system's keyring; made there when there are none.

    Raises:
        SettingsError: the package `keyring` is not installed, or the system has no keyring.
    """
    try:
        import keyring  # noqa: PLC0415  an optional package
        from keyring.errors import KeyringError  # noqa: PLC0415
    except ImportError:
        message = (
            "EVENKEEL_KEYS_FROM is keyring, and the package `keyring` is not installed. Install it, or choose file."
        )
        raise SettingsError(message, ("keys_from",)) from None
    try:
        kept = keyring.get_password(_KEYRING_SERVICE, _KEYRING_NAME)
        if not kept:
            kept = new_key().text
            keyring.set_password(_KEYRING_SERVICE, _KEYRING_NAME, kept)
    except KeyringError as error:
        message = f"The system's keyring cannot be used ({type(error).__name__}). Unlock it, or choose file."
        raise SettingsError(message, ("keys_from",)) from None
    return read_keys(kept.split(","), "The system's keyring")


def _put_where_nothing_is(fresh: Path, path: Path) -> None:
    try:
        os.link(fresh, path)
    except FileExistsError:
        return  # another server was first


def _refuse_open_to_others(path: Path, status: os.stat_result) -> None:
    """On POSIX systems; elsewhere the data directory is the user's own by the rules of the system."""
    if os.name == "posix" and stat.S_IMODE(status.st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError(
            f"The key file {path} can be read by others (mode {stat.S_IMODE(status.st_mode):04o}). Whoever read it can open "
            f"what is sealed: close it (`chmod 600 {path}`), change the key (`python -m allocation.keys rotate`), and start again.",
            ("secret_keys",),
        )


def _cannot_be_used(path: Path, error: OSError) -> SettingsError:
    return SettingsError(
        f"The key file {path} cannot be read or made: {error.strerror or error}. Choose a data directory that can be "
        "written, or set EVENKEEL_SECRET_KEYS.",
        ("secret_keys",),
    )
