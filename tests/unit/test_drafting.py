"""Drafts outlive the page: kept without making anybody wait, and the last one wins."""

import threading
import time
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from allocation.choices import Choices, Mode
from allocation.desk import Draft
from allocation.drafting import DraftKeeper, Kept, read, written
from allocation.errors import StoreUnavailableError

SIXTY = Kept(Draft({"VTI": Decimal("60")}, frozenset({"BND"}), ("VXUS",)))


class SlowDrafts:
    """Takes its time for every write, and can be full."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds, self.kept, self.writes, self.full = seconds, dict[tuple[str, str], str](), 0, False
        self.at_it = threading.Event()

    def load(self, user_id: str, account_id: str) -> str | None:
        return self.kept.get((user_id, account_id))

    def save(self, user_id: str, account_id: str, content: str, now: datetime) -> None:
        self.at_it.set()
        time.sleep(self.seconds)
        self.writes += 1
        if self.full:
            raise StoreUnavailableError("no room")
        self.kept[user_id, account_id] = content

    def drop(self, user_id: str, account_id: str) -> None:
        self.writes += 1
        self.kept.pop((user_id, account_id), None)


def percents(value: int) -> Kept:
    return Kept(Draft({"VTI": Decimal(value)}))


@settings(deadline=None)
@given(
    percents=some.dictionaries(some.text(max_size=5), some.decimals(0, 100, places=3, allow_nan=False), max_size=5),
    locked=some.frozensets(some.text(max_size=5), max_size=3),
    extra=some.lists(some.text(max_size=5), max_size=3),
)
def test_a_draft_is_read_as_it_was_written(
    percents: dict[str, Decimal], locked: frozenset[str], extra: list[str]
) -> None:
    kept = Kept(Draft(percents, locked, tuple(extra)), Choices(Mode.INVEST, Decimal(1000)), "8 VTI")

    assert read(written(kept)) == kept


def test_rules_without_a_draft_are_kept_as_well() -> None:
    kept = Kept(None, Choices(Mode.SELL_ONLY))

    assert read(written(kept)) == kept


@pytest.mark.parametrize(
    "content",
    ["", "{}", "[]", "null", '{"percents": {"VTI": "much"}}', '{"percents": 7}', '{"rules": [1]}', "\x00"],
)
def test_what_cannot_be_read_says_nothing(content: str) -> None:
    assert not read(content).says_something


def test_a_draft_of_before_rules_were_kept_is_read() -> None:
    content = '{"percents": {"VTI": "60"}, "locked": ["BND"], "extra": ["VXUS"]}'

    assert read(content) == SIXTY


def test_an_edit_never_waits_for_a_write_and_the_last_one_stays() -> None:
    store = SlowDrafts(seconds=0.5)
    keeper = DraftKeeper(store)

    began = time.perf_counter()
    for value in range(50):
        keeper.keep("ann", "ira", percents(value))
    took = time.perf_counter() - began

    assert took < store.seconds
    assert keeper.find("ann", "ira") == percents(49)
    assert keeper.settle()
    assert DraftKeeper(store).find("ann", "ira") == percents(49)
    assert store.writes <= 3


def test_a_draft_is_its_users_and_its_accounts_alone() -> None:
    store = SlowDrafts()
    keeper = DraftKeeper(store)
    keeper.keep("ann", "ira", SIXTY)

    assert keeper.find("bob", "ira") == Kept()
    assert keeper.find("ann", "401k") == Kept()


def test_the_same_draft_is_written_once_and_a_dropped_one_is_gone() -> None:
    store = SlowDrafts()
    keeper = DraftKeeper(store)
    assert keeper.find("ann", "ira") == Kept()
    keeper.keep("ann", "ira", Kept())  # nothing there, nothing to do
    for _ in range(3):
        keeper.keep("ann", "ira", SIXTY)
        keeper.settle()
    assert store.writes == 1

    keeper.keep("ann", "ira", Kept())
    keeper.settle()

    assert store.kept == {}
    assert keeper.find("ann", "ira") == Kept()


def test_a_write_that_failed_is_tried_again_with_the_next_run() -> None:
    store = SlowDrafts()
    keeper, store.full = DraftKeeper(store), True
    keeper.keep("ann", "ira", SIXTY)
    keeper.settle()
    store.full = False

    keeper.keep("ann", "ira", SIXTY)
    keeper.settle()

    assert keeper.find("ann", "ira") == SIXTY
