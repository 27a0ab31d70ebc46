"""The models of a book: what each wants, and at which prices and steps where an account does not say so itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from allocation.book.columns import read_model_columns
from allocation.errors import AllocationError
from allocation.money import to_decimal
from allocation.targets import TargetAllocation


class ModelUnknownError(AllocationError):
    """An account that follows a model nobody described."""

    code = "model_unknown"


@dataclass(frozen=True, slots=True)
class Model:
    """One model: its target, or why there is none.

    Attributes:
        prices, increments: of its securities, where the models' table has them.
    """

    target: TargetAllocation | None
    refusal: AllocationError | None = None
    prices: Mapping[str, Decimal] = field(default_factory=dict)
    increments: Mapping[str, Decimal] = field(default_factory=dict)

    def wanted(self) -> TargetAllocation:
        """The target, or the refusal that stands in its place."""
        if self.target is None:
            raise self.refusal or AllocationError("The model has no target.")
        return self.target


def read_models(table: pa.Table) -> Mapping[str, Model]:
    """Each model by its id. One that cannot be read refuses the accounts that follow it, and no others."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in read_model_columns(table).to_pylist():
        rows.setdefault(row["model_id"], []).append(row)
    return MappingProxyType({model_id: _model(model_id, given) for model_id, given in rows.items()})


def find_model(models: Mapping[str, Model], model_id: str | None) -> Model:
    """The model of that id.

    Raises:
        ModelUnknownError: there is none.
    """
    found = models.get(model_id) if model_id is not None else None
    if found is None:
        named = "no model_id" if model_id is None else f"the model {model_id[:40]!a}, which is not among the models"
        raise ModelUnknownError(f"The account has {named}. Add the model or correct the id.", (model_id or "model_id",))
    return found


def _model(model_id: str, rows: list[dict[str, Any]]) -> Model:
    try:
        weights = _weights(model_id, rows)
        return Model(TargetAllocation.of(weights), None, _given(rows, "price"), _given(rows, "increment"))
    except AllocationError as error:
        told = AllocationError(f"Model {model_id}: {error.message}", error.culprits)
        told.code = error.code
        return Model(None, told)


def _weights(model_id: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The weights as they stand; a symbol that stands twice is kept twice, under a spelling that is refused."""
    weights: dict[str, Any] = {}
    for row in rows:
        symbol = row["symbol"] if row["symbol"] is not None else ""
        while symbol in weights:
            symbol = f"{symbol} "
        weights[symbol] = "" if row["weight"] is None else row["weight"]
    return weights


def _given(rows: list[dict[str, Any]], name: str) -> Mapping[str, Decimal]:
    return {
        row["symbol"].strip(): to_decimal(row[name], f"The {name} of {row['symbol']}")
        for row in rows
        if row.get(name) is not None
    }
