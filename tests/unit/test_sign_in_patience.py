"""How long guessing takes, and that the right person never waits for longer than was said."""

import math
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocation.errors import TooManyAttemptsError
from allocation.ports import Failures
from allocation.sign_in.patience import (
    FORGOTTEN_AFTER,
    FREE_ATTEMPTS,
    FREE_FROM_ADDRESS,
    FREE_FROM_ANYWHERE,
    LONGEST_WAIT,
    Patience,
    wait_after,
)
from tests.installation import NOON, Clock, FailuresInMemory

LONGEST = LONGEST_WAIT.total_seconds()


class Guessing:
    """Attempts that fail, and how long each had to wait."""

    def __init__(self) -> None:
        self.clock, self.log = Clock(), FailuresInMemory()
        self.patience = Patience(self.log, self.clock)

    def wait(self, name: str = "jane", address: str = "", browser: str = "") -> int:
        """How long the attempt has to wait; it counts when that is 0."""
        try:
            self.patience.attempt(name, address, browser)
        except TooManyAttemptsError as error:
            return error.wait_seconds
        return 0

    def waits(self, number: int, name: str = "jane", address: str = "") -> list[int]:
        """The waits between so many failures, each made as soon as it may be."""
        found = []
        for _ in range(number):
            wait = self.wait(name, address)
            if wait:
                self.clock.tick(wait)
                assert self.wait(name, address) == 0
            found.append(wait)
        return found


def test_after_five_wrong_guesses_each_wait_is_twice_as_long_up_to_five_minutes() -> None:
    waits = Guessing().waits(FREE_ATTEMPTS + 12)

    assert waits == [0] * FREE_ATTEMPTS + [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_an_attempt_that_came_too_early_does_not_make_the_wait_longer() -> None:
    guessing = Guessing()
    guessing.waits(FREE_ATTEMPTS + 4)
    expected = guessing.wait()

    for _ in range(50):
        guessing.wait()

    assert guessing.wait() == expected == 16


def test_waiting_is_for_one_name_only() -> None:
    guessing = Guessing()
    guessing.waits(FREE_ATTEMPTS)

    assert guessing.wait("john") == 0
    assert guessing.wait("jane") == 1


def test_who_guesses_from_elsewhere_does_not_make_the_right_person_wait() -> None:
    guessing = Guessing()
    guessing.waits(FREE_ATTEMPTS + 8, "jane", "203.0.113.9")

    assert guessing.wait("jane", "203.0.113.9") > 60
    assert guessing.wait("jane", "198.51.100.1") == 0


def test_who_guesses_one_name_from_many_addresses_has_to_wait_all_the_same() -> None:
    guessing = Guessing()
    for number in range(FREE_FROM_ANYWHERE):
        assert guessing.wait("jane", f"203.0.113.{number}") == 0

    assert guessing.wait("jane", "203.0.113.250") == 1


def test_who_tries_many_names_from_one_address_has_to_wait() -> None:
    guessing = Guessing()
    for number in range(FREE_FROM_ADDRESS):
        assert guessing.wait(f"name-{number}", "203.0.113.9") == 0

    assert guessing.wait("one more", "203.0.113.9") == 1
    assert guessing.wait("one more", "203.0.113.10") == 0


def test_one_network_of_ipv6_is_one_address() -> None:
    guessing = Guessing()
    for number in range(FREE_FROM_ADDRESS):
        assert guessing.wait(f"name-{number}", f"2001:db8:5:5::{number + 1:x}") == 0

    assert guessing.wait("one more", "2001:db8:5:5:ffff::1") == 1
    assert guessing.wait("one more", "2001:db8:5:6::1") == 0
    assert [guessing.wait("jane", f"2001:db8:7:7::{number:x}") for number in range(6)] == [0] * FREE_ATTEMPTS + [1]


def test_strangers_make_nobody_wait_in_a_browser_the_name_was_signed_in_before() -> None:
    guessing = Guessing()
    for number in range(FREE_FROM_ANYWHERE):
        guessing.wait("jane", f"203.0.113.{number}")

    assert guessing.wait("jane", "198.51.100.1") == 1
    assert [guessing.wait("jane", "198.51.100.1", "hers") for _ in range(FREE_ATTEMPTS + 1)] == [0] * FREE_ATTEMPTS + [
        1
    ]


def test_what_happened_is_known_for_an_hour() -> None:
    guessing = Guessing()

    assert [guessing.patience.first_time(what) for what in ("this", "that", "this")] == [True, True, False]
    guessing.clock.tick(FORGOTTEN_AFTER.total_seconds() + 1)
    assert guessing.patience.first_time("this")


def test_success_forgets_the_failures_of_the_name_and_not_those_of_the_address() -> None:
    guessing = Guessing()
    for number in range(FREE_FROM_ADDRESS - 1):
        guessing.wait(f"name-{number}", "203.0.113.9")
    guessing.waits(FREE_ATTEMPTS - 1, "jane")

    guessing.patience.succeeded(guessing.patience.attempt("jane", "203.0.113.9"))
    guessing.patience.succeeded(guessing.patience.attempt("jane"))

    assert guessing.waits(FREE_ATTEMPTS) == [0] * FREE_ATTEMPTS
    assert guessing.wait("another", "203.0.113.9") == 0
    assert guessing.wait("and another", "203.0.113.9") == 1


def test_after_an_hour_all_is_forgotten() -> None:
    guessing = Guessing()
    guessing.waits(FREE_ATTEMPTS + 12)

    guessing.clock.tick(FORGOTTEN_AFTER.total_seconds() + 1)

    assert guessing.waits(FREE_ATTEMPTS) == [0] * FREE_ATTEMPTS
    assert len(guessing.log.kept) == 1


def test_what_is_kept_names_nobody() -> None:
    guessing = Guessing()

    guessing.wait("a password typed as a name", "203.0.113.9")

    assert all(len(key) == 64 and int(key, 16) for key in guessing.log.kept)


@pytest.mark.parametrize("name", ["", "\ud800", "\x00", "n" * 100_000])
def test_any_name_can_be_counted(name: str) -> None:
    assert Guessing().wait(name) == 0


moments = st.lists(st.tuples(st.sampled_from(["jane", "john"]), st.floats(0, 400)), max_size=60)


@settings(max_examples=200)
@given(moments, st.floats(0, 4000))
def test_whoever_waits_as_long_as_was_said_may_try_again(guesses: list[tuple[str, float]], later: float) -> None:
    guessing = Guessing()
    for name, pause in guesses:
        guessing.clock.tick(pause)
        guessing.wait(name, "203.0.113.9")
    guessing.clock.tick(later)

    said = guessing.wait("jane", "203.0.113.9")

    assert said <= LONGEST
    guessing.clock.tick(said)
    assert said == 0 or guessing.wait("jane", "203.0.113.9") == 0


@given(st.integers(0, 10**6), st.timedeltas(timedelta(-1), timedelta(1)))
def test_a_wait_is_never_longer_than_the_longest_even_when_a_clock_was_set_back(count: int, ago: timedelta) -> None:
    wait = wait_after(Failures(count, NOON - ago), FREE_ATTEMPTS, NOON)

    assert wait <= LONGEST_WAIT
    if count < FREE_ATTEMPTS:
        assert wait == timedelta(0)


def test_guesses_in_a_day_are_few() -> None:
    guessing, made = Guessing(), 0

    while guessing.clock.now - NOON < timedelta(days=1):
        wait = guessing.wait()
        guessing.clock.tick(wait)
        made += wait == 0

    assert made <= FREE_ATTEMPTS + 9 + math.ceil(86_400 / LONGEST)
