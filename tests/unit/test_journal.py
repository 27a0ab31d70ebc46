"""The states of a line: every step that there is, and what a broker's report does to it."""

from dataclasses import replace
from decimal import Decimal
from itertools import product

import pytest

from allocation.journal import (
    FINAL,
    NEXT,
    Decision,
    JournalError,
    Line,
    LineState,
    batch_id_of,
    decided,
    sending,
    step,
    told,
    unexplained,
)
from allocation.orders import OrderStatus
from tests.order_builders import NOW, D, a_batch, a_line, a_report


@pytest.mark.parametrize(("state", "to"), list(product(LineState, LineState)))
def test_a_line_takes_the_steps_there_are_and_no_others(state: LineState, to: LineState) -> None:
    line = a_line(state=state)

    if to in NEXT[state] or (state == to and state in {LineState.ACCEPTED, LineState.PARTIAL}):
        assert step(line, to) == replace(line, state=to, revision=1)
    else:
        with pytest.raises(JournalError, match="cannot become"):
            step(line, to)


def test_what_is_final_stays() -> None:
    assert {
        LineState.FILLED,
        LineState.CANCELLED,
        LineState.REFUSED,
        LineState.SKIPPED,
        LineState.SETTLED,
    } == FINAL


def test_only_what_was_reviewed_or_is_in_doubt_is_ever_sent() -> None:
    assert {state for state, following in NEXT.items() if LineState.SUBMITTING in following} == {
        LineState.REVIEWED,
        LineState.UNKNOWN,
    }


def test_the_first_attempt_is_remembered_through_the_later_ones() -> None:
    first = sending(a_line(), NOW)

    again = sending(step(first, LineState.UNKNOWN), NOW.replace(hour=16))

    assert (again.first_sent_at, again.sent_at, again.attempts) == (NOW, NOW.replace(hour=16), 2)


@pytest.mark.parametrize(
    ("status", "filled", "state"),
    [
        (OrderStatus.OPEN, 0, LineState.ACCEPTED),
        (OrderStatus.OPEN, 4, LineState.PARTIAL),
        (OrderStatus.PARTIALLY_FILLED, 4, LineState.PARTIAL),
        (OrderStatus.FILLED, 10, LineState.FILLED),
        (OrderStatus.FILLED, 9, LineState.PARTIAL),  # a word that its own number contradicts: still open
        (OrderStatus.CANCELLED, 4, LineState.CANCELLED),
        (OrderStatus.EXPIRED, 0, LineState.CANCELLED),
        (OrderStatus.REJECTED, 0, LineState.REFUSED),
        (OrderStatus.REJECTED, 1, LineState.CANCELLED),
    ],
)
@pytest.mark.parametrize("before", [LineState.SUBMITTING, LineState.UNKNOWN, LineState.ACCEPTED, LineState.HOLD])
def test_a_report_with_the_same_terms_says_what_became_of_it(
    before: LineState, status: OrderStatus, filled: int, state: LineState
) -> None:
    line = a_line(state=before)

    after = told(line, a_report(line, status, filled))

    assert (after.state, after.filled) == (state, filled)


def test_an_order_with_other_terms_under_the_same_id_is_a_conflict() -> None:
    line = sending(a_line(quantity=10), NOW)
    other = replace(line.order, quantity=D(11))

    after = told(line, a_report(line, order=other))

    assert after.state == LineState.CONFLICT
    assert "buy 11 VTI in b1 instead of buy 10 VTI" in after.note


@pytest.mark.parametrize(
    ("line", "filled", "price", "said"),
    [
        (a_line(quantity=10), 11, 100, "filled 11 units of VTI, and 10 were asked for"),
        (a_line(limit=100), 10, "100.01", "at 100.01, beyond the limit of 100"),
        (a_line(side="sell", limit=100), 10, "99.99", "at 99.99, beyond the limit of 100"),
    ],
)
def test_a_fill_that_cannot_be_is_a_conflict_and_no_booking(line: Line, filled: int, price: object, said: str) -> None:
    sent = sending(line, NOW)

    after = told(sent, a_report(sent, OrderStatus.FILLED, filled, price=price))

    assert after.state == LineState.CONFLICT
    assert said in after.note
    assert after.filled == 0


def test_an_older_report_takes_back_nothing() -> None:
    line = told(sending(a_line(), NOW), a_report(a_line(), OrderStatus.PARTIALLY_FILLED, 6))

    assert told(line, a_report(line, OrderStatus.OPEN, 0)) is line
    assert told(line, a_report(line, OrderStatus.PARTIALLY_FILLED, 4)) is line


def test_the_same_report_twice_is_one_step() -> None:
    line = told(sending(a_line(), NOW), a_report(a_line()))

    assert told(line, a_report(line)) is line


def test_a_person_decides_only_about_what_waits_for_them() -> None:
    held_before = a_line(state=LineState.HOLD)
    held_after = replace(held_before, first_sent_at=NOW)

    assert held_before.decisions == (Decision.SEND, Decision.SKIP)
    assert held_after.decisions == (Decision.LOOK_AGAIN, Decision.SETTLE)
    assert decided(held_before, Decision.SEND, "ann").state == LineState.REVIEWED
    assert decided(held_after, Decision.SETTLE, "ann").state == LineState.SETTLED
    with pytest.raises(JournalError, match="waits for no such decision"):
        decided(held_after, Decision.SEND, "ann")


def test_the_money_left_is_what_came_in_less_what_went_and_may_still_go() -> None:
    sold = a_line(1, "sell", 5, state=LineState.FILLED, first_sent_at=NOW, filled=D(5), average_price=D(99), fees=D(1))
    bought = a_line(
        2, "buy", 8, "BND", state=LineState.PARTIAL, first_sent_at=NOW, filled=D(3), average_price=D(101), fees=D(2)
    )
    waiting = a_line(3, "buy", 4, "TIP")

    batch = a_batch(sold, bought, waiting, cash=1000)

    assert batch.money_left == 1000 + (5 * 99 - 1) - (3 * 101 + 2) - 5 * 100


def test_holdings_after_the_fills_are_expected_and_what_differs_is_named() -> None:
    sold = a_line(1, "sell", 10, state=LineState.FILLED, filled=D(10), average_price=D(99))
    bought = a_line(2, "buy", 8, "BND", state=LineState.CANCELLED, filled=D(3), average_price=D(101))
    batch = a_batch(sold, bought, holdings={"VTI": 10, "TIP": 2})

    assert batch.expected_holdings == {"BND": 3, "TIP": 2}
    assert unexplained(batch.expected_holdings, {"BND": D(3), "AAPL": D(1)}) == {"AAPL": 1, "TIP": -2}


def test_slippage_is_what_a_unit_was_worse_than_reviewed() -> None:
    assert a_line(side="buy", average_price=D("100.5")).slippage == Decimal("0.5")
    assert a_line(side="sell", average_price=D("100.5")).slippage == Decimal("-0.5")


def test_the_same_plan_at_the_same_place_is_the_same_batch() -> None:
    assert batch_id_of("main", "plan", "") == batch_id_of("main", "plan", "")
    assert batch_id_of("main", "plan", "") != batch_id_of("main", "plan", "earlier")
