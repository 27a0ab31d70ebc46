"""The gate before any order: every reason not to send a batch, each with its value and its limit. It changes nothing."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from allocation.errors import AllocationError
from allocation.journal import Batch, Line
from allocation.limits import Limits
from allocation.model import Quote
from allocation.money import plain
from allocation.orders import OrderType
from allocation.trade_plan import Side

_ONE = Decimal(1)
_SHOWN = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class SentBefore:
    """An order of this account that was sent lately, or is open, whoever placed it. `remaining` may still be filled."""

    client_id: str
    symbol: str
    side: Side
    remaining: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class GateFacts:
    """What is known at the moment of sending.

    Attributes:
        account: the broker's own id of the account that answered.
        total: the account's value in `currency`.
        cash: settled cash, in `currency`.
        quantities: units held by symbol.
        quotes: fresh quotes by symbol.
        rates: money of `currency` for one unit of another currency.
        orders: open orders and those sent lately.
        blocked: why the broker takes no orders for the account; empty when it does.
        halted: symbols that cannot be traded now, with the reason.
        stopped: why a person or the program stopped the account's orders; empty when nobody did.
    """

    now: datetime
    account: str
    currency: str
    live: bool
    total: Decimal
    cash: Decimal
    quantities: Mapping[str, Decimal]
    quotes: Mapping[str, Quote]
    rates: Mapping[str, Decimal] = field(default_factory=dict)
    orders: tuple[SentBefore, ...] = ()
    blocked: str = ""
    halted: Mapping[str, str] = field(default_factory=dict)
    stopped: str = ""

    def rate(self, currency: str) -> Decimal | None:
        """Money of the account for one unit of a currency; None where nobody knows."""
        return _ONE if currency == self.currency else self.rates.get(currency)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason, as a sentence; `value` is what was found and `limit` what would have been allowed, both as text."""

    code: str
    message: str
    value: str
    limit: str
    symbols: tuple[str, ...] = ()


class GateRefusedError(AllocationError):
    """A batch that is not sent. `refusals` has every reason; `code` is the first one's."""

    def __init__(self, refusals: Iterable[Refusal]) -> None:
        self.refusals = tuple(refusals)
        super().__init__(
            " ".join(each.message for each in self.refusals[:12]),
            dict.fromkeys(symbol for each in self.refusals for symbol in each.symbols),
        )
        self.code = self.refusals[0].code


def require_open(batch: Batch, facts: GateFacts, limits: Limits) -> None:
    """Let a batch that has not begun pass as it was reviewed, or refuse it with every reason.

    Raises:
        GateRefusedError: nothing may be sent.
    """
    if found := refusals(batch, facts, limits):
        raise GateRefusedError(found)


def refusals(batch: Batch, facts: GateFacts, limits: Limits) -> tuple[Refusal, ...]:
    """Every reason not to send this batch now."""
    return (
        *_of_account(batch, facts),
        *_of_review(batch, facts),
        *(each for line in batch.lines for each in of_line(line, facts, limits)),
        *_of_batch(batch, facts, limits),
        *_of_duplicates(batch, facts, limits),
    )


def of_line(line: Line, facts: GateFacts, limits: Limits) -> Iterator[Refusal]:
    """Every reason not to send this one order now; asked again before each order leaves."""
    symbol, quote = line.order.symbol, facts.quotes.get(line.order.symbol)
    if facts.stopped:
        yield Refusal("KILL_SWITCH", f"Orders of this account are stopped: {facts.stopped}", "stopped", "running")
    if reason := facts.halted.get(symbol):
        yield Refusal("MARKET_CLOSED", f"{symbol} cannot be traded now: {reason}", "closed", "open", (symbol,))
    if quote is None:
        yield Refusal("QUOTE_MISSING", f"There is no fresh price for {symbol}.", "none", "a quote", (symbol,))
        return
    if quote.currency != line.order.currency:
        yield Refusal(
            "CURRENCY",
            f"{symbol} is quoted in {quote.currency} and ordered in {line.order.currency}.",
            quote.currency,
            line.order.currency,
            (symbol,),
        )
        return
    yield from _of_quote(line, quote, facts, limits)
    yield from _of_size(line, quote, facts, limits)


def _of_account(batch: Batch, facts: GateFacts) -> Iterator[Refusal]:
    if facts.account != batch.broker_account:
        yield Refusal(
            "BROKER_ACCOUNT",
            "The broker answered for another account than the reviewed one. Review the plan again.",
            facts.account,
            batch.broker_account,
        )
    if facts.currency != batch.currency:
        yield Refusal(
            "BROKER_CURRENCY",
            f"The account is kept in {facts.currency}, and the plan was reviewed in {batch.currency}.",
            facts.currency,
            batch.currency,
        )
    if facts.live != batch.live:
        found, reviewed = _mode(facts.live), _mode(batch.live)
        yield Refusal(
            "ACCOUNT_MODE", f"The plan was reviewed for a {reviewed} account, and this one is {found}.", found, reviewed
        )
    if facts.blocked:
        yield Refusal(
            "ACCOUNT_BLOCKED", f"The broker takes no orders for this account: {facts.blocked}", "blocked", "active"
        )


def _of_review(batch: Batch, facts: GateFacts) -> Iterator[Refusal]:
    """Whether the account is still the one that was reviewed."""
    symbols = {line.order.symbol for line in batch.lines} | batch.holdings.keys() | facts.quantities.keys()
    changed = [s for s in sorted(symbols) if batch.holdings.get(s, 0) != facts.quantities.get(s, 0)]
    if changed:
        before, after = (
            ", ".join(f"{plain(held.get(s, Decimal(0)))} {s}" for s in changed[:12])
            for held in (batch.holdings, facts.quantities)
        )
        yield Refusal(
            "REVIEW_EXPIRED",
            f"The holdings changed since the review: {after} now, {before} then. Review the plan again.",
            after,
            before,
            tuple(changed),
        )
    if facts.cash < batch.cash:
        yield Refusal(
            "REVIEW_EXPIRED",
            f"The cash went from {plain(batch.cash)} to {plain(facts.cash)} {batch.currency} since the review. Review the "
            "plan again.",
            plain(facts.cash),
            plain(batch.cash),
        )


def _of_quote(line: Line, quote: Quote, facts: GateFacts, limits: Limits) -> Iterator[Refusal]:
    symbol, age = line.order.symbol, facts.now - quote.time
    if age > timedelta(minutes=limits.quote_minutes):
        yield Refusal(
            "QUOTE_STALE",
            f"The price of {symbol} is {_minutes(age)} minutes old; {limits.quote_minutes} are allowed. Refresh prices.",
            _minutes(age),
            str(limits.quote_minutes),
            (symbol,),
        )
    moved = abs(quote.price / line.price - 1)
    if moved > limits.collar:
        yield Refusal(
            "REVIEW_EXPIRED",
            f"{symbol} costs {plain(quote.price)} now and cost {plain(line.price)} at the review: {_percent(moved)} apart, "
            f"and {_percent(limits.collar)} are allowed. Review the plan again.",
            _percent(moved),
            _percent(limits.collar),
            (symbol,),
        )
    limit = line.order.limit
    apart = abs(limit / quote.price - 1) if limit is not None else Decimal(0)
    if line.order.type == OrderType.LIMIT and limit is not None and apart > limits.collar:
        yield Refusal(
            "PRICE_COLLAR",
            f"The limit of {plain(limit)} for {symbol} is {_percent(apart)} from its price of {plain(quote.price)}, and "
            f"{_percent(limits.collar)} are allowed.",
            _percent(apart),
            _percent(limits.collar),
            (symbol,),
        )


def _of_size(line: Line, quote: Quote, facts: GateFacts, limits: Limits) -> Iterator[Refusal]:
    symbol, rate = line.order.symbol, facts.rate(line.order.currency)
    if rate is None:
        yield Refusal(
            "FX_UNAVAILABLE",
            f"Nobody knows what one {line.order.currency} is in {facts.currency}, so {symbol} cannot be valued.",
            "none",
            "a rate",
            (symbol,),
        )
        return
    value = line.order.quantity * max(quote.price, line.order.limit or quote.price) * rate
    share = value / facts.total if facts.total > 0 else _ONE
    if share > limits.order_share:
        yield Refusal(
            "ORDER_SHARE",
            f"The order for {symbol} is {_percent(share)} of the portfolio, and {_percent(limits.order_share)} are allowed.",
            _percent(share),
            _percent(limits.order_share),
            (symbol,),
        )
    if limits.order_value is not None and value > limits.order_value:
        yield Refusal(
            "ORDER_VALUE",
            f"The order for {symbol} is worth {_money(value)} {facts.currency}, and {_money(limits.order_value)} are "
            "allowed.",
            _money(value),
            _money(limits.order_value),
            (symbol,),
        )


def _of_batch(batch: Batch, facts: GateFacts, limits: Limits) -> Iterator[Refusal]:
    if len(batch.lines) > limits.orders:
        yield Refusal(
            "ORDERS_TOO_MANY",
            f"The batch has {len(batch.lines)} orders, and {limits.orders} are allowed.",
            str(len(batch.lines)),
            str(limits.orders),
        )
    yield from _of_sales(batch, facts)
    bought, sold = (
        sum((_value(line, facts) for line in batch.of_side(side)), Decimal(0)) for side in (Side.BUY, Side.SELL)
    )
    costs = sum((line.cost for line in batch.lines), Decimal(0))
    if bought + costs > facts.cash + sold:
        yield Refusal(
            "OVERSPEND",
            f"The purchases and costs come to {_money(bought + costs)} {facts.currency}; cash and sales to "
            f"{_money(facts.cash + sold)}.",
            _money(bought + costs),
            _money(facts.cash + sold),
        )
    turnover = (bought + sold) / 2 / facts.total if facts.total > 0 else _ONE
    if turnover > limits.turnover and not batch.large_turnover:
        yield Refusal(
            "TURNOVER",
            f"The batch turns over {_percent(turnover)} of the portfolio; above {_percent(limits.turnover)} it must be "
            "confirmed by hand.",
            _percent(turnover),
            _percent(limits.turnover),
        )


def _of_sales(batch: Batch, facts: GateFacts) -> Iterator[Refusal]:
    """Never more than is held and not already up for sale."""
    selling: defaultdict[str, Decimal] = defaultdict(Decimal)
    ours = {line.order.client_id for line in batch.lines}
    for order in facts.orders:
        if order.side == Side.SELL and order.client_id not in ours:
            selling[order.symbol] += order.remaining
    wanted: defaultdict[str, Decimal] = defaultdict(Decimal)
    for line in batch.of_side(Side.SELL):
        wanted[line.order.symbol] += line.order.quantity
    for symbol, quantity in wanted.items():
        free = facts.quantities.get(symbol, Decimal(0)) - selling[symbol]
        if quantity > free:
            yield Refusal(
                "OVERSELL",
                f"The batch sells {plain(quantity)} {symbol}, and {plain(free)} are held and not up for sale.",
                plain(quantity),
                plain(free),
                (symbol,),
            )


def _of_duplicates(batch: Batch, facts: GateFacts, limits: Limits) -> Iterator[Refusal]:
    ours = {line.order.client_id for line in batch.lines}
    since = facts.now - timedelta(minutes=limits.duplicate_minutes)
    lately = {
        (order.symbol, order.side): order
        for order in facts.orders
        if order.client_id not in ours and (order.at > since or order.remaining > 0)
    }
    own = Counter((line.order.symbol, line.order.side) for line in batch.lines)
    for (symbol, side), count in own.items():
        twin = lately.get((symbol, side))
        if twin is None and count == 1:
            continue
        found = f"one of {twin.at:%H:%M} UTC" if twin else f"{count} in this batch"
        yield Refusal(
            "DUPLICATE",
            f"There is already an order to {side.value} {symbol}: {found}. Wait {limits.duplicate_minutes} minutes, or "
            "cancel it.",
            found,
            "one",
            (symbol,),
        )


def _value(line: Line, facts: GateFacts) -> Decimal:
    """Money of the account at the reviewed price; a line whose rate nobody knows is refused by itself."""
    return line.order.quantity * line.price * (facts.rate(line.order.currency) or Decimal(0))


def _mode(live: bool) -> str:
    return "live" if live else "paper"


def _minutes(age: timedelta) -> str:
    return str(int(age.total_seconds() // 60))


def _percent(fraction: Decimal) -> str:
    return f"{plain((fraction * 100).quantize(_SHOWN, ROUND_HALF_EVEN))} %"


def _money(value: Decimal) -> str:
    return f"{value.quantize(_SHOWN, ROUND_HALF_EVEN):,f}"
