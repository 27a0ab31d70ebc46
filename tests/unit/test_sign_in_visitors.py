"""Demos: who is let in, and for how long."""

from datetime import UTC, datetime, timedelta
from typing import cast

from allocation.market import Market
from allocation.ports import Store, User
from allocation.sign_in.demos import KEPT_FOR, MOST_VISITS, Demos

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


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
