"""How the user lets us trade. Every default is the plain case: buy and sell, whole shares, no costs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from allocation.errors import RulesError, listed
from allocation.model import TaxTreatment
from allocation.money import to_decimal


class Objective(StrEnum):
    """What "closest to the target" means. See docs/engine.md."""

    L2 = "l2"
    L1 = "l1"
    RELATIVE = "relative"


class Selling(StrEnum):
    """When holdings may be sold."""

    ALLOWED = "allowed"
    NEVER = "never"
    TO_RAISE_CASH = "to_raise_cash"


class OutsideTarget(StrEnum):
    """What happens to a holding that has no target."""

    SELL = "sell"
    HOLD = "hold"
    EXCLUDE = "exclude"


class TradeScope(StrEnum):
    """Which lines may trade: all, or only those outside their band."""

    EVERYTHING = "everything"
    OUT_OF_BAND = "out_of_band"


class Combine(StrEnum):
    """Which of an absolute and a relative band counts: the narrower (5/25) or the wider (a floor under the relative)."""

    NARROWER = "narrower"
    WIDER = "wider"


class Destination(StrEnum):
    """Where a line outside its band is brought: to its target, or to the nearer edge of the band."""

    TARGET = "target"
    EDGE = "edge"


class LotMethod(StrEnum):
    """Which tax lots a sale takes first."""

    FIFO = "fifo"
    LIFO = "lifo"
    HIFO = "hifo"
    LEAST_TAX = "least_tax"
    SPECIFIED = "specified"
    AVERAGE_COST = "average_cost"
    SHARE_POOL = "share_pool"


@dataclass(frozen=True, slots=True)
class Band:
    """How far a weight may stray from its target.

    Attributes:
        absolute: as a fraction of the whole portfolio; None where only the relative band counts.
        relative: as a fraction of the target weight; None where only the absolute band counts.
    """

    absolute: Decimal | None = Decimal("0.05")
    relative: Decimal | None = Decimal("0.25")
    combine: Combine = Combine.NARROWER

    def __post_init__(self) -> None:
        object.__setattr__(self, "combine", _choice("band.combine", Combine, self.combine))
        for name in ("absolute", "relative"):
            if getattr(self, name) is not None:
                _read_not_negative(self, name, f"band.{name}")
        if self.absolute is None and self.relative is None:
            raise RulesError("The band has neither an absolute nor a relative width. Give at least one.", ("band",))


@dataclass(frozen=True, slots=True)
class Costs:
    """What a trade costs beside the half-spread: per_trade + rate·value, at least `minimum`, at most `maximum`."""

    per_trade: Decimal = Decimal(0)
    rate: Decimal = Decimal(0)
    minimum: Decimal = Decimal(0)
    maximum: Decimal | None = None

    def __post_init__(self) -> None:
        for name in ("per_trade", "rate", "minimum"):
            _read_not_negative(self, name, f"costs.{name}")
        if self.maximum is not None:
            _read_not_negative(self, "maximum", "costs.maximum")
            if self.maximum < self.minimum:
                raise RulesError(
                    f"costs.maximum is {self.maximum}, below costs.minimum of {self.minimum}. Raise one or lower the other.",
                    ("costs.maximum", "costs.minimum"),
                )
        if self.rate >= 1:
            raise RulesError(
                f"costs.rate is {self.rate}; it is a fraction of the trade: 0.001 for 0.1 %.", ("costs.rate",)
            )


@dataclass(frozen=True, slots=True)
class Harvest:
    """Losses to be realised now: losing lots are sold, and another security takes their place.

    Attributes:
        substitutes: by security that may be sold for its loss, what is bought instead.
        min_loss: the least loss of one sale worth the trade, in money.
        min_loss_rate: the least a lot must have lost, as a fraction of its cost.
    """

    substitutes: Mapping[str, str]
    min_loss: Decimal = Decimal(0)
    min_loss_rate: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "substitutes", MappingProxyType(dict(self.substitutes)))
        for name in ("min_loss", "min_loss_rate"):
            _read_not_negative(self, name, f"taxes.harvest.{name}")
        itself = sorted(s for s, other in self.substitutes.items() if s.upper() == other.upper())
        if itself:
            raise RulesError(
                f"The substitute of {listed(itself)} is the security itself, which would wash the loss. Name another one.",
                itself,
            )


@dataclass(frozen=True, slots=True)
class Taxes:
    """Taxes on realised gains, withheld from the cash of the account that sells.

    Attributes:
        as_of: the day of the sales; needed where a rate is above zero and lots have dates.
        max_tax: the most tax the plan may cause, or None.
        wash_sale_days: a loss is disallowed when the same security is bought within so many days before or after.
        harvest: which losses to realise now, or None.
    """

    short_term_rate: Decimal = Decimal(0)
    long_term_rate: Decimal = Decimal(0)
    lot_method: LotMethod = LotMethod.LEAST_TAX
    as_of: date | None = None
    max_tax: Decimal | None = None
    wash_sale_days: int = 30
    harvest: Harvest | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "lot_method", _choice("taxes.lot_method", LotMethod, self.lot_method))
        for name in ("short_term_rate", "long_term_rate"):
            _read_not_negative(self, name, f"taxes.{name}")
            if getattr(self, name) > 1:
                raise RulesError(
                    f"taxes.{name} is {getattr(self, name)}; it is a fraction: 0.2 for 20 %.", (f"taxes.{name}",)
                )
        if self.max_tax is not None:
            _read_not_negative(self, "max_tax", "taxes.max_tax")
        if self.wash_sale_days < 0:
            raise RulesError("taxes.wash_sale_days must be zero or more.", ("taxes.wash_sale_days",))


@dataclass(frozen=True, slots=True)
class Rules:
    """One immutable set of rules.

    Attributes:
        cash_reserve: money kept uninvested and outside the weights.
        lock: neither bought nor sold.
        min_trade_value: a trade is nothing or at least this much money.
        increment: smallest tradable step in units: 1 whole shares, 0.000001 fractions, 100 round lots.
        increments: the step of single symbols where it differs.
        band: the no-trade band where `trade` is out_of_band (None there means 5/25); the band that
            `least_contribution` aims for, where given.
        max_turnover: the most of Σ|trade value| ÷ 2 ÷ total, or None.
        half_spreads: half the bid-ask spread as a fraction of price, by symbol; 0 where not named.
        location: by symbol, where it is best held, best tax treatment first.
    """

    objective: Objective = Objective.L2
    selling: Selling = Selling.ALLOWED
    outside_target: OutsideTarget = OutsideTarget.SELL
    cash_reserve: Decimal = Decimal(0)
    min_trade_value: Decimal = Decimal(0)
    lock: frozenset[str] = frozenset()
    do_not_buy: frozenset[str] = frozenset()
    do_not_sell: frozenset[str] = frozenset()
    increment: Decimal = Decimal(1)
    increments: Mapping[str, Decimal] = field(default_factory=dict)
    trade: TradeScope = TradeScope.EVERYTHING
    band: Band | None = None
    destination: Destination = Destination.TARGET
    max_trades: int | None = None
    max_turnover: Decimal | None = None
    costs: Costs = field(default_factory=Costs)
    half_spreads: Mapping[str, Decimal] = field(default_factory=dict)
    taxes: Taxes = field(default_factory=Taxes)
    location: Mapping[str, tuple[TaxTreatment, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("lock", "do_not_buy", "do_not_sell"):
            named = getattr(self, name)
            object.__setattr__(self, name, frozenset((named,) if isinstance(named, str) else named))
        read = {s: to_decimal(step, f"The increment of {s}") for s, step in self.increments.items()}
        object.__setattr__(self, "increments", MappingProxyType(read))
        for name, choices in _CHOICES.items():
            object.__setattr__(self, name, _choice(name, choices, getattr(self, name)))
        for name in ("cash_reserve", "min_trade_value", "increment"):
            _read_not_negative(self, name, name)
        if self.max_turnover is not None:
            _read_not_negative(self, "max_turnover", "max_turnover")
        if self.max_trades is not None and self.max_trades < 0:
            raise RulesError(f"max_trades is {self.max_trades}; it must be zero or more.", ("max_trades",))
        self._read_half_spreads()
        self._read_location()
        steps = {"increment": self.increment, **self.increments}
        bad = [name for name, step in steps.items() if step <= 0]
        if bad:
            raise RulesError(f"The increment of {listed(bad)} must be above zero: 1 for whole shares.", bad)

    def _read_half_spreads(self) -> None:
        spreads = {s: to_decimal(spread, f"The half-spread of {s}") for s, spread in self.half_spreads.items()}
        bad = [s for s, spread in spreads.items() if not 0 <= spread < 1]
        if bad:
            raise RulesError(
                f"The half-spread of {listed(bad)} must be a fraction of the price: 0.0002 for 2 basis points.", bad
            )
        object.__setattr__(self, "half_spreads", MappingProxyType(spreads))

    def _read_location(self) -> None:
        read = {s: tuple(_choice(f"location[{s}]", TaxTreatment, t) for t in best) for s, best in self.location.items()}
        object.__setattr__(self, "location", MappingProxyType(read))

    def increment_of(self, symbol: str) -> Decimal:
        """The smallest tradable step of a symbol, in units."""
        return self.increments.get(symbol, self.increment)


_CHOICES: dict[str, type[StrEnum]] = {
    "objective": Objective,
    "selling": Selling,
    "outside_target": OutsideTarget,
    "trade": TradeScope,
    "destination": Destination,
}


def _read_not_negative(values: object, field_name: str, told_as: str) -> None:
    """Read a number into a frozen value, or refuse it."""
    number = to_decimal(getattr(values, field_name), told_as)
    if number < 0:
        raise RulesError(f"{told_as} is {number}; it must be zero or more.", (told_as,))
    object.__setattr__(values, field_name, number)


def _choice(name: str, choices: type[StrEnum], found: object) -> StrEnum:
    try:
        return choices(str(found))
    except ValueError:
        raise RulesError(f"{name} is {str(found)[:40]!r}; choose one of {listed(choices)}.", (name,)) from None
