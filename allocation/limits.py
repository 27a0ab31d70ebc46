"""What one account's orders may be at most, as its people set it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from allocation.errors import RulesError, listed
from allocation.money import plain, to_decimal

_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one account's orders may be at most. Shares, turnover and collar are fractions.

    Attributes:
        order_share: one order's value as a share of the portfolio.
        order_value: one order's value in money of the account; None: no such limit.
        turnover: Σ|value| ÷ 2 ÷ total of one batch, above which it must be confirmed by hand.
        orders: orders in one batch.
        orders_per_minute: how many the executor sends in a minute.
        collar: how far a price may have moved since the review, and a limit from the quote.
        quote_minutes: how old a quote may be.
        duplicate_minutes: within which the same symbol and side is taken for the same order again.
        market_hours: whether orders are sent only while the exchange is open.
    """

    order_share: Decimal = Decimal("0.25")
    order_value: Decimal | None = None
    turnover: Decimal = Decimal("0.5")
    orders: int = 100
    orders_per_minute: int = 30
    collar: Decimal = Decimal("0.02")
    quote_minutes: int = 20
    duplicate_minutes: int = 10
    market_hours: bool = True

    def __post_init__(self) -> None:
        wrong = [name for name in ("order_share", "turnover", "collar") if not 0 < getattr(self, name) <= _ONE]
        wrong += [name for name in ("orders", "orders_per_minute", "quote_minutes") if getattr(self, name) < 1]
        wrong += ["duplicate_minutes"] if self.duplicate_minutes < 0 else []
        wrong += ["order_value"] if self.order_value is not None and self.order_value <= 0 else []
        if wrong:
            raise RulesError(
                f"The limits {listed(wrong)} are out of range: shares lie above 0 and up to 1, counts at 1 and above. "
                "Correct them.",
                wrong,
            )


def limits_as_dict(limits: Limits) -> dict[str, Any]:
    """Plain values, numbers with decimals as text."""
    told = {each.name: getattr(limits, each.name) for each in fields(Limits)}
    return {name: plain(value) if isinstance(value, Decimal) else value for name, value in told.items()}


def read_limits(told: Mapping[str, Any]) -> Limits:
    """The limits in a mapping; what is missing has its default.

    Raises:
        RulesError: a name that is no limit, or a value that cannot be one.
    """
    known = {each.name for each in fields(Limits)}
    if strange := sorted(set(told) - known):
        raise RulesError(f"There is no limit called {listed(strange)}. There are: {listed(sorted(known))}.", strange)
    read: dict[str, Any] = {}
    for name, value in told.items():
        read[name] = _read_limit(name, value)
    return Limits(**read)


def _read_limit(name: str, value: Any) -> Any:
    default = getattr(Limits(), name)
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise RulesError(f"The limit {name} is {str(value)[:40]!a}; it is true or false.", (name,))
        return value
    if isinstance(default, int):
        number = to_decimal(value, name)
        if number != int(number):
            raise RulesError(f"The limit {name} is {plain(number)}; it is a whole number.", (name,))
        return int(number)
    return None if value is None else to_decimal(value, name)
