"""Demos and the mailbox: who is let in, and for how long."""

from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from allocation.market import Market
from allocation.ports import Store, User
from allocation.sign_in.demos import KEPT_FOR, MOST_VISITS, Demos
from allocation.sign_in.mailbox import KEPT_SECONDS, MOST_ANSWERS, Mailbox

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def open_demo() -> tuple[User, Store, Market]:
    return User("demo", "Demo visitor", demo=True), cast("Store", object()), cast("Market", object())


def test_a_demo_is_found_again_by_its_browser_only() -> None:
    demos = Demos(open_demo)

    mine, yours = demos.begin("mine", NOW), demos.begin("yours", NOW)

    assert demos.of_browser("mine", NOW) is mine
    assert demos.of_browser("yours", NOW) is yours
    assert mine.store is not yours.store
    assert demos.of_browser("nobody's", NOW) is None


def test_a_demo_ends_when_it_is_left_alone_and_looking_does_not_prolong_it() -> None:
    demos = Demos(open_demo)
    demos.begin("used", NOW)
    demos.begin("watched", NOW)
    soon, later = NOW + KEPT_FOR * 0.9, NOW + KEPT_FOR * 1.5

    demos.of_browser("used", soon)
    demos.of_browser("watched", soon, use=False)

    assert demos.of_browser("used", later) is not None
    assert demos.of_browser("watched", later) is None


def test_an_ended_demo_is_gone() -> None:
    demos = Demos(open_demo)
    demos.begin("mine", NOW)

    demos.end("mine")

    assert demos.of_browser("mine", NOW) is None


def test_the_longest_unused_demo_makes_room() -> None:
    demos = Demos(open_demo)
    for number in range(MOST_VISITS):
        demos.begin(f"browser-{number}", NOW + timedelta(seconds=number))
    demos.of_browser("browser-0", NOW + timedelta(hours=1))

    demos.begin("one more", NOW + timedelta(hours=1))

    assert demos.of_browser("browser-0", NOW + timedelta(hours=1)) is not None
    assert demos.of_browser("browser-1", NOW + timedelta(hours=1)) is None


ANSWER = {"code": "c", "state": "s", "iss": "https://id.example.com", "session_state": "not ours"}


def test_an_answer_is_handed_out_once_to_the_browser_it_came_through() -> None:
    mailbox = Mailbox(Clock())
    mailbox.post("mine", ANSWER)

    assert mailbox.collect("s", "yours") is None
    assert mailbox.collect("another", "mine") is None
    assert mailbox.collect("s", "mine") == {"code": "c", "state": "s", "iss": "https://id.example.com"}
    assert mailbox.collect("s", "mine") is None


def test_an_answer_waits_a_moment_and_not_for_ever() -> None:
    clock = Clock()
    mailbox = Mailbox(clock)
    mailbox.post("mine", ANSWER)

    assert not mailbox.holds("s", "mine", for_seconds=3)
    clock.seconds = 3
    assert mailbox.holds("s", "mine", for_seconds=3)
    clock.seconds = KEPT_SECONDS + 1
    assert not mailbox.holds("s", "mine")
    assert mailbox.collect("s", "mine") is None


@pytest.mark.parametrize(
    ("browser", "query"),
    [("", ANSWER), ("mine", {"code": "c"}), ("mine", {}), ("mine", {**ANSWER, "code": "c" * 5000})],
    ids=str,
)
def test_what_no_attempt_can_have_asked_for_is_not_kept(browser: str, query: dict[str, str]) -> None:
    mailbox = Mailbox(Clock())

    mailbox.post(browser, query)

    assert not mailbox.holds("s", browser)


def test_the_mailbox_does_not_overflow() -> None:
    mailbox = Mailbox(Clock())

    for number in range(MOST_ANSWERS + 1):
        mailbox.post("mine", {"state": f"s{number}", "code": "c"})

    assert not mailbox.holds("s0", "mine")
    assert mailbox.holds("s1", "mine")
