"""Attempts to sign in with a provider, on every database: an answer counts once, for one browser, for minutes."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from allocation.adapters.aes_vault import AesVault
from allocation.adapters.sql.attempts import KEPT_FOR, SqlAttempts
from allocation.adapters.sql.database import Database
from allocation.adapters.sql.tables import sign_in_attempt
from allocation.sign_in.attempts import LONGEST_VALUE, Attempts, Departure
from allocation.vault import new_key
from tests.installation import NOON, Clock

MINE, YOURS = "my browser", "your browser"
LEFT = Departure("acme", "/holdings?account=7", '["the", "handshake"]')


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def worker(database: Database, clock: Clock) -> Callable[[], Attempts]:
    """One of several processes that share a database and the sealing keys."""
    vault = AesVault([new_key()])
    return lambda: Attempts(SqlAttempts(database), vault, clock)


@pytest.fixture
def attempts(worker: Callable[[], Attempts]) -> Attempts:
    return worker()


def answer_to(state: str, **more: str) -> dict[str, str]:
    return {"code": "c0de", "state": state, "iss": "https://id.example.com", **more}


def test_an_answer_is_handed_out_once_and_to_the_browser_it_came_by(attempts: Attempts) -> None:
    state = attempts.new_state(MINE)

    goes_on_at = attempts.post(MINE, answer_to(state, session_state="ignored"))

    assert goes_on_at == ""
    assert attempts.collect(state, YOURS) is None
    assert attempts.collect(state, MINE) == answer_to(state)
    assert attempts.collect(state, MINE) is None


def test_the_same_answer_twice_counts_once(attempts: Attempts) -> None:
    state = attempts.new_state(MINE)
    attempts.post(MINE, answer_to(state))

    assert attempts.post(MINE, answer_to(state, code="another")) is None
    assert attempts.collect(state, MINE) == answer_to(state)
    assert attempts.post(MINE, answer_to(state)) is None
    assert attempts.collect(state, MINE) is None


def test_an_answer_waits_for_its_attempt_for_minutes(attempts: Attempts, clock: Clock) -> None:
    state = attempts.new_state(MINE)
    attempts.post(MINE, answer_to(state))

    assert attempts.holds(state, MINE)
    assert not attempts.holds(state, MINE, for_seconds=3)
    clock.now += timedelta(seconds=3)
    assert attempts.holds(state, MINE, for_seconds=3)
    assert not attempts.holds(state, YOURS)
    clock.now = NOON + KEPT_FOR
    assert not attempts.holds(state, MINE)
    assert attempts.collect(state, MINE) is None


def test_what_nobody_here_asked_for_is_not_kept(attempts: Attempts, database: Database) -> None:
    mine = attempts.new_state(MINE)
    unasked = [
        (MINE, answer_to("x" * 43)),
        (MINE, answer_to("")),
        (MINE, answer_to("é" * 43)),
        (MINE, answer_to(mine + "x")),
        (MINE, answer_to(attempts.new_state(YOURS))),
        (YOURS, answer_to(mine)),
        ("", answer_to(mine)),
        (MINE, {"code": "c0de"}),
        (MINE, answer_to(mine, code="c" * (LONGEST_VALUE + 1))),
        (MINE, {}),
    ]

    taken = [attempts.post(browser, query) for browser, query in unasked]

    assert taken == [None] * len(unasked)
    with database.reading() as connection:
        assert connection.execute(select(sign_in_attempt)).all() == []


def test_somebody_who_left_this_tab_is_found_again_by_any_worker(worker: Callable[[], Attempts]) -> None:
    state = worker().new_state(MINE)
    worker().leave(state, MINE, LEFT)
    assert worker().returned(MINE) is None  # not back yet

    goes_on_at = worker().post(MINE, answer_to(state))

    assert goes_on_at == LEFT.left_from
    assert worker().returned(YOURS) is None
    assert worker().returned(MINE) == (LEFT, answer_to(state))
    assert worker().returned(MINE) is None


def test_who_leaves_twice_comes_back_from_the_second_journey(attempts: Attempts) -> None:
    first, second = attempts.new_state(MINE), attempts.new_state(MINE)
    attempts.leave(first, MINE, LEFT)
    attempts.leave(second, MINE, LEFT)

    attempts.post(MINE, answer_to(second))

    assert attempts.returned(MINE) == (LEFT, answer_to(second))


def test_neither_code_nor_state_nor_verifier_can_be_read_from_the_database(
    attempts: Attempts, database: Database
) -> None:
    state = attempts.new_state(MINE)
    attempts.leave(state, MINE, LEFT)
    attempts.post(MINE, answer_to(state))

    with database.reading() as connection:
        kept = repr(connection.execute(select(sign_in_attempt)).all())

    assert not any(secret in kept for secret in (state, MINE, "c0de", "handshake", "holdings"))


def test_attempts_are_swept_away(attempts: Attempts, database: Database, clock: Clock) -> None:
    attempts.leave(attempts.new_state(MINE), MINE, LEFT)
    clock.now += KEPT_FOR

    attempts.post(YOURS, answer_to(attempts.new_state(YOURS)))

    with database.reading() as connection:
        assert len(connection.execute(select(sign_in_attempt)).all()) == 1


def test_with_other_keys_an_attempt_is_over_and_nothing_breaks(database: Database, clock: Clock) -> None:
    before = Attempts(SqlAttempts(database), AesVault([new_key()]), clock)
    state = before.new_state(MINE)
    before.leave(state, MINE, LEFT)
    before.post(MINE, answer_to(state))

    after = Attempts(SqlAttempts(database), AesVault([new_key()]), clock)

    assert after.returned(MINE) is None
    assert after.post(MINE, answer_to(state)) is None
    assert after.collect(state, MINE) is None
