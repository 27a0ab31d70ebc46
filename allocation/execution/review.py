"""A batch before anybody confirms it: its orders, the cash at each step, and every reason why it could not be sent."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from time import monotonic
from typing import Final

from allocation.brokers import BrokerAnswerError, BrokerUnavailableError, OrderRefusedError
from allocation.execution.means import Means, facts_for
from allocation.gate import Refusal, refusals
from allocation.journal import Batch
from allocation.limits import Limits
from allocation.order_draft import Place, Terms, draft_batch
from allocation.trade_plan import Side, TradePlan

GOOD_FOR: Final = timedelta(minutes=5)
QUOTES_GOOD_FOR: Final = timedelta(seconds=30)
_PATIENCE: Final = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class CashSteps:
    """The account's cash now, after the sales and after the purchases, at the reviewed prices, costs paid."""

    now: Decimal
    after_sales: Decimal
    after_purchases: Decimal


@dataclass(frozen=True, slots=True)
class Review:
    """What is shown for confirmation.

    Attributes:
        plan: the plan the orders execute; `before` is the one that was on the desk when the review was asked for.
        refusals: why the gate would not let it pass as it is.
        fees: what the broker itself says the orders would cost, as far as it says; None where it has no preview.
        large_turnover: whether it turns over more than the limit, which a person may confirm by hand.
    """

    batch: Batch
    plan: TradePlan
    before: TradePlan | None
    refusals: tuple[Refusal, ...]
    large_turnover: Refusal | None
    limits: Limits
    at: datetime
    fees: Decimal | None = None

    @property
    def cash(self) -> CashSteps:
        """The cash at each step."""
        sold, bought = (
            sum((line.order.quantity * line.price * line.rate for line in self.batch.of_side(side)), Decimal(0))
            for side in (Side.SELL, Side.BUY)
        )
        costs = {side: sum((line.cost for line in self.batch.of_side(side)), Decimal(0)) for side in Side}
        after_sales = self.batch.cash + sold - costs[Side.SELL]
        return CashSteps(self.batch.cash, after_sales, after_sales - bought - costs[Side.BUY])

    def is_good(self, now: datetime) -> bool:
        """Whether it may still be confirmed."""
        return timedelta(0) <= now - self.at <= GOOD_FOR

    def has_fresh_quotes(self, now: datetime) -> bool:
        """Whether its prices are of this moment."""
        return timedelta(0) <= now - self.at <= QUOTES_GOOD_FOR

    def confirmed(self, *, large_turnover: bool) -> Batch:
        """The batch as it is confirmed."""
        return replace(self.batch, large_turnover=large_turnover)


def review(
    means: Means,
    plan: TradePlan,
    before: TradePlan | None,
    place: Place,
    terms: Terms,
    limits: Limits,
    *,
    increment: Decimal = Decimal(1),
    keep: Decimal = Decimal(0),
    record: str = "",
) -> Review:
    """Draft the batch for a plan and hold it against the gate; nothing is written and nothing sent."""
    now = means.now()
    steps = dict.fromkeys(plan.shares, increment)
    batch = draft_batch(plan, place, terms, now, increments=steps, keep=keep, record=record)
    found = refusals(batch, facts_for(means, batch, limits), limits)
    turnover = next((each for each in found if each.code == "TURNOVER"), None)
    others = tuple(each for each in found if each.code != "TURNOVER")
    return Review(batch, plan, before, others, turnover, limits, now, _fees_of(means, batch))


def changes_in_words(before: TradePlan | None, after: TradePlan) -> tuple[str, ...]:
    """What another look at prices and holdings changed in the trades, a sentence each; none where nothing did."""
    if before is None:
        return ()
    then = {trade.symbol: trade.signed_quantity for trade in before.trades}
    now = {trade.symbol: trade.signed_quantity for trade in after.trades}
    return tuple(
        _changed(symbol, then.get(symbol, Decimal(0)), now.get(symbol, Decimal(0)))
        for symbol in sorted({*then, *now})
        if then.get(symbol, Decimal(0)) != now.get(symbol, Decimal(0))
    )


def _fees_of(means: Means, batch: Batch) -> Decimal | None:
    """The broker's own estimate of its fees, for as many orders as it can be asked about while somebody waits."""
    ends, fees = monotonic() + _PATIENCE, list[Decimal]()
    for line in batch.lines:
        if monotonic() > ends:
            break
        try:
            preview = means.broker.preview(line.order)
        except (OrderRefusedError, BrokerUnavailableError, BrokerAnswerError):
            continue  # the gate has its own say, and so does the broker when the order is sent
        if preview is not None and preview.estimated_fees is not None:
            fees.append(preview.estimated_fees)
    return sum(fees, Decimal(0)) if fees else None


def _changed(symbol: str, then: Decimal, now: Decimal) -> str:
    return f"{symbol}: {_said(now)} instead of {_said(then)}"


def _said(units: Decimal) -> str:
    if not units:
        return "no trade"
    return f"{'buy' if units > 0 else 'sell'} {abs(units):f}"
