"""What an executor works with, and what it knows of an account at the moment of sending."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from allocation.bookkeeping import Journal
from allocation.brokers import Broker, BrokerSnapshot, Mode
from allocation.gate import GateFacts, SentBefore
from allocation.journal import Batch
from allocation.limits import Limits
from allocation.model import Quote

Quotes = Callable[[Iterable[str]], Mapping[str, Quote]]
Rates = Callable[[Iterable[str], str], Mapping[str, Decimal]]
Halted = Callable[[str, str, datetime], str]


def never_halted(_symbol: str, _currency: str, _now: datetime) -> str:
    """Where nobody knows of hours and halts."""
    return ""


def no_rates(_currencies: Iterable[str], _base: str) -> Mapping[str, Decimal]:
    """Where nobody knows of other currencies."""
    return {}


@dataclass(frozen=True, slots=True)
class Means:
    """An executor's means.

    Attributes:
        quotes: fresh quotes by symbol, as many as there are.
        halted: why a symbol cannot be traded at a moment; empty when it can.
        rates: money of the second currency for one unit of each of the first.
        settle: how long a broker may take to show an order it has.
        fresh_for: how long after it was wanted a batch may begin.
    """

    journal: Journal
    broker: Broker
    quotes: Quotes
    now: Callable[[], datetime]
    halted: Halted = never_halted
    rates: Rates = no_rates
    settle: timedelta = timedelta(seconds=60)
    fresh_for: timedelta = timedelta(minutes=5)


def facts_for(means: Means, batch: Batch, limits: Limits) -> GateFacts:
    """What the broker and the market say of the batch's account now."""
    snapshot, now = means.broker.snapshot(batch.broker_account), means.now()
    quotes = _quotes(means, batch, snapshot)
    currencies = {quote.currency for quote in quotes.values()} | snapshot.portfolio.balances.keys()
    foreign = sorted(currencies - {snapshot.account.currency})
    rates = means.rates(foreign, snapshot.account.currency) if foreign else {}
    orders = {order.client_id or order.symbol: order for order in _sent_before(means, batch, snapshot, limits, now)}
    return GateFacts(
        now,
        snapshot.account.id,
        snapshot.account.currency,
        means.broker.mode == Mode.LIVE,
        _total(snapshot, quotes, rates),
        snapshot.portfolio.cash,
        snapshot.portfolio.quantities,
        quotes,
        rates,
        tuple(orders.values()),
        snapshot.account.blocked,
        halted_symbols(means, batch, limits, now),
        means.journal.stopped(batch),
    )


def halted_symbols(means: Means, batch: Batch, limits: Limits, now: datetime) -> dict[str, str]:
    """The batch's symbols that cannot be traded now, with the reason."""
    if not limits.market_hours:
        return {}
    found = {
        line.order.symbol: means.halted(line.order.symbol, line.order.currency, now)
        for line in batch.lines
        if not line.is_final
    }
    return {symbol: reason for symbol, reason in found.items() if reason}


def _quotes(means: Means, batch: Batch, snapshot: BrokerSnapshot) -> dict[str, Quote]:
    """Fresh quotes of the batch's symbols, and of the holdings the broker's own where it has one."""
    held = {p.symbol: p.quote for p in snapshot.portfolio.positions if p.quote is not None}
    wanted = {line.order.symbol for line in batch.lines} | (set(snapshot.portfolio.symbols) - held.keys())
    return {**held, **means.quotes(sorted(wanted))}


def _total(snapshot: BrokerSnapshot, quotes: Mapping[str, Quote], rates: Mapping[str, Decimal]) -> Decimal:
    """The account's value; what nobody can value counts for nothing, which only makes the limits narrower."""
    rate_of = {snapshot.account.currency: Decimal(1), **rates}
    total = snapshot.portfolio.cash
    for currency, amount in snapshot.portfolio.balances.items():
        total += amount * rate_of.get(currency, Decimal(0))
    for position in snapshot.portfolio.positions:
        quote = quotes.get(position.symbol)
        if quote is not None:
            total += position.quantity * quote.price * rate_of.get(quote.currency, Decimal(0))
    return total


def _sent_before(
    means: Means, batch: Batch, snapshot: BrokerSnapshot, limits: Limits, now: datetime
) -> list[SentBefore]:
    """Orders of the account that are open or were sent lately, whoever placed them."""
    since = now - timedelta(minutes=limits.duplicate_minutes)
    lately = means.broker.orders(batch.broker_account, since)
    return [
        SentBefore(
            report.order.client_id,
            report.order.symbol,
            report.order.side,
            Decimal(0) if report.status.is_final else report.order.quantity - report.filled,
            report.reported_at,
        )
        for report in (*lately, *snapshot.open_orders)
        if not report.status.is_final or report.filled > 0
    ]
