"""The request of the command line, read strictly and translated into our values."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from allocation.errors import TargetError, TargetSumError, listed, read_each
from allocation.facts import Facts
from allocation.model import (
    Account,
    Portfolio,
    Position,
    RecentSale,
    TaxLot,
    TaxTreatment,
    parse_symbol,
    refuse_duplicates,
)
from allocation.money import plain
from allocation.request.complaints import Complaints, key_shown
from allocation.request.fields import REQUEST
from allocation.request.shapes import json_schema
from allocation.request.strict_json import read_json
from allocation.rules import Band, Costs, Harvest, Rules, Taxes
from allocation.targets import SUM_TOLERANCE, AssetClass, ClassTarget, TargetAllocation

Told = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """What the request says: every key of `fields`, with the defaults filled in."""

    told: Told

    def to_facts(self) -> Facts:
        """Everything the plan is made from."""
        flows = {account["id"]: account["cash_flow"] for account in self.told["accounts"]}
        return Facts(self.to_portfolios(), self.to_target(), self.to_prices(), self.to_rules(), flows)

    def to_portfolios(self) -> tuple[Portfolio, ...]:
        """The accounts with their positions and cash."""
        return tuple(read_each(_portfolio, self.told["accounts"]))

    def to_target(self) -> TargetAllocation | ClassTarget:
        """The weights, or the tree of classes with the exposure of every security."""
        weights, classes = self.told["target"]["weights"], self.told["target"]["classes"]
        if weights is not None:
            return TargetAllocation.of(weights)
        exposures = {s: told["classes"] for s, told in self._securities() if told["classes"]}
        _refuse_classes_beyond_the_whole("target.classes", classes)
        _refuse_classes_given_twice(classes)
        return ClassTarget(tuple(_asset_classes(classes)), exposures)

    def to_prices(self) -> dict[str, Decimal]:
        """The prices that the request gives."""
        return {s: told["price"] for s, told in self._securities() if told["price"] is not None}

    def to_rules(self) -> Rules:
        """The rules."""
        told, securities = self.told["rules"], dict(self._securities())
        spreads = {s: security["half_spread"] for s, security in securities.items() if security["half_spread"]}
        translated = {
            **{name: frozenset(_symbols(told[name])) for name in ("lock", "do_not_buy", "do_not_sell")},
            "band": None if told["band"] is None else Band(**told["band"]),
            "costs": Costs(**told["costs"]),
            "taxes": _taxes(told["taxes"]),
            "location": dict(zip(_symbols(told["location"]), told["location"].values(), strict=True)),
            "increments": {s: each["increment"] for s, each in securities.items() if each["increment"] is not None},
            "half_spreads": spreads,
        }
        return Rules(**{**told, **translated})

    def _securities(self) -> Iterator[tuple[str, Told]]:
        told = self.told["securities"]
        refuse_duplicates("securities", told)
        yield from zip(_symbols(told), told.values(), strict=True)


def read_request(text: str | bytes) -> Request:
    """The request in the text.

    Raises:
        RequestError, NumberError: it is not a request; every culprit is named by its path.
    """
    complaints = Complaints()
    told = REQUEST.read(read_json(text), "", complaints)
    complaints.refuse()
    return Request(told or {})


def request_schema() -> dict[str, Any]:
    """The JSON Schema of the request."""
    return json_schema(REQUEST)


def _portfolio(told: Told) -> Portfolio:
    account = Account(told["id"], told["id"], tax_treatment=TaxTreatment(told["tax_treatment"]))
    positions = tuple(read_each(_position, told["positions"]))
    sales = tuple(read_each(lambda sale: RecentSale(**sale), told["recent_sales"]))
    return Portfolio(account, positions, told["cash"], recent_sales=sales)


def _position(told: Told) -> Position:
    lots = tuple(TaxLot(lot["quantity"], lot["unit_cost"], lot["acquired"]) for lot in told["lots"])
    return Position(told["symbol"], told["quantity"], lots)


def _taxes(told: Told) -> Taxes:
    harvest = told["harvest"]
    if harvest is not None:
        substitutes = dict(
            zip(_symbols(harvest["substitutes"]), _symbols(harvest["substitutes"].values()), strict=True)
        )
        harvest = Harvest(**{**harvest, "substitutes": substitutes})
    return Taxes(**{**told, "harvest": harvest})


def _asset_classes(told: Mapping[str, Told]) -> Iterator[AssetClass]:
    for name, each in told.items():
        named = each["securities"] or ()
        symbols = tuple(_symbols(named))
        yield AssetClass(
            name=name,
            weight=each["weight"],
            children=tuple(_asset_classes(each["children"] or {})),
            securities=symbols,
            within=dict(zip(symbols, named.values(), strict=True)) if isinstance(named, Mapping) else {},
        )


def _refuse_classes_beyond_the_whole(path: str, told: Mapping[str, Told]) -> None:
    """At no level may the weights come to more than the class above."""
    total = sum((each["weight"] for each in told.values()), Decimal(0))
    if total - 1 > SUM_TOLERANCE:
        raise TargetSumError(
            f"The weights of {listed(told)} in {path} come to {plain(total * 100)} % of what is above them. "
            "Lower one or more of them.",
            tuple(told),
        )
    for name, each in told.items():
        _refuse_classes_beyond_the_whole(f"{path}.{key_shown(name)}.children", each["children"] or {})


def _refuse_classes_given_twice(told: Mapping[str, Told]) -> None:
    """A security says by name which class it belongs to."""
    twice = sorted(name for name, count in Counter(_names(told)).items() if count > 1)
    if twice:
        raise TargetError(
            f"The class {listed(twice)} stands more than once in the target. Give each a name of its own.", twice
        )


def _names(told: Mapping[str, Told]) -> Iterator[str]:
    for name, each in told.items():
        yield name
        yield from _names(each["children"] or {})


def _symbols(told: Iterable[str]) -> list[str]:
    return read_each(parse_symbol, told)
