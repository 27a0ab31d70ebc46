"""How the user lets us trade. Every default is the plain case: buy and sell, whole shares, no costs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from allocation.errors import RulesError, listed
from allocation.money import to_decimal


class Objective(StrEnum):
    """What "closest to the target" means. See docs/engine.md."""

    L2 = "l2"
    L1 = "l1"


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


@dataclass(frozen=True, slots=True)
class Rules:
    """One immutable set of rules.

    Attributes:
        cash_reserve: money kept uninvested and outside the weights.
        lock: neither bought nor sold.
        min_trade_value: a trade is nothing or at least this much money.
        increment: smallest tradable step in units: 1 whole shares, 0.000001 fractions, 100 round lots.
        increments: the step of single symbols where it differs.
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

    def __post_init__(self) -> None:
        for name in ("lock", "do_not_buy", "do_not_sell"):
            named = getattr(self, name)
            object.__setattr__(self, name, frozenset((named,) if isinstance(named, str) else named))
        read = {s: to_decimal(step, f"The increment of {s}") for s, step in self.increments.items()}
        object.__setattr__(self, "increments", MappingProxyType(read))
        for name, choices in (("objective", Objective), ("selling", Selling), ("outside_target", OutsideTarget)):
            object.__setattr__(self, name, _choice(name, choices, getattr(self, name)))
        for name in ("cash_reserve", "min_trade_value", "increment"):
            object.__setattr__(self, name, to_decimal(getattr(self, name), name))
            if getattr(self, name) < 0:
                raise RulesError(f"{name} is {getattr(self, name)}; it must be zero or more.", (name,))
        steps = {"increment": self.increment, **self.increments}
        bad = [name for name, step in steps.items() if step <= 0]
        if bad:
            raise RulesError(f"The increment of {listed(bad)} must be above zero: 1 for whole shares.", bad)

    def increment_of(self, symbol: str) -> Decimal:
        """The smallest tradable step of a symbol, in units."""
        return self.increments.get(symbol, self.increment)


def _choice(name: str, choices: type[StrEnum], found: object) -> StrEnum:
    try:
        return choices(str(found))
    except ValueError:
        raise RulesError(f"{name} is {str(found)[:40]!r}; choose one of {listed(choices)}.", (name,)) from None
