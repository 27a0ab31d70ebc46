"""Local accounts: who is let in, which passwords there may be, and how they are kept and changed."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from argon2 import PasswordHasher, extract_parameters

from allocation.errors import (
    CredentialsError,
    NewAccountError,
    PasswordCodeError,
    PasswordError,
    TooManyAttemptsError,
    UserNameTakenError,
)
from allocation.ports import User
from allocation.presence import Proof
from allocation.sign_in.local import CODE_GOOD_FOR, LocalAccounts
from allocation.sign_in.passwords import MOST_AT_ONCE, Passwords, check_new_password, check_user_name
from tests.installation import NOON, PASSWORD, Installation, new_database

ANOTHER = "another horse battery"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Installation]:
    """An installation nobody used yet."""
    database = new_database(tmp_path)
    yield Installation(database)
    database.close()


@pytest.fixture
def accounts(here: Installation) -> LocalAccounts:
    return here.accounts


@pytest.fixture
def jane(accounts: LocalAccounts) -> User:
    return accounts.create_first("jane", PASSWORD)


def hash_kept(here: Installation) -> str:
    known = here.credentials.by_name("jane")
    assert known is not None
    return known.password_hash


def test_the_first_account_can_be_created_once(accounts: LocalAccounts) -> None:
    assert accounts.first_run
    accounts.create_first("jane", PASSWORD)

    with pytest.raises(NewAccountError, match="exists already"):
        accounts.create_first("mallory", PASSWORD)

    assert not accounts.first_run


@pytest.mark.parametrize("guess", ["", "wrong", "c0de-from-the-lo", "\ud800", "ç"])
def test_where_others_reach_the_page_the_first_account_needs_the_code_from_the_log(
    here: Installation, guess: str
) -> None:
    accounts = Installation(here.database, setup_code="c0de-from-the-log").accounts

    with pytest.raises(NewAccountError, match="setup code") as refusal:
        accounts.create_first("mallory", PASSWORD, guess)

    assert accounts.first_run
    assert "c0de-from-the-log" not in str(refusal.value)
    assert accounts.create_first("jane", PASSWORD, " c0de-from-the-log ").name == "jane"


def test_a_password_is_kept_as_an_argon2id_hash_of_the_recommended_strength(here: Installation, jane: User) -> None:
    kept = extract_parameters(hash_kept(here))

    assert hash_kept(here).startswith("$argon2id$")
    assert PASSWORD not in hash_kept(here)
    assert (kept.memory_cost, kept.time_cost, kept.parallelism) == (65_536, 3, 4)  # RFC 9106, section 4
    assert (kept.salt_len, kept.hash_len) == (16, 32)


def test_a_hash_made_with_other_parameters_is_made_anew_at_the_next_sign_in(here: Installation, jane: User) -> None:
    weaker = PasswordHasher(time_cost=1, memory_cost=8192).hash(PASSWORD)
    here.credentials.rehash(jane.id, hash_kept(here), weaker)
    assert hash_kept(here) == weaker

    assert here.accounts.check("jane", PASSWORD) == jane

    assert not Passwords().is_outdated(hash_kept(here))
    assert here.accounts.check("jane", PASSWORD) == jane


def test_a_wrong_password_leaves_an_old_hash_as_it_is(here: Installation, jane: User) -> None:
    weaker = PasswordHasher(time_cost=1, memory_cost=8192).hash(PASSWORD)
    here.credentials.rehash(jane.id, hash_kept(here), weaker)

    with pytest.raises(CredentialsError):
        here.accounts.check("jane", ANOTHER)

    assert hash_kept(here) == weaker


def test_the_right_password_says_who_it_is(accounts: LocalAccounts, jane: User) -> None:
    assert accounts.check("Jane ", PASSWORD) == jane


def test_a_password_may_be_typed_on_another_keyboard(accounts: LocalAccounts) -> None:
    composed, decomposed = "crème brûlée à la carte", "cre\u0300me bru\u0302le\u0301e a\u0300 la carte"
    created = accounts.create_first("jane", composed)

    assert accounts.check("jane", decomposed) == created


@pytest.mark.parametrize(
    ("name", "password"),
    [("jane", "wrong horse battery"), ("jane", ""), ("jane", PASSWORD + "x" * 10_000), ("nobody", PASSWORD), ("", "")],
)
def test_wrong_and_unknown_answer_alike(accounts: LocalAccounts, jane: User, name: str, password: str) -> None:
    with pytest.raises(CredentialsError, match="User name and password do not match"):
        accounts.check(name, password)


@pytest.mark.parametrize("name", ["jane", "nobody", "a password typed as a name"])
def test_a_refusal_is_written_down_without_what_was_typed(here: Installation, jane: User, name: str) -> None:
    with pytest.raises(CredentialsError):
        here.accounts.check(name, "a wrong password")

    assert here.told() == ["user_created", "sign_in_refused"]
    assert "typed" not in str(here.trail.of_user(jane.id))
    assert len(here.trail.of_user(jane.id)) == (2 if name == "jane" else 1)


def test_a_disabled_user_is_answered_like_one_who_is_not_there(here: Installation, jane: User) -> None:
    here.people.disable(jane.id, NOON)

    with pytest.raises(CredentialsError):
        here.accounts.check("jane", PASSWORD)

    here.people.enable(jane.id)
    assert here.accounts.check("jane", PASSWORD) == jane


@pytest.mark.parametrize("name", ["nobody", "invited"])
def test_where_there_is_no_password_a_hash_is_checked_all_the_same(
    here: Installation, jane: User, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.people.add("invited", NOON)
    checked: list[str] = []
    as_before = PasswordHasher.verify

    def noted(hasher: PasswordHasher, kept: str, secret: str) -> bool:
        checked.append(kept)
        return as_before(hasher, kept, secret)

    monkeypatch.setattr(PasswordHasher, "verify", noted)
    for password in (PASSWORD, "a password that nobody has", ""):
        with pytest.raises(CredentialsError):
            here.accounts.check(name, password)

    assert [kept[:10] for kept in checked] == ["$argon2id$"] * 3


def test_an_endless_user_name_and_password_cost_no_more_than_others(accounts: LocalAccounts, jane: User) -> None:
    with pytest.raises(CredentialsError):
        accounts.check("n" * 1_000_000, "p" * 10_000_000)


def test_who_keeps_guessing_has_to_wait_in_every_worker(here: Installation, jane: User) -> None:
    workers = [Installation(here.database).accounts for _ in range(5)]
    for worker in workers:
        with pytest.raises(CredentialsError):
            worker.check("jane", "a wrong password")

    with pytest.raises(TooManyAttemptsError):
        here.accounts.check("jane", PASSWORD)

    here.clock.tick(1)
    assert here.accounts.check("jane", PASSWORD) == jane


def test_a_stranger_locks_nobody_out_of_a_browser_they_signed_in_with_before(here: Installation, jane: User) -> None:
    here.sessions.begin(Proof(jane, NOON), "hers", "Firefox on Linux", NOON)
    for _ in range(5):
        with pytest.raises(CredentialsError):
            here.accounts.check("jane", "a guess of a stranger", "", "the stranger's")
    with pytest.raises(TooManyAttemptsError):
        here.accounts.check("jane", PASSWORD, "", "the stranger's")

    assert here.accounts.check("jane", PASSWORD, "", "hers") == jane


def test_a_new_password_takes_the_place_of_the_old_one_and_is_written_down(here: Installation, jane: User) -> None:
    here.accounts.change_password(jane, PASSWORD, ANOTHER, keep_session="")

    assert here.accounts.check("jane", ANOTHER) == jane
    with pytest.raises(CredentialsError):
        here.accounts.check("jane", PASSWORD)
    assert here.told()[:2] == ["user_created", "password_changed"]


@pytest.mark.parametrize("new", ["short", PASSWORD, "jane", "password12345"])
def test_an_unfit_new_password_changes_nothing(here: Installation, jane: User, new: str) -> None:
    with pytest.raises(NewAccountError):
        here.accounts.change_password(jane, PASSWORD, new, keep_session="")

    assert here.accounts.check("jane", PASSWORD) == jane


def test_without_the_old_password_there_is_no_new_one(here: Installation, jane: User) -> None:
    for _ in range(5):
        with pytest.raises(PasswordError):
            here.accounts.change_password(jane, "a wrong password", ANOTHER, keep_session="")

    with pytest.raises(TooManyAttemptsError):
        here.accounts.change_password(jane, PASSWORD, ANOTHER, keep_session="")
    assert here.told() == ["user_created", *["password_change_refused"] * 5]


def test_whoever_is_added_chooses_a_password_with_a_code_that_works_once(here: Installation, jane: User) -> None:
    mary = here.people.add("Mary", NOON)
    code = here.accounts.new_password_code(mary)

    here.accounts.redeem("mary", f" {code} ", ANOTHER)

    assert here.accounts.check("MARY", ANOTHER) == mary
    with pytest.raises(PasswordCodeError):
        here.accounts.redeem("mary", code, "yet another battery")


@pytest.mark.parametrize("name", ["jane", "nobody", "mary "])
def test_a_code_is_good_for_its_user_only_and_every_refusal_is_alike(here: Installation, jane: User, name: str) -> None:
    code = here.accounts.new_password_code(here.people.add("Mary", NOON))

    with pytest.raises(PasswordCodeError, match="do not match"):
        here.accounts.redeem(name, code if name != "mary " else code + "x", ANOTHER)

    assert here.accounts.check("jane", PASSWORD) == jane


def test_a_code_is_good_for_a_day(here: Installation, jane: User) -> None:
    code = here.accounts.new_password_code(jane)
    here.clock.tick(CODE_GOOD_FOR.total_seconds())

    with pytest.raises(PasswordCodeError):
        here.accounts.redeem("jane", code, ANOTHER)


def test_a_code_ends_the_old_password_at_once_and_the_code_before_it(here: Installation, jane: User) -> None:
    earlier = here.accounts.new_password_code(jane)
    later = here.accounts.new_password_code(jane)

    with pytest.raises(CredentialsError):
        here.accounts.check("jane", PASSWORD)
    with pytest.raises(PasswordCodeError):
        here.accounts.redeem("jane", earlier, ANOTHER)
    here.accounts.redeem("jane", later, ANOTHER)
    assert here.accounts.check("jane", ANOTHER) == jane


def test_an_unfit_password_does_not_use_up_the_code(here: Installation, jane: User) -> None:
    code = here.accounts.new_password_code(jane)

    with pytest.raises(NewAccountError):
        here.accounts.redeem("jane", code, "short")

    here.accounts.redeem("jane", code, ANOTHER)


def test_who_guesses_codes_has_to_wait(here: Installation, jane: User) -> None:
    for _ in range(5):
        with pytest.raises(PasswordCodeError):
            here.accounts.redeem("jane", "a guess", ANOTHER)

    with pytest.raises(TooManyAttemptsError):
        here.accounts.redeem("jane", "a guess", ANOTHER)


def test_a_name_is_given_once(here: Installation, jane: User) -> None:
    with pytest.raises(UserNameTakenError):
        here.people.add("JANE", NOON)


def test_only_so_many_passwords_are_hashed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    under_way, most = 0, 0
    counting = threading.Lock()

    def slow(_: PasswordHasher, __: str) -> str:
        nonlocal under_way, most
        with counting:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.02)
        with counting:
            under_way -= 1
        return "hash"

    monkeypatch.setattr(PasswordHasher, "hash", slow)
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(Passwords().hash, ["secret"] * 24))

    assert most == MOST_AT_ONCE


@pytest.mark.parametrize(
    "password",
    ["elevenchars", "x" * 129, "jane.the.analyst", "JANE.THE.ANALYST", "aaaaaaaaaaaa", "123456789012", "password1234",
     "Passw0rd!2026", "qwertyuiop12", "letmeinletmein", "abab abab abab"],
)  # fmt: skip
def test_a_password_anybody_would_try_is_refused(password: str) -> None:
    with pytest.raises(NewAccountError) as refusal:
        check_new_password(password, "jane.the.analyst")

    assert refusal.value.culprits == ("password",)


@pytest.mark.parametrize(
    "password",
    [PASSWORD, "twelve chars", "my password is a blue whale", "密码需要十二个字符才足够长", "x1" + "ab3d" * 31],
)
def test_a_password_of_some_length_is_taken(password: str) -> None:
    assert check_new_password(password, "jane")


@pytest.mark.parametrize("name", ["", " ", ".jane", "ja ne", "jane\n", "<b>jane", "j" * 65, "ja\u202ene", "_"])
def test_an_unfit_user_name_is_refused(name: str) -> None:
    with pytest.raises(NewAccountError) as refusal:
        check_user_name(name if name != "jane\n" else "ja\nne")

    assert refusal.value.culprits == ("user_name",)
