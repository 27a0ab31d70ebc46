"""The executor: takes a batch as far as it goes just now. Called again and again, by whoever has the turn."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from allocation.bookkeeping import Journal, Turn
from allocation.brokers import BrokerAnswerError, BrokerAuthError, BrokerUnavailableError, OrderUncertainError
from allocation.crashing import crashpoint
from allocation.errors import AllocationError
from allocation.execution.means import Means, facts_for, halted_symbols
from allocation.execution.one_order import held, interrupted, look_up, may_resend, report_of, send, skipped, took
from allocation.execution.sizing import failed_sales, fit, money_for, waiting_purchases
from allocation.gate import GateFacts, Refusal, of_line, refusals
from allocation.journal import (
    AT_BROKER,
    FOR_A_PERSON,
    Batch,
    Intent,
    Line,
    LineState,
    MovedMeanwhileError,
    unexplained,
)
from allocation.orders import OrderReport
from allocation.trade_plan import Side

# Above this many open orders one list is cheaper than asking for each.
_ONE_BY_ONE = 3
_FACTS_LAST = timedelta(seconds=15)


class Standing(StrEnum):
    """How a batch stands after a round."""

    WAITING = "waiting"  # for the broker, the market or a limit; call again
    PAUSED = "paused"  # for somebody to sign in again or let it go on
    HELD = "held"  # for somebody to decide
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Progress:
    """A batch after a round, and why it does not go on, in a sentence."""

    batch: Batch
    standing: Standing
    said: str = ""


class _PauseError(AllocationError):
    """Nothing more is sent until somebody lets the batch go on."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class _WaitError(AllocationError):
    """Nothing can be done just now."""


# What a round ends with that the next one may get past.
_WAITS = (_WaitError, BrokerUnavailableError, BrokerAnswerError, OrderUncertainError, MovedMeanwhileError)


class Executor:
    """Executes one batch while it is its account's turn. It keeps nothing that a kill may not lose."""

    def __init__(self, means: Means, turn: Turn) -> None:
        self._means = means
        self._turn = turn
        self._absent: set[str] = set()  # in doubt, and not shown by the broker in this round
        self._told_off: set[str] = set()  # in doubt, and another attempt would tell nothing: only looked up from now on
        self._facts: GateFacts | None = None
        self._differs_since: datetime | None = None

    def take_over(self, means: Means, turn: Turn) -> None:
        """Go on with another turn, and with what is known by now of a broker that is slow to show things."""
        self._means, self._turn = means, turn

    def advance(self, batch_id: str) -> Progress:
        """Take the batch as far as it goes without waiting."""
        batch = self._journal.load(batch_id)
        if batch.closed_at is not None:
            return Progress(batch, Standing.DONE)
        try:
            self._follow(batch)
            return self._go_on(self._journal.load(batch_id))
        except BrokerAuthError as error:
            return self._paused(batch, error.code, str(error))
        except _PauseError as pause:
            return self._paused(batch, pause.code, str(pause))
        except _WAITS as error:
            batch = self._journal.load(batch_id)
            return Progress(batch, Standing.DONE if batch.closed_at else Standing.WAITING, str(error))

    # ── What became of the orders that were sent ────────────────────────────────────────────────────────────────────

    def _follow(self, batch: Batch) -> None:
        """Ask the broker about every order that may exist and is not over."""
        self._absent.clear()
        sent = [
            line for line in batch.lines if line.was_sent and not line.is_final and line.state != LineState.CONFLICT
        ]
        listed = self._listed(batch, sent)
        for line in sent:
            if line.state == LineState.SUBMITTING:
                line = interrupted(self._means, batch, line)
            report = listed.get(line.order.client_id)
            if report is not None:
                took(self._means, batch, line, report)
            elif look_up(self._means, batch, line) is None and line.state in {LineState.UNKNOWN, LineState.HOLD}:
                self._absent.add(line.order.client_id)

    def _listed(self, batch: Batch, sent: list[Line]) -> dict[str, OrderReport]:
        """The broker's list of orders by our id, where many are asked about."""
        times = [line.first_sent_at for line in sent if line.first_sent_at is not None]
        if len(sent) <= _ONE_BY_ONE:
            return {}
        reports = self._means.broker.orders(batch.broker_account, min(times) - timedelta(minutes=1))
        return {report.order.client_id: report for report in reports if report.order.client_id}

    # ── What is done next ───────────────────────────────────────────────────────────────────────────────────────────

    def _go_on(self, batch: Batch) -> Progress:
        if batch.is_settled:
            return self._close(batch)
        if batch.intent == Intent.STOP:
            return self._call_back(batch)
        if batch.paused_code:
            return Progress(batch, Standing.PAUSED, batch.paused_reason)
        if conflict := next((line for line in batch.lines if line.state == LineState.CONFLICT), None):
            raise _PauseError("ORDER_CONFLICT", conflict.note)
        if batch.begun_at is None:
            self._begin(batch)
        self._send_all(batch.id, Side.SELL, batch.of_side(Side.SELL))
        batch = self._journal.load(batch.id)
        if all(line.is_final for line in batch.of_side(Side.SELL)):
            batch = self._fit_purchases(batch)
            self._send_all(batch.id, Side.BUY, batch.of_side(Side.BUY))
            batch = self._journal.load(batch.id)
        return self._close(batch) if batch.is_settled else _waiting(batch)

    def _begin(self, batch: Batch) -> None:
        """Let the batch through the gate as it was reviewed, or send nothing of it."""
        limits, facts = self._journal.limits(batch), self._fresh_facts(batch)
        found = (*self._expired(batch, facts.now), *refusals(batch, facts, limits))
        crashpoint("gate_asked")
        if found:
            reason = " ".join(dict.fromkeys(each.message for each in found[:12]))
            self._journal.refuse(batch.id, found[0].code, reason, self._now())
            raise _WaitError(reason)
        self._journal.note(batch.id, self._now(), "begun", {"begun_at": self._now()})
        crashpoint("begun")

    def _expired(self, batch: Batch, now: datetime) -> Iterable[Refusal]:
        wanted = batch.wanted_at or batch.reviewed_at
        if not timedelta(minutes=-1) <= now - wanted <= self._means.fresh_for:
            yield Refusal(
                "REVIEW_EXPIRED",
                f"The orders were confirmed at {wanted:%Y-%m-%d %H:%M} UTC, and it is {now:%Y-%m-%d %H:%M} UTC. Review the "
                "plan again.",
                f"{now:%H:%M}",
                f"{wanted + self._means.fresh_for:%H:%M}",
            )

    def _send_all(self, batch_id: str, side: Side, lines: Iterable[Line]) -> None:
        """Send what was not sent, and again what is in doubt where that is safe, one after the other."""
        for number in [line.number for line in lines]:
            batch = self._journal.load(batch_id)
            line = next(each for each in batch.lines if each.number == number)
            if line.state == LineState.UNKNOWN:
                self._clear_up(batch, line)
            elif line.state == LineState.REVIEWED:
                self._send_new(batch, line, side)

    def _clear_up(self, batch: Batch, line: Line) -> None:
        """An order in doubt that the broker does not show: sent again under its id where that is proved safe, else held."""
        if line.order.client_id not in self._absent:
            return
        if may_resend(self._means, line) and line.order.client_id not in self._told_off:
            self._require_permission(batch)
            if not send(self._means, batch, line).worth_repeating:
                self._told_off.add(line.order.client_id)
            return
        since = self._now() - (line.sent_at or self._now())
        if since > self._means.settle:
            held(
                self._means,
                batch,
                line,
                f"{self._means.broker.name} did not say whether it took the order, and does not show it. It is not sent "
                "again by itself: look at the broker's own list of orders.",
            )

    def _send_new(self, batch: Batch, line: Line, side: Side) -> None:
        self._require_permission(batch)
        limits, facts = self._journal.limits(batch), self._recent_facts(batch)
        found = list(of_line(line, facts, limits))
        if found:
            held(self._means, batch, line, " ".join(each.message for each in found))
            return
        affordable = line if side == Side.SELL else self._afforded(batch, line, facts)
        if affordable is not None and not send(self._means, batch, affordable).worth_repeating:
            self._told_off.add(line.order.client_id)

    def _afforded(self, batch: Batch, line: Line, facts: GateFacts) -> Line | None:
        """The purchase as far as the money goes that is left now; None when that is nothing."""
        money = batch.money_left - batch.keep
        if money_for(line, facts.quotes) <= money:
            return line
        step_price = money_for(line, facts.quotes, line.increment) - line.cost
        steps = max(0, int((money - line.cost) / step_price))
        fitted = self._journal.fit(batch.id, {line.number: steps * line.increment}, self._now(), _LESS_CAME_IN)
        smaller = next(each for each in fitted.lines if each.number == line.number)
        return smaller if smaller.state == LineState.REVIEWED else None

    def _fit_purchases(self, batch: Batch) -> Batch:
        """Size the purchases to the cash that the sales brought."""
        if not waiting_purchases(batch):
            return batch
        fitted = fit(batch, self._recent_facts(batch).quotes)
        crashpoint("before_sizing")
        if fitted.quantities:
            batch = self._journal.fit(batch.id, fitted.quantities, self._now(), _LESS_CAME_IN)
        missing = ", ".join(line.order.symbol for line in failed_sales(batch))
        for line in batch.lines:
            if line.number in fitted.held:
                held(self._means, batch, line, f"The sale of {missing} did not bring the money for it.")
        crashpoint("sized")
        return self._journal.load(batch.id)

    def _require_permission(self, batch: Batch) -> None:
        """Asked before every single order: may anything be sent at all?"""
        fresh = self._journal.load(batch.id)
        if fresh.intent != Intent.EXECUTE or fresh.paused_code:
            raise _WaitError("The batch was stopped.")
        if reason := self._journal.stopped(batch):
            raise _PauseError("KILL_SWITCH", f"Orders of this account are stopped: {reason}")
        if not self._turn.lasts():
            raise _WaitError("Another executor has this account's turn.")
        limits, now = self._journal.limits(batch), self._now()
        sent = self._journal.sent_since(batch, now - timedelta(minutes=1))
        if len(sent) >= limits.orders_per_minute:
            raise _WaitError(f"{len(sent)} orders were sent in this minute; {limits.orders_per_minute} are allowed.")

    # ── The end ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _call_back(self, batch: Batch) -> Progress:
        """Send nothing more, and ask for what is open to be cancelled."""
        for line in batch.lines:
            if not line.was_sent and line.state in {LineState.REVIEWED, LineState.HOLD}:
                skipped(self._means, batch, line, "Called back before it was sent.")
            elif line.state in AT_BROKER:
                self._cancel(batch, line)
            elif line.state == LineState.UNKNOWN:
                self._give_up(batch, line)
        self._follow(self._journal.load(batch.id))
        batch = self._journal.load(batch.id)
        return self._close(batch) if batch.is_settled else _waiting(batch)

    def _cancel(self, batch: Batch, line: Line) -> None:
        report = report_of(self._means, line)
        if report is None:
            return
        if not report.status.is_final:
            crashpoint("before_cancel")
            self._means.broker.cancel(report)
            crashpoint("cancelled")

    def _give_up(self, batch: Batch, line: Line) -> None:
        since = self._now() - (line.sent_at or self._now())
        if line.order.client_id in self._absent and since > self._means.settle:
            held(self._means, batch, line, f"{self._means.broker.name} does not show the order; look at its own list.")

    def _close(self, batch: Batch) -> Progress:
        """Compare what is held with what the fills explain, and close the batch; a difference is kept, never repaired."""
        crashpoint("closing")
        held_now = self._means.broker.snapshot(batch.broker_account).portfolio.quantities
        apart = unexplained(batch.expected_holdings, held_now)
        if apart:
            self._differs_since = self._differs_since or self._now()
            if self._now() - self._differs_since <= self._means.settle:
                return Progress(batch, Standing.WAITING, "The broker's holdings do not show the fills yet.")
        changes = {"closed_at": self._now(), "differences": apart}
        closed = self._journal.note(batch.id, self._now(), "closed", changes, differences=apart)
        crashpoint("closed")
        return Progress(closed, Standing.DONE)

    def _paused(self, batch: Batch, code: str, reason: str) -> Progress:
        current = self._journal.load(batch.id)
        if (current.paused_code, current.paused_reason) != (code, reason) and current.closed_at is None:
            changes = {"paused_code": code, "paused_reason": reason}
            current = self._journal.note(batch.id, self._now(), "paused", changes, code=code, reason=reason)
        return Progress(current, Standing.PAUSED, reason)

    def _fresh_facts(self, batch: Batch) -> GateFacts:
        self._facts = facts_for(self._means, batch, self._journal.limits(batch))
        return self._facts

    def _recent_facts(self, batch: Batch) -> GateFacts:
        """What was known seconds ago, or anew; whether the account is stopped is asked every time."""
        facts, now = self._facts, self._now()
        if facts is None or not timedelta(0) <= now - facts.now < _FACTS_LAST:
            return self._fresh_facts(batch)
        halted = halted_symbols(self._means, batch, self._journal.limits(batch), now)
        return replace(facts, now=now, halted=halted)

    @property
    def _journal(self) -> Journal:
        return self._means.journal

    @property
    def _now(self) -> Callable[[], datetime]:
        return self._means.now


_LESS_CAME_IN = "Made smaller: less cash came in, or prices rose."


def _waiting(batch: Batch) -> Progress:
    for_a_person = [line for line in batch.lines if line.state in FOR_A_PERSON]
    under_way = [line for line in batch.lines if not line.is_final and line not in for_a_person]
    if for_a_person and not any(line.was_sent for line in under_way):
        return Progress(batch, Standing.HELD, for_a_person[0].note)
    return Progress(batch, Standing.WAITING)
