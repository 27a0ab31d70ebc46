"""One order on its way: written down before it leaves, sent once, and looked up whenever the answer is not certain."""

from dataclasses import dataclass
from datetime import timedelta

from allocation import brokers
from allocation.brokers import (
    BrokerAnswerError,
    BrokerAuthError,
    BrokerUnavailableError,
    OrderKnownError,
    OrderRefusedError,
    OrderUncertainError,
)
from allocation.crashing import crashpoint
from allocation.execution.means import Means
from allocation.journal import Batch, Line, LineState, sending, step, told
from allocation.orders import OrderReport

# Alpaca, Stripe and others keep ids for ever or for a day; nothing is sent again beyond the shortest of them.
RESEND_WITHIN = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Sent:
    """A line after an attempt. Where the broker knows the id, or refuses what may be there, another would tell nothing."""

    line: Line
    worth_repeating: bool = True


def send(means: Means, batch: Batch, line: Line) -> Sent:
    """Send the order, once, and write down what is certain.

    A line that was in doubt is sent under the same id; a refusal then says nothing about the attempt before it.

    Raises:
        BrokerAuthError: not placed, or as much in doubt as before; sign in again.
    """
    in_doubt = line.state == LineState.UNKNOWN
    preview = means.broker.preview(line.order)
    crashpoint("before_submitting")
    now = means.now()
    sent = means.journal.write(line, sending(line, now), batch.id, now)
    crashpoint("submitting_written")
    try:
        report = means.broker.place(sent.order, preview)
    except OrderRefusedError as refused:
        crashpoint("refusal_received")
        return Sent(_refused(means, batch, sent, str(refused), in_doubt=in_doubt), worth_repeating=False)
    except BrokerAuthError as refused:
        _not_let_in(means, batch, sent, str(refused), in_doubt=in_doubt)
        raise
    except (OrderKnownError, OrderUncertainError, BrokerUnavailableError, BrokerAnswerError) as unclear:
        crashpoint("doubt_received")
        in_doubt_now = _moved(means, batch, sent, step(sent, LineState.UNKNOWN, note=str(unclear)))
        return Sent(in_doubt_now, worth_repeating=not isinstance(unclear, OrderKnownError))
    crashpoint("answer_received")
    return Sent(took(means, batch, sent, report))


def look_up(means: Means, batch: Batch, line: Line) -> Line | None:
    """The line with what the broker says of its order; None when the broker does not know it now.

    An order in doubt that several of the broker's look like is left to a person.
    """
    try:
        report = report_of(means, line)
    except OrderUncertainError as several:
        if line.state != LineState.UNKNOWN:
            raise
        return held(means, batch, line, str(several))
    crashpoint("looked_up")
    return None if report is None else took(means, batch, line, report)


def report_of(means: Means, line: Line) -> OrderReport | None:
    """What the broker says of an order that was sent: by its client id, or as brokers are asked that name none."""
    sent_at = line.sent_at or line.first_sent_at or means.now()
    return brokers.look_up(means.broker, line.order, sent_at, line.broker_id)


def took(means: Means, batch: Batch, line: Line, report: OrderReport) -> Line:
    """Write down what the broker reports; a fill that cannot be stops the account."""
    after = told(line, report)
    if after is line:
        return line
    written = _moved(means, batch, line, after)
    crashpoint("answer_written")
    if after.state == LineState.CONFLICT and report.same_terms(line.order):
        means.journal.freeze(batch, after.note, means.now())
    return written


def interrupted(means: Means, batch: Batch, line: Line) -> Line:
    """A line that was being sent when its executor went away: it may exist."""
    return _moved(means, batch, line, step(line, LineState.UNKNOWN, note="Sending was interrupted; looking it up."))


def held(means: Means, batch: Batch, line: Line, reason: str) -> Line:
    """Leave the line to a person."""
    return _moved(means, batch, line, step(line, LineState.HOLD, note=reason))


def skipped(means: Means, batch: Batch, line: Line, reason: str) -> Line:
    """Never send the line."""
    return _moved(means, batch, line, step(line, LineState.SKIPPED, note=reason))


def may_resend(means: Means, line: Line) -> bool:
    """Whether an order in doubt that the broker does not show may be sent again, under the same id."""
    if not means.broker.unique_client_ids or line.first_sent_at is None:
        return False
    age = means.now() - line.first_sent_at
    # A clock that went back proves nothing about the order's age.
    return timedelta(0) <= age < RESEND_WITHIN


def _refused(means: Means, batch: Batch, line: Line, reason: str, *, in_doubt: bool) -> Line:
    state = LineState.UNKNOWN if in_doubt else LineState.REFUSED
    written = _moved(means, batch, line, step(line, state, note=reason))
    crashpoint("refusal_written")
    return written


def _not_let_in(means: Means, batch: Batch, line: Line, reason: str, *, in_doubt: bool) -> None:
    """What was not let in was not placed; what was in doubt before still is."""
    if in_doubt:
        _moved(means, batch, line, step(line, LineState.UNKNOWN, note=reason))
    else:
        back = step(line, LineState.REVIEWED, note=reason, first_sent_at=None, sent_at=None)
        _moved(means, batch, line, back)


def _moved(means: Means, batch: Batch, before: Line, after: Line) -> Line:
    return means.journal.write(before, after, batch.id, means.now())
