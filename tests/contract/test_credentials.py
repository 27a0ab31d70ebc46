"""What is promised about local users, their second factors and failed attempts, whichever the database."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from allocation.adapters.sql.database import Database
from allocation.adapters.sql.directory import SqlDirectory
from allocation.adapters.sql.tables import sign_in_session
from allocation.errors import TooManyAttemptsError, UserNameTakenError
from allocation.ports import Failures, User
from allocation.presence import Proof
from tests.installation import NOON, PASSWORD, Installation

HOUR = timedelta(hours=1)


@pytest.fixture
def here(database: Database) -> Installation:
    return Installation(database)


@pytest.fixture
def jane(here: Installation) -> User:
    return new_user(here)


def new_user(here: Installation) -> User:
    created = here.credentials.create_first("Jane", "hash of Jane's", NOON)
    assert created is not None
    return created


def at_once(work: Callable[[int], object], number: int = 8) -> list[object]:
    """Done by so many workers at the same moment."""
    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(work, range(number)))


def with_factor(here: Installation, user: User, *codes: str) -> None:
    here.credentials.begin_second_factor(user.id, b"sealed")
    here.credentials.confirm_second_factor(user.id, 100, codes, NOON)


def begin_session(here: Installation, user: User, browser: str) -> str:
    return here.sessions.begin(Proof(user, NOON), browser, "Firefox on Linux", NOON)


def test_of_several_who_create_the_first_account_at_once_one_does(here: Installation) -> None:
    assert not here.credentials.has_local_users()

    created = at_once(lambda number: here.credentials.create_first(f"user-{number}", "hash", NOON))

    assert len([user for user in created if user]) == 1
    assert len(here.people.everybody()) == 1
    assert here.credentials.has_local_users()


def test_a_user_is_found_by_name_without_case_and_by_id(here: Installation, jane: User) -> None:
    by_name, by_id = here.credentials.by_name(" JANE"), here.credentials.of_user(jane.id)

    assert by_name == by_id
    assert by_name is not None
    assert (by_name.user, by_name.password_hash, by_name.disabled) == (jane, "hash of Jane's", False)
    assert "hash of" not in repr(by_name)
    assert here.credentials.by_name("john") is here.credentials.of_user("nobody") is None


def test_a_person_of_a_provider_is_no_local_user(here: Installation) -> None:
    person = SqlDirectory(here.database).user_for_identity("https://a.example", "1", "Jane", "")

    assert not here.credentials.has_local_users()
    assert here.credentials.by_name("Jane") is here.credentials.of_user(person.id) is None


@pytest.mark.parametrize("name", ["Jane", "JANE", " jane", "\uff2aane"])  # the last one with a full-width J
def test_a_user_name_is_taken_in_every_spelling(here: Installation, jane: User, name: str) -> None:
    with pytest.raises(UserNameTakenError):
        here.people.add(name, NOON)


@pytest.mark.parametrize("name", ["' OR 1=1 --", "", "jane\x00"])
def test_an_unknown_user_name_has_no_credentials(here: Installation, jane: User, name: str) -> None:
    assert here.credentials.by_name(name) is None


def test_a_browser_is_known_by_the_sign_ins_completed_in_it(here: Installation, jane: User) -> None:
    begin_session(here, jane, "hers")

    known = here.credentials.knows_browser
    assert known("JANE", "hers")
    assert not known("jane", "another")
    assert not known("john", "hers")
    assert not known("jane", "")


def test_a_browser_stays_known_for_months_after_its_session_and_nothing_else_does(
    here: Installation, jane: User
) -> None:
    here.sessions.begin(Proof(jane, NOON, tokens="a provider's"), "hers", "Firefox on Linux", NOON)
    john = here.people.add("john", NOON)

    for later, known in ((timedelta(days=89), True), (timedelta(days=91), False)):
        here.sessions.begin(Proof(john, NOON + later), "his", "Firefox on Linux", NOON + later)

        assert here.credentials.knows_browser("jane", "hers") is known
        with here.database.reading() as connection:
            sealed = select(sign_in_session.c.sealed_id_token).where(sign_in_session.c.user_id == jane.id)
            assert set(connection.execute(sealed).scalars()) <= {None}


def test_a_hash_is_replaced_only_as_long_as_it_is_the_same(here: Installation, jane: User) -> None:
    here.credentials.rehash(jane.id, "hash of another", "stolen")
    here.credentials.rehash(jane.id, "hash of Jane's", "new hash of Jane's")

    known = here.credentials.of_user(jane.id)
    assert known is not None
    assert known.password_hash == "new hash of Jane's"


def test_a_new_password_ends_every_other_session_of_the_user_and_nobody_elses(here: Installation, jane: User) -> None:
    mary = here.people.add("mary", NOON)
    this, other, marys = (begin_session(here, u, b) for u, b in ((jane, "a"), (jane, "b"), (mary, "c")))

    here.credentials.change_password(jane.id, "new hash", NOON, keep_session=this)

    alive = [here.sessions.find(handle, NOON) is not None for handle in (this, other, marys)]
    assert alive == [True, False, True]


def test_a_disabled_user_has_no_session_from_that_moment_on(here: Installation, jane: User) -> None:
    handle = begin_session(here, jane, "a")

    here.people.disable(jane.id, NOON)
    known = here.credentials.of_user(jane.id)

    assert known is not None
    assert known.disabled
    assert here.sessions.find(handle, NOON) is None
    here.people.enable(jane.id)
    assert here.sessions.find(handle, NOON) is None
    assert begin_session(here, jane, "a")


def test_a_second_factor_counts_from_its_first_code_on(here: Installation, jane: User) -> None:
    assert here.credentials.second_factor(jane.id) is None
    here.credentials.begin_second_factor(jane.id, b"left at that")
    here.credentials.begin_second_factor(jane.id, b"sealed")

    begun = here.credentials.second_factor(jane.id)
    here.credentials.confirm_second_factor(jane.id, 100, ["one", "two"], NOON)
    confirmed = here.credentials.second_factor(jane.id)

    assert begun is not None
    assert (begun.sealed_seed, begun.confirmed, begun.recovery_codes_left) == (b"sealed", False, 0)
    assert confirmed is not None
    assert (confirmed.confirmed, confirmed.last_step, confirmed.recovery_codes_left) == (True, 100, 2)
    assert "sealed" not in repr(confirmed).replace("sealed_seed", "")


def test_a_confirmed_second_factor_is_not_replaced_by_beginning_another(here: Installation, jane: User) -> None:
    with_factor(here, jane, "one")

    here.credentials.begin_second_factor(jane.id, b"of somebody at the open screen")
    here.credentials.confirm_second_factor(jane.id, 1, ["theirs"], NOON)

    kept = here.credentials.second_factor(jane.id)
    assert kept is not None
    assert (kept.sealed_seed, kept.last_step) == (b"sealed", 100)
    assert not here.credentials.use_recovery_code(jane.id, "theirs", NOON)


def test_a_step_counts_once_however_many_workers_try_it_at_once(here: Installation, jane: User) -> None:
    with_factor(here, jane)

    counted = at_once(lambda _: here.credentials.use_step(jane.id, 101))

    assert counted.count(True) == 1
    assert not here.credentials.use_step(jane.id, 100)
    assert here.credentials.use_step(jane.id, 102)


def test_no_step_counts_before_the_second_factor_was_confirmed(here: Installation, jane: User) -> None:
    here.credentials.begin_second_factor(jane.id, b"sealed")

    assert not here.credentials.use_step(jane.id, 101)


def test_a_recovery_code_counts_once_however_many_workers_try_it_at_once(here: Installation, jane: User) -> None:
    mary = here.people.add("mary", NOON)
    with_factor(here, jane, "one", "two")

    counted = at_once(lambda _: here.credentials.use_recovery_code(jane.id, "one", NOON))

    assert counted.count(True) == 1
    assert not here.credentials.use_recovery_code(mary.id, "two", NOON)
    kept = here.credentials.second_factor(jane.id)
    assert kept is not None
    assert kept.recovery_codes_left == 1


def test_new_recovery_codes_void_the_old_ones(here: Installation, jane: User) -> None:
    with_factor(here, jane, "one", "two")

    here.credentials.replace_recovery_codes(jane.id, ["three"])

    assert not here.credentials.use_recovery_code(jane.id, "one", NOON)
    assert here.credentials.use_recovery_code(jane.id, "three", NOON)


def test_a_second_factor_that_is_removed_leaves_nothing(here: Installation, jane: User) -> None:
    with_factor(here, jane, "one")

    here.credentials.remove_second_factor(jane.id)
    here.credentials.remove_second_factor(jane.id)

    assert here.credentials.second_factor(jane.id) is None
    assert not here.credentials.use_recovery_code(jane.id, "one", NOON)
    assert not here.credentials.use_step(jane.id, 101)


def test_everybody_is_listed_with_what_they_sign_in_with(here: Installation, jane: User) -> None:
    mary = here.people.add("Mary", NOON + HOUR)
    with_factor(here, jane)
    here.people.disable(mary.id, NOON + HOUR)

    listed = {p.user_name: (p.has_password, p.has_second_factor, p.disabled_at) for p in here.people.everybody()}

    assert listed == {"jane": (True, True, None), "mary": (False, False, NOON + HOUR)}


def test_a_code_for_a_password_works_once_in_time_and_for_its_user(here: Installation, jane: User) -> None:
    handle = begin_session(here, jane, "a")
    here.people.keep_password_code(jane.id, "code", NOON + HOUR, NOON)
    known = here.credentials.of_user(jane.id)

    assert known is not None
    assert known.password_hash == ""
    assert here.sessions.find(handle, NOON) is None
    assert not here.people.redeem_password_code(jane.id, "guess", "stolen", NOON)
    assert not here.people.redeem_password_code("", "code", "stolen", NOON)
    assert not here.people.redeem_password_code(jane.id, "code", "late", NOON + HOUR)
    redeemed = at_once(lambda number: here.people.redeem_password_code(jane.id, "code", f"hash {number}", NOON))
    assert redeemed.count(True) == 1


def test_failures_are_kept_until_they_are_forgotten(here: Installation) -> None:
    seen: list[Mapping[str, Failures]] = []

    def noted(before: Mapping[str, Failures]) -> Mapping[str, Failures]:
        seen.append(before)
        return {"a": Failures(3, NOON), "b": Failures(1, NOON + HOUR)}

    here.failures.revise(["b", "a"], noted)
    here.failures.revise(["a", "b"], noted)
    here.failures.forget(NOON + HOUR)
    here.failures.revise(["a", "b"], noted)

    assert all(failures.count == 0 for failures in seen[0].values())
    assert seen[1] == {"a": Failures(3, NOON), "b": Failures(1, NOON + HOUR)}
    assert seen[2]["b"] == Failures(1, NOON + HOUR)
    assert seen[2].get("a", Failures(0, NOON)).count == 0


def test_a_refusal_leaves_the_failures_as_they_were(here: Installation) -> None:
    def refuse(before: Mapping[str, Failures]) -> Mapping[str, Failures]:
        raise TooManyAttemptsError(3)

    here.failures.revise(["a"], lambda _: {"a": Failures(3, NOON)})
    with pytest.raises(TooManyAttemptsError):
        here.failures.revise(["a"], refuse)

    here.failures.revise(["a"], lambda before: {"a": Failures(before["a"].count + 1, NOON)})
    here.failures.revise(["a"], lambda before: {"a": check(before["a"], 4)})


def check(failures: Failures, count: int) -> Failures:
    assert failures.count == count
    return failures


def test_guesses_made_at_the_same_moment_by_several_workers_all_count(here: Installation) -> None:
    def one_more(before: Mapping[str, Failures]) -> Mapping[str, Failures]:
        return {key: Failures(before[key].count + 1, NOON) for key in ("a", "b")}

    at_once(lambda number: here.failures.revise(("a", "b") if number % 2 else ("b", "a"), one_more))

    here.failures.revise(["a"], lambda before: {"a": check(before["a"], 8)})


def test_of_many_guesses_at_once_only_the_free_ones_are_heard(here: Installation) -> None:
    here.accounts.create_first("jane", PASSWORD)

    def guess(_: int) -> str:
        try:
            Installation(here.database).accounts.check("jane", "a wrong password", "203.0.113.9")
        except Exception as error:  # noqa: BLE001  whichever it is, it is what is asked for
            return type(error).__name__
        return "let in"

    answers = at_once(guess, 9)

    assert sorted(map(str, answers)) == ["CredentialsError"] * 5 + ["TooManyAttemptsError"] * 4
