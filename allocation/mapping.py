"""Which column of a table that no reader knows means what, as a user chose it; remembered by the names in its header."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from allocation.errors import MappingError
from allocation.model import check_currency

MOST_PLACES = 256
LONGEST_KEPT = 2_000


class Field(StrEnum):
    """What a column of holdings can hold."""

    SYMBOL = "symbol"
    QUANTITY = "quantity"
    PRICE = "price"
    VALUE = "value"
    COST = "cost"
    UNIT_COST = "unit_cost"
    ACQUIRED = "acquired"
    CURRENCY = "currency"
    ACCOUNT = "account"
    NAME = "name"


class DayOrder(StrEnum):
    """How days are written; 2026-11-20 is read in every order."""

    ISO = "iso"
    DAY_FIRST = "day_first"
    MONTH_FIRST = "month_first"


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """What the columns of a table mean.

    Attributes:
        places: where each field stands, counted from zero; symbol and quantity are always there.
        decimal_comma: whether 1,5 is one and a half.
        days: how days are written.
        currency: of the accounts, where no column tells it.
    """

    places: Mapping[Field, int]
    decimal_comma: bool = False
    days: DayOrder = DayOrder.ISO
    currency: str = "USD"

    def __post_init__(self) -> None:
        missing = [name.value for name in (Field.SYMBOL, Field.QUANTITY) if name not in self.places]
        if missing:
            raise MappingError(
                f"Choose the column of the {' and of the '.join(missing)}; without it nothing can be held.", missing
            )
        used = list(self.places.values())
        twice = sorted({name.value for name, place in self.places.items() if used.count(place) > 1})
        if twice:
            raise MappingError(
                f"One column cannot be the {' and the '.join(twice)}. Choose another for one of them.", twice
            )
        if any(isinstance(place, bool) or not 0 <= place < MOST_PLACES for place in used):
            raise MappingError("A column that the table does not have was chosen. Choose again.", ("column",))
        check_currency(self.currency)
        object.__setattr__(self, "places", MappingProxyType(dict(self.places)))


def fingerprint_of(names: Iterable[str]) -> str:
    """What tells a header from others: the names of its columns in their order, in lower case."""
    return hashlib.sha256("\x1f".join(name.strip().lower() for name in names).encode()).hexdigest()


def to_text(mapping: ColumnMapping) -> str:
    """The mapping as it is kept."""
    return json.dumps(
        {
            "places": {name.value: place for name, place in mapping.places.items()},
            "decimal_comma": mapping.decimal_comma,
            "days": mapping.days.value,
            "currency": mapping.currency,
        }
    )


def from_text(text: str) -> ColumnMapping:
    """The mapping that was kept.

    Raises:
        MappingError: it is damaged, or of a newer program.
    """
    try:
        told: dict[str, Any] = json.loads(text[:LONGEST_KEPT])
        places = {Field(name): int(place) for name, place in told["places"].items()}
        return ColumnMapping(places, bool(told["decimal_comma"]), DayOrder(told["days"]), str(told["currency"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise MappingError(
            "The columns remembered for this table cannot be read. Choose them again.", ("columns",)
        ) from None
