"""What whoever runs an installation does from the command line: look after keys, check the audit trail, take a copy."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from allocation.adapters.aes_vault import AesVault, key_id_of
from allocation.adapters.sql.backup import back_up
from allocation.adapters.sql.database import Database, open_database
from allocation.adapters.sql.sealed import forget_lost, keys_in_use, seal_anew
from allocation.adapters.sql.trail import SqlTrail
from allocation.bootstrap import key_place
from allocation.errors import RequestError, SettingsError
from allocation.settings import Settings, load_settings
from allocation.trail import Break, EventKind
from allocation.vault import SealingKey, new_key

Answer: TypeAlias = tuple[dict[str, Any], int]
# As `trail verify` prints it, to be kept elsewhere and given back.
_HEAD = re.compile(r"(\d{1,18}):([0-9a-f]{64})")


def look_after_keys(action: str) -> Answer:
    """One of `KEY_ACTIONS`, on the installation that the environment names."""
    return KEY_ACTIONS[action](load_settings())


def check_trail(head: str | None = None) -> Answer:
    """Whether the trail is what was written; `head` is what an earlier check printed."""
    trail = SqlTrail(_database(load_settings()))
    then = _read_head(head) if head else None
    found = trail.first_break()
    if found is None and then is not None and trail.hash_of(then[0]) != then[1]:
        found = Break(then[0], f"line {then[0]} is not the one of the earlier check, or was cut off since")
    if found is not None:
        return {"whole": False, "first_broken_line": found.number, "reason": found.reason}, 1
    lines, newest = trail.head()
    return {"whole": True, "lines": lines, "head": f"{lines}:{newest}"}, 0


def back_up_database(destination: str) -> Answer:
    """A consistent copy of the installation's SQLite database, while it runs."""
    size = back_up(load_settings().database_url.get_secret_value(), Path(destination))
    return {"file": destination, "bytes": size}, 0


def _new(_: Settings) -> Answer:
    key = new_key()
    return {"id": key.id.hex(), "key": key.text}, 0


def _list(settings: Settings) -> Answer:
    keys, database = _required_keys(settings), _database(settings)
    in_use = keys_in_use(database, key_id_of)
    known = [
        {"id": key.id.hex(), "seals": place == 0, "secrets": in_use.pop(key.id, 0)} for place, key in enumerate(keys)
    ]
    return {"keys": known, "secrets_without_a_key": in_use.total()}, 1 if in_use else 0


def _rotate(settings: Settings) -> Answer:
    """A new key in front, and everything sealed with it. The old ones stay: a running server may seal with them yet."""
    place, database = key_place(settings), _database(settings)
    place.replace((new_key(), *place.read()))
    return _sealed_anew(database, place.read())


def _reseal(settings: Settings) -> Answer:
    return _sealed_anew(_database(settings), _required_keys(settings))


def _retire(settings: Settings) -> Answer:
    """Drop the keys that seal nothing any more; the first stays."""
    place, database = key_place(settings), _database(settings)
    keys, in_use = _required_keys(settings), keys_in_use(database, key_id_of)
    kept = tuple(key for number, key in enumerate(keys) if number == 0 or key.id in in_use)
    if len(kept) < len(keys):
        place.replace(kept)
    return {"kept": _ids(kept), "retired": _ids(key for key in keys if key not in kept)}, 0


def _forget(settings: Settings) -> Answer:
    place, database = key_place(settings), _database(settings)
    forgotten = forget_lost(database, AesVault(place.read() or place.make()))
    SqlTrail(database).record(EventKind.SECRETS_FORGOTTEN, secrets=forgotten)
    return {"forgotten": forgotten}, 0


KEY_ACTIONS: dict[str, Callable[[Settings], Answer]] = {
    "new": _new,
    "list": _list,
    "rotate": _rotate,
    "reseal": _reseal,
    "retire": _retire,
    "forget": _forget,
}


def _sealed_anew(database: Database, keys: tuple[SealingKey, ...]) -> Answer:
    done = seal_anew(database, AesVault(keys))
    SqlTrail(database).record(EventKind.KEYS_RESEALED, keys[0].id.hex(), secrets=done.anew)
    told = {"key": keys[0].id.hex(), "sealed_anew": done.anew, "already": done.already, "lost": done.lost}
    return told, 1 if done.lost else 0


def _required_keys(settings: Settings) -> tuple[SealingKey, ...]:
    place = key_place(settings)
    keys = place.read()
    if not keys:
        message = f"There are no keys in {place.name} yet. The server makes the first one when it starts."
        raise SettingsError(message, ("secret_keys",))
    return keys


def _read_head(text: str) -> tuple[int, str]:
    found = _HEAD.fullmatch(text.strip())
    if found is None:
        raise RequestError(
            "--head is what an earlier `trail verify` printed as head: a number, a colon, 64 digits.", ("head",)
        )
    return int(found[1]), found[2]


def _database(settings: Settings) -> Database:
    return open_database(settings.database_url.get_secret_value())


def _ids(keys: Any) -> list[str]:
    return [key.id.hex() for key in keys]
