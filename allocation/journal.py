"""The journal of orders: a reviewed batch, its lines, and the states a line may go through. Values and rules only."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from allocation.errors import AllocationError
from allocation.orders import Order, OrderReport, OrderStatus, OrderType
from allocation.trade_plan import Side

NOTHING = Decimal(0)


class LineState(StrEnum):
    """Where a line stands.

    REVIEWED was confirmed and not sent yet. SUBMITTING is written down before the first byte leaves. UNKNOWN may or may not
    exist at the broker. HOLD and CONFLICT wait for a person. SKIPPED was never sent, and SETTLED was closed by a person.
    """

    REVIEWED = "reviewed"
    SUBMITTING = "submitting"
    UNKNOWN = "unknown"
    ACCEPTED = "accepted"
    PARTIAL = "partial"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    HOLD = "hold"
    CONFLICT = "conflict"
    SKIPPED = "skipped"
    SETTLED = "settled"


_FOUND = frozenset(
    {
        LineState.ACCEPTED,
        LineState.PARTIAL,
        LineState.FILLED,
        LineState.CANCELLED,
        LineState.REFUSED,
        LineState.CONFLICT,
    }
)
# Every step there is. What a broker says again, with more in it, is no step: open states may be told twice.
NEXT: Mapping[LineState, frozenset[LineState]] = MappingProxyType(
    {
        LineState.REVIEWED: frozenset({LineState.SUBMITTING, LineState.HOLD, LineState.SKIPPED}),
        # Back to REVIEWED only where the broker said for certain that nothing was placed and why it will be later.
        LineState.SUBMITTING: _FOUND | {LineState.UNKNOWN, LineState.REVIEWED},
        LineState.UNKNOWN: _FOUND | {LineState.SUBMITTING, LineState.HOLD},
        LineState.ACCEPTED: _FOUND,
        LineState.PARTIAL: _FOUND - {LineState.ACCEPTED, LineState.REFUSED},
        LineState.HOLD: _FOUND | {LineState.REVIEWED, LineState.SKIPPED, LineState.SETTLED},
        LineState.CONFLICT: frozenset({LineState.SETTLED}),
        LineState.FILLED: frozenset(),
        LineState.CANCELLED: frozenset(),
        LineState.REFUSED: frozenset(),
        LineState.SKIPPED: frozenset(),
        LineState.SETTLED: frozenset(),
    }
)
FINAL = frozenset(state for state, following in NEXT.items() if not following)
AT_BROKER = frozenset({LineState.ACCEPTED, LineState.PARTIAL})  # may still be filled
IN_DOUBT = frozenset({LineState.SUBMITTING, LineState.UNKNOWN})  # may exist without our knowing
FOR_A_PERSON = frozenset({LineState.HOLD, LineState.CONFLICT})


class Intent(StrEnum):
    """What whoever confirmed the batch wants of it."""

    WAIT = "wait"
    EXECUTE = "execute"
    STOP = "stop"  # send nothing more, cancel what is open, follow what was sent


class Decision(StrEnum):
    """What a person may decide about a line that waits for them."""

    SEND = "send"  # a line that was held back before it was sent
    SKIP = "skip"  # the same, never to be sent
    LOOK_AGAIN = "look_again"  # ask the broker once more
    SETTLE = "settle"  # seen to at the broker; nothing more is done with it here


@dataclass(frozen=True, slots=True)
class Line:
    """One order of a batch and what became of it.

    Attributes:
        order: what is sent, or was; a purchase may be made smaller before it is sent, never afterwards.
        reviewed_quantity: units as they were confirmed.
        increment: the smallest step of the quantity.
        price: money for one unit at the review, in the order's currency.
        rate: money of the account for one of the order's currency, at the review.
        revision: counts the changes; a change names the revision it was made from.
        attempts: how often it was sent; above one only where the broker proves unique ids.
        first_sent_at: when the first attempt was written down.
        filled, average_price, fees: as the broker reports them.
        note: why it stands where it stands, in a sentence.
    """

    number: int
    order: Order
    reviewed_quantity: Decimal
    increment: Decimal
    price: Decimal
    rate: Decimal = Decimal(1)
    cost: Decimal = NOTHING
    tax: Decimal = NOTHING
    state: LineState = LineState.REVIEWED
    revision: int = 0
    attempts: int = 0
    first_sent_at: datetime | None = None
    sent_at: datetime | None = None
    broker_id: str = ""
    broker_status: str = ""
    filled: Decimal = NOTHING
    average_price: Decimal | None = None
    fees: Decimal | None = None
    note: str = ""

    @property
    def is_final(self) -> bool:
        """Whether nothing more can come of it."""
        return self.state in FINAL

    @property
    def was_sent(self) -> bool:
        """Whether it may exist at the broker."""
        return self.first_sent_at is not None

    @property
    def remaining(self) -> Decimal:
        """Units that may still be filled."""
        return NOTHING if self.is_final else self.order.quantity - self.filled

    @property
    def fill_value(self) -> Decimal:
        """Money for the units filled, without fees, in the order's currency."""
        return self.filled * self.average_price if self.average_price is not None else NOTHING

    @property
    def slippage(self) -> Decimal | None:
        """How much worse a unit was filled than it was reviewed, in money; below zero is better. None before a fill."""
        if self.average_price is None:
            return None
        worse = self.average_price - self.price
        return worse if self.order.side == Side.BUY else worse.copy_negate()

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """What a person may decide about it now."""
        if self.state == LineState.CONFLICT:
            return (Decision.SETTLE,)
        if self.state != LineState.HOLD:
            return ()
        return (Decision.LOOK_AGAIN, Decision.SETTLE) if self.was_sent else (Decision.SEND, Decision.SKIP)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one confirmation asked for, all of it.

    Attributes:
        owner_id, account_id: whose account it is, and which of theirs.
        link: which connection to which broker, as the composition root knows it.
        broker_account: the broker's own id of the account.
        follows: the account's batch before this one; two batches cannot follow the same.
        reviewed_at, reviewed_by: when and by whom the plan was seen and confirmed.
        cash: money of the account at the review, in `currency`; `keep` of it is not for purchases.
        holdings: units by symbol at the review.
        record: what the plan was calculated from and what came out, as JSON; empty where nobody kept it.
        wanted_at: when somebody last said that it is to be executed or stopped.
        large_turnover: whether a turnover above the limit was confirmed by hand.
        paused_code, paused_reason: why nothing is sent just now; empty while it goes on.
        sized_at: when the purchases were fitted to the cash that came in.
        closed_at: when everything was final and compared with the broker.
        differences: what the broker held then that the fills do not explain, by symbol.
    """

    id: str
    owner_id: str
    account_id: str
    link: str
    broker_account: str
    currency: str
    live: bool
    plan_id: str
    follows: str
    reviewed_at: datetime
    reviewed_by: str
    cash: Decimal
    holdings: Mapping[str, Decimal]
    lines: tuple[Line, ...]
    keep: Decimal = NOTHING
    record: str = field(default="", repr=False)
    large_turnover: bool = False
    intent: Intent = Intent.WAIT
    wanted_at: datetime | None = None
    paused_code: str = ""
    paused_reason: str = ""
    begun_at: datetime | None = None
    sized_at: datetime | None = None
    closed_at: datetime | None = None
    differences: Mapping[str, Decimal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "holdings", MappingProxyType(dict(self.holdings)))
        object.__setattr__(self, "differences", MappingProxyType(dict(self.differences)))

    def of_side(self, side: Side) -> tuple[Line, ...]:
        """The sales or the purchases."""
        return tuple(line for line in self.lines if line.order.side == side)

    @property
    def is_settled(self) -> bool:
        """Whether every line is final."""
        return all(line.is_final for line in self.lines)

    @property
    def money_left(self) -> Decimal:
        """Cash at the review, what the sales brought, less what the purchases took and may still take, and all fees."""
        return self.cash + sum((_money_of(line) for line in self.lines), NOTHING)

    @property
    def expected_holdings(self) -> dict[str, Decimal]:
        """Units by symbol after the fills, if nobody else traded in the account."""
        held = dict(self.holdings)
        for line in self.lines:
            signed = line.filled if line.order.side == Side.BUY else line.filled.copy_negate()
            held[line.order.symbol] = held.get(line.order.symbol, NOTHING) + signed
        return {symbol: quantity for symbol, quantity in held.items() if quantity}


@dataclass(frozen=True, slots=True)
class Event:
    """One line of what happened to a batch; written once, never changed."""

    number: int
    at: datetime
    what: str
    line: int | None = None
    by: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


class JournalError(AllocationError):
    """A step the journal does not have: nothing was written."""

    code = "journal_refused"


class MovedMeanwhileError(JournalError):
    """Somebody else changed the line between reading and writing; read it again."""

    code = "moved_meanwhile"


class BatchOvertakenError(JournalError):
    """The account's orders are not where they were at the review."""

    code = "REVIEW_EXPIRED"


def batch_id_of(account: str, plan_id: str, follows: str) -> str:
    """The same for every confirmation of the same plan at the same place in the account's history: two tabs, one batch."""
    return hashlib.sha256(f"{account}\x00{plan_id}\x00{follows}".encode()).hexdigest()[:32]


def step(line: Line, to: LineState, **changes: Any) -> Line:
    """The line one step further.

    Raises:
        JournalError: there is no such step.
    """
    told_again = to == line.state and to in AT_BROKER
    if to not in NEXT[line.state] and not told_again:
        raise JournalError(
            f"Line {line.number} ({line.order.symbol}) is {line.state.value} and cannot become {to.value}.",
            (line.order.symbol,),
        )
    return replace(line, **{"state": to, "revision": line.revision + 1, **changes})


def sending(line: Line, now: datetime) -> Line:
    """The line as it must be written down before the order leaves."""
    first = line.first_sent_at or now
    return step(line, LineState.SUBMITTING, attempts=line.attempts + 1, first_sent_at=first, sent_at=now, note="")


def told(line: Line, report: OrderReport) -> Line:
    """The line with what the broker reports of it. A report older than what is known changes nothing."""
    if fault := fault_in(line, report):
        return step(
            line, LineState.CONFLICT, note=fault, broker_id=report.broker_id, broker_status=report.broker_status
        )
    if report.filled < line.filled:
        return line
    state = _state_of(report)
    if line.state == LineState.PARTIAL and state == LineState.ACCEPTED:
        return line
    known: dict[str, Any] = {
        "broker_id": report.broker_id,
        "broker_status": report.broker_status,
        "filled": report.filled,
        "average_price": report.average_price,
        "fees": report.fees,
        "note": report.reason,
    }
    if state == line.state and all(getattr(line, name) == value for name, value in known.items()):
        return line
    return step(line, state, **known)


def fault_in(line: Line, report: OrderReport) -> str:
    """Why the report cannot be of this order: other terms, more filled than asked for, beyond the limit; else empty."""
    order, filled = line.order, report.filled
    if not report.same_terms(order):
        return f"The broker has other terms under {order.client_id}: {_terms(report.order)} instead of {_terms(order)}."
    if filled > order.quantity:
        return f"The broker filled {filled:f} units of {order.symbol}, and {order.quantity:f} were asked for."
    price = report.average_price
    if filled and (price is None or not price.is_finite() or price <= 0):
        return f"The broker filled {filled:f} units of {order.symbol} at the price {price}."
    if order.limit is not None and price is not None and filled and _is_beyond(order, price):
        return f"The broker filled {order.symbol} at {price:f}, beyond the limit of {order.limit:f}."
    return ""


def decided(line: Line, decision: Decision, by: str) -> Line:
    """The line after a person's decision.

    Raises:
        JournalError: the line does not wait for such a decision.
    """
    if decision not in line.decisions:
        raise JournalError(
            f"Line {line.number} ({line.order.symbol}) is {line.state.value} and waits for no such decision. "
            "Look at it again.",
            (line.order.symbol,),
        )
    state = {
        Decision.SEND: LineState.REVIEWED,
        Decision.SKIP: LineState.SKIPPED,
        Decision.SETTLE: LineState.SETTLED,
        Decision.LOOK_AGAIN: LineState.HOLD,
    }[decision]
    if decision == Decision.LOOK_AGAIN:  # every round of the executor looks; this one is only written down
        return replace(line, revision=line.revision + 1)
    return step(line, state, note=f"{line.note} Decided by {by}: {decision.value}.".strip())


def unexplained(expected: Mapping[str, Decimal], held: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Units the broker has beyond what is expected, by symbol; below zero where it has fewer."""
    apart = {symbol: held.get(symbol, NOTHING) - expected.get(symbol, NOTHING) for symbol in sorted({*expected, *held})}
    return {symbol: units for symbol, units in apart.items() if units}


def client_ids(lines: Iterable[Line]) -> frozenset[str]:
    """The ids under which the lines are known to a broker."""
    return frozenset(line.order.client_id for line in lines)


def _money_of(line: Line) -> Decimal:
    """What a line did to the cash and may still take of it."""
    fees = line.fees or NOTHING
    if line.order.side == Side.SELL:
        return (line.fill_value - fees) * line.rate
    open_value = line.remaining * (line.order.limit or line.price) if line.was_sent else NOTHING
    return -(line.fill_value + fees + open_value) * line.rate


def _state_of(report: OrderReport) -> LineState:
    if report.status == OrderStatus.FILLED and report.filled == report.order.quantity:
        return LineState.FILLED
    if report.status in {OrderStatus.CANCELLED, OrderStatus.EXPIRED}:
        return LineState.CANCELLED
    if report.status == OrderStatus.REJECTED:
        return LineState.CANCELLED if report.filled else LineState.REFUSED
    return LineState.PARTIAL if report.filled else LineState.ACCEPTED


def _is_beyond(order: Order, price: Decimal) -> bool:
    limit = order.limit if order.limit is not None else price
    return price > limit if order.side == Side.BUY else price < limit


def _terms(order: Order) -> str:
    at = f" at {order.limit:f}" if order.type == OrderType.LIMIT and order.limit is not None else ""
    return f"{order.side.value} {order.quantity:f} {order.symbol}{at} in {order.account}"
