"""What whoever runs an installation does about its users, from the command line."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias

from allocation.bootstrap import Workbench, workbench
from allocation.errors import RequestError
from allocation.ports import Person
from allocation.settings import load_settings
from allocation.sign_in.local import CODE_GOOD_FOR, LocalAccounts
from allocation.sign_in.passwords import check_user_name, normal
from allocation.sign_in.patience import Patience
from allocation.sign_in.second_factor import SecondFactors
from allocation.trail import EventKind

Answer: TypeAlias = tuple[dict[str, Any], int]
_HOURS = int(CODE_GOOD_FOR.total_seconds() // 3600)
_OPERATOR = "operator"
_NAME_MISSING = "A name is missing: users {} NAME. `users list` shows the names there are."


def look_after_users(action: str, name: str | None) -> Answer:
    """One of `USER_ACTIONS` on the installation that the environment names; all but `list` are about one user."""
    bench = workbench(load_settings())
    if action == "list":
        return {"users": [_told(person) for person in bench.people.everybody()]}, 0
    if name is None or not name.strip():
        raise RequestError(_NAME_MISSING.format(action), ("name",))
    return (_add(bench, name) if action == "add" else USER_ACTIONS[action](bench, _named(bench, name))), 0


def _add(bench: Workbench, name: str) -> dict[str, Any]:
    user = bench.people.add(check_user_name(name), datetime.now(UTC))
    bench.trail.record(EventKind.USER_CREATED, user.id, by=_OPERATOR)
    return _code_for(bench, user.name, _local_accounts(bench).new_password_code(user))


def _reset_password(bench: Workbench, person: Person) -> dict[str, Any]:
    if not person.user_name:
        raise RequestError(f"{person.user.name} signs in with a provider and has no password here.", ("name",))
    code = _local_accounts(bench).new_password_code(person.user)
    bench.trail.record(EventKind.PASSWORD_CODE_MADE, person.user.id, by=_OPERATOR)
    return _code_for(bench, person.user.name, code)


def _reset_second_factor(bench: Workbench, person: Person) -> dict[str, Any]:
    SecondFactors(bench.credentials, bench.vault, Patience(bench.failures), bench.trail).turn_off(
        person.user, by=_OPERATOR
    )
    return {"user": person.user.name, "second_factor": False}


def _disable(bench: Workbench, person: Person) -> dict[str, Any]:
    bench.people.disable(person.user.id, datetime.now(UTC))
    bench.trail.record(EventKind.USER_DISABLED, person.user.id, by=_OPERATOR)
    return {"user": person.user.name, "disabled": True}


def _enable(bench: Workbench, person: Person) -> dict[str, Any]:
    bench.people.enable(person.user.id)
    bench.trail.record(EventKind.USER_ENABLED, person.user.id, by=_OPERATOR)
    return {"user": person.user.name, "disabled": False}


USER_ACTIONS: dict[str, Callable[[Workbench, Person], dict[str, Any]]] = {
    "disable": _disable,
    "enable": _enable,
    "reset-password": _reset_password,
    "reset-second-factor": _reset_second_factor,
}


def _named(bench: Workbench, name: str) -> Person:
    """The user of this user name or id; a name that a provider gave may be borne by several."""
    wanted = normal(name).strip().casefold()
    everybody = bench.people.everybody()
    for person in everybody:
        if wanted in (person.user_name, person.user.id):
            return person
    raise RequestError(f"There is no user {name[:64]!a}. `users list` shows names and ids.", ("name",))


def _local_accounts(bench: Workbench) -> LocalAccounts:
    return LocalAccounts(bench.credentials, bench.people, Patience(bench.failures), bench.trail)


def _code_for(bench: Workbench, user_name: str, code: str) -> dict[str, Any]:
    where = bench.settings.base_url or "the sign-in page"
    said = f"Give {user_name} this code, in person. On {where} under “Set a password with a code” it lets them choose a password."
    return {"user": user_name, "code": code, "good_for_hours": _HOURS, "message": said}


def _told(person: Person) -> dict[str, Any]:
    return {
        "id": person.user.id,
        "user_name": person.user_name or None,
        "name": person.user.name,
        "email": person.user.email or None,
        "since": person.created_at.isoformat(timespec="seconds"),
        "disabled_since": person.disabled_at.isoformat(timespec="seconds") if person.disabled_at else None,
        "has_password": person.has_password,
        "has_second_factor": person.has_second_factor,
    }
