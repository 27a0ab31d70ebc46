"""What an export is made from: the plan with everything it was decided on, and the orders that its trades come to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from types import MappingProxyType

from allocation.currencies import Rate
from allocation.errors import MissingPriceError, RulesError, listed
from allocation.model import Account, Portfolio, Quote
from allocation.orders import Order, OrderType, TimeInForce, client_id_of
from allocation.rules import Rules
from allocation.targets import TargetAllocation
from allocation.trade_plan import Side, Trade, TradePlan

TYPES = (OrderType.MARKET, OrderType.LIMIT)
_CENT, _FINE = Decimal("0.01"), Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Decision:
    """A plan and what it answers.

    Attributes:
        quotes: by symbol, the price each line was planned at, in the security's own currency.
        rates: the exchange rates that were used, each of a currency in the account's own; empty in one currency.
        cash_flow: money put in (+) or taken out (−), in the account's currency.
        made_at: timezone-aware.
        number_shown: whether the account's number may stand in a file; not in one for whoever only shares the account.
    """

    plan: TradePlan
    portfolio: Portfolio
    target: TargetAllocation
    rules: Rules
    quotes: Mapping[str, Quote]
    made_at: datetime
    cash_flow: Decimal = Decimal(0)
    rates: tuple[Rate, ...] = ()
    number_shown: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "quotes", MappingProxyType(dict(self.quotes)))
        known = self.quotes.keys() | {rate.base for rate in self.rates}
        unpriced = tuple(trade.symbol for trade in self.plan.trades if trade.symbol not in known)
        if unpriced:
            raise MissingPriceError(unpriced)

    @property
    def exchanges(self) -> tuple[Trade, ...]:
        """The trades in a currency that has a target: money is exchanged, not ordered."""
        return tuple(trade for trade in self.plan.trades if trade.symbol not in self.quotes)

    @property
    def account(self) -> Account:
        """Whose plan it is."""
        return self.portfolio.account

    @property
    def account_label(self) -> str:
        """What the account is called where it stands among others: "Brokerage · …4321"."""
        return " · ".join(filter(None, (self.account.name, self.account.masked_number)))

    @property
    def names(self) -> dict[str, str]:
        """What the securities held are called, by symbol."""
        return {position.symbol: position.name for position in self.portfolio.positions}


@dataclass(frozen=True, slots=True)
class WealthscapeCodes:
    """Codes of Fidelity's order import that its public pages do not tell; whoever uses it has them from their firm."""

    market: str = ""
    limit: str = ""
    day: str = ""

    def __post_init__(self) -> None:
        told = {"price type": (self.market, 2), "limit price type": (self.limit, 2), "time in force": (self.day, 1)}
        bad = [name for name, (code, most) in told.items() if code and not (code.isalnum() and len(code) <= most)]
        if bad or not (self.market + self.limit + self.day).isascii():
            raise RulesError(
                f"Fidelity's code for the {listed(bad or told)} is one or two letters or digits. Type it as the "
                "import's specification has it, or leave it empty.",
                tuple(bad),
            )


@dataclass(frozen=True, slots=True)
class Terms:
    """How the trades are to be asked for: at the market, or limited to the price they were planned at."""

    type: OrderType = OrderType.MARKET
    time_in_force: TimeInForce = TimeInForce.DAY
    codes: WealthscapeCodes = field(default_factory=WealthscapeCodes)

    def __post_init__(self) -> None:
        if self.type not in TYPES:
            raise RulesError(f"A {self.type.value} order is not written into files; choose {listed(TYPES)}.", ("type",))


def orders_of(decision: Decision, terms: Terms) -> tuple[Order, ...]:
    """One order for each trade in a security, sells first as in the plan; ids come from account, plan and line, always the same.

    Raises:
        RulesError: a limit outside the United States, where the exchange's price steps are not known here.
    """
    if terms.type == OrderType.LIMIT:
        _refuse_limits_abroad(quote for trade in decision.plan.trades if (quote := decision.quotes.get(trade.symbol)))
    in_order = enumerate(decision.plan.trades)
    return tuple(_order(decision, terms, line, trade) for line, trade in in_order if trade.symbol in decision.quotes)


def limit_price(price: Decimal, side: Side) -> Decimal:
    """The nearest price an American exchange takes that is no worse than the given one.

    A cent, or a hundredth of one below a dollar: Regulation NMS, rule 612 (17 CFR 242.612).
    """
    step = _CENT if price >= 1 else _FINE
    return price.quantize(step, ROUND_FLOOR if side == Side.BUY else ROUND_CEILING)


def _order(decision: Decision, terms: Terms, line: int, trade: Trade) -> Order:
    quote = decision.quotes[trade.symbol]
    limit = limit_price(quote.price, trade.side) if terms.type == OrderType.LIMIT else None
    return Order(
        client_id_of(decision.account.id, decision.plan.plan_id, line),
        decision.account.id,
        trade.symbol,
        trade.side,
        trade.quantity,
        quote.currency,
        terms.type,
        limit,
        terms.time_in_force,
    )


def _refuse_limits_abroad(quotes: Iterable[Quote]) -> None:
    abroad = [quote.symbol for quote in quotes if quote.currency != "USD"]
    if abroad:
        raise RulesError(
            f"The price steps of the exchanges of {listed(abroad)} are not known here, so no limit can be written for "
            "them. Choose market orders, or enter the limits at the broker.",
            abroad,
        )
