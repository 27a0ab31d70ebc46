"""The facts a plan starts from: quotes, lots, positions, accounts, portfolios. Frozen, and valid if they exist."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from allocation.errors import BadPriceError, CurrencyError, DuplicateSymbolError, HoldingError, NumberError, SymbolError

_SYMBOL = re.compile(r"[A-Za-z0-9^$][A-Za-z0-9 .,_^=/&:+()'*$#-]{0,63}")
_CURRENCY = re.compile(r"[A-Z]{3}")
LARGEST_PRICE = Decimal(100_000_000)
SMALLEST_PRICE = Decimal("0.000001")


class TaxTreatment(StrEnum):
    """How the tax office sees an account."""

    TAXABLE = "taxable"
    TAX_DEFERRED = "tax_deferred"
    TAX_FREE = "tax_free"


class PriceSource(StrEnum):
    """Where a price comes from. FILE is the price that came with the holding: a broker's, from its file or its interface."""

    MANUAL = "manual"
    YAHOO = "yahoo"
    ALPACA = "alpaca"
    FILE = "file"
    SAMPLE = "sample"


@dataclass(frozen=True, slots=True)
class Quote:
    """One price of one security. A price without its time, source and currency is not a quote.

    Attributes:
        price: money for one unit, in `currency` (pounds, never pence).
        time: when the price was struck, timezone-aware.
    """

    symbol: str
    price: Decimal
    currency: str
    time: datetime
    source: PriceSource

    def __post_init__(self) -> None:
        object.__setattr__(self, "price", check_price(self.symbol, self.price))
        check_currency(self.currency)
        if self.time.tzinfo is None:
            raise NumberError(f"The time of the {self.symbol} quote", self.time, "a time with its time zone")


@dataclass(frozen=True, slots=True)
class TaxLot:
    """Units bought together. `acquired` is None where the broker's file does not say."""

    quantity: Decimal
    unit_cost: Decimal
    acquired: date | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Units of one security held in one account.

    Attributes:
        quantity: units, above zero.
        lots: tax lots where known; their quantities add up to `quantity`.
        quote: the price that came with the holding (the broker's file), if any.
    """

    symbol: str
    quantity: Decimal
    lots: tuple[TaxLot, ...] = ()
    name: str = ""
    quote: Quote | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "symbol", parse_symbol(self.symbol))
        if self.quantity < 0:
            raise HoldingError(
                f"{self.symbol}: {self.quantity} units is a short position. Evenkeel plans long holdings only; "
                "remove the line or correct its quantity.",
                (self.symbol,),
            )
        held_in_lots = sum((lot.quantity for lot in self.lots), Decimal(0)) if self.lots else self.quantity
        if held_in_lots != self.quantity:
            raise HoldingError(
                f"{self.symbol}: the lots come to {held_in_lots} units, the position to {self.quantity}. Correct one of them.",
                (self.symbol,),
            )


@dataclass(frozen=True, slots=True)
class Account:
    """An account as its owner knows it. `id` is unique for its owner; `number` is shown only by its last digits.

    `note` is a sentence to be shown beside the name; the demo accounts tell their story in it. `owner` is the name of
    whoever it belongs to, where that is not the user who asks; it stands behind `name` as well.
    """

    id: str
    name: str
    broker: str = ""
    number: str = ""
    currency: str = "USD"
    tax_treatment: TaxTreatment = TaxTreatment.TAXABLE
    note: str = ""
    owner: str = ""

    def __post_init__(self) -> None:
        check_currency(self.currency)

    @property
    def own_name(self) -> str:
        """The name as its owner gave it."""
        return self.name.removesuffix(f" ({self.owner})")

    @property
    def masked_number(self) -> str:
        """The account number as it may be shown: "…4321"."""
        return f"…{self.number[-4:]}" if self.number else ""


@dataclass(frozen=True, slots=True)
class SetAside:
    """A line of the account that is shown but never traded: an option, a bond, a short, something unpriced."""

    description: str
    reason: str
    value: Decimal | None = None


@dataclass(frozen=True, slots=True)
class RecentSale:
    """A sale at a loss in the last weeks: buying the security again too soon would wash the loss.

    Attributes:
        quantity: units sold, above zero.
        loss: what they lost altogether, in money, above zero.
    """

    symbol: str
    sold: date
    quantity: Decimal
    loss: Decimal

    def __post_init__(self) -> None:
        object.__setattr__(self, "symbol", parse_symbol(self.symbol))
        if self.quantity <= 0 or self.loss <= 0:
            raise HoldingError(
                f"The recent sale of {self.symbol} has a quantity of {self.quantity} and a loss of {self.loss}; both must be "
                "above zero. Leave out sales at a gain.",
                (self.symbol,),
            )


@dataclass(frozen=True, slots=True)
class Portfolio:
    """What one account holds at one moment: positions, settled cash, what was set aside, and recent sales at a loss.

    Attributes:
        cash: settled cash in the account's own currency.
        balances: settled cash in other currencies, by code; below zero what is owed.
    """

    account: Account
    positions: tuple[Position, ...]
    cash: Decimal = Decimal(0)
    as_of: datetime | None = None
    set_aside: tuple[SetAside, ...] = ()
    recent_sales: tuple[RecentSale, ...] = ()
    balances: Mapping[str, Decimal] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        refuse_duplicates(f"Account {self.account.name}", (p.symbol for p in self.positions))
        in_order = {check_currency(code): self.balances[code] for code in sorted(self.balances)}
        object.__setattr__(self, "balances", MappingProxyType(in_order))
        if self.account.currency in in_order:
            raise CurrencyError(
                f"Account {self.account.name} names its own {self.account.currency} among its other currencies. "
                "Count that money in its cash.",
                (self.account.currency,),
            )

    @property
    def quantities(self) -> dict[str, Decimal]:
        """Units by symbol."""
        return {p.symbol: p.quantity for p in self.positions}

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols held, in the order of the positions."""
        return tuple(p.symbol for p in self.positions)


def parse_symbol(text: object) -> str:
    """The symbol without surrounding blanks, or a refusal: no look-alike letters, control characters or formulas."""
    symbol = text.strip() if isinstance(text, str) else ""
    if not _SYMBOL.fullmatch(symbol):
        raise SymbolError(text)
    return symbol


def refuse_duplicates(where: str, symbols: Iterable[str]) -> None:
    """Raise when two symbols are the same but for case and blanks."""
    spelled = list(symbols)
    seen = Counter(s.strip().upper() for s in spelled)
    twice = [s for s in seen if seen[s] > 1]
    if twice:
        raise DuplicateSymbolError(where, twice)


def check_price(symbol: str, price: Decimal) -> Decimal:
    """The price itself, if a security can cost that."""
    if not (price.is_finite() and SMALLEST_PRICE <= price <= LARGEST_PRICE):
        raise BadPriceError(
            f"The price of {symbol} is {str(price)[:40]}. A price must lie between {SMALLEST_PRICE:f} and {LARGEST_PRICE:,}; "
            "correct it or enter one by hand.",
            (symbol,),
        )
    return price


def check_currency(code: str) -> str:
    """A currency code of three capital letters; minor units such as GBp are converted by the adapter that meets them."""
    if not _CURRENCY.fullmatch(code):
        raise CurrencyError(f"{code[:12]!a} is not a currency code such as USD or EUR.", (code[:12],))
    return code
