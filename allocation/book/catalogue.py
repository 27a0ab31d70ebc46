"""What all accounts of a book share, as columns: securities by number in the order of their symbols, models by number."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from math import lcm

import numpy as np

from allocation.book.account import Known
from allocation.book.exact import MOST_SCALE, TENS, Flags, Numbers, Wholes, nothing
from allocation.book.models import Model
from allocation.errors import AllocationError
from allocation.model import parse_symbol
from allocation.money import decimals
from allocation.rules import Objective, Rules, Selling
from allocation.targets import TargetAllocation

# Weights are whole numbers of 1/whole; beyond this the amounts of an account would hardly fit into 64 bits.
_LARGEST_WHOLE = 10**12
# Prices and steps beyond this, in units of the finest, are left to the exact way.
_LARGEST = Decimal(int(TENS[18]))
_PLAIN = (
    "objective",
    "selling",
    "outside_target",
    "cash_reserve",
    "min_trade_value",
    "lock",
    "do_not_buy",
    "do_not_sell",
    "increment",
    "increments",
)


@dataclass(frozen=True, slots=True)
class ModelColumns:
    """All models one after the other; model m has the lines from offsets[m] to offsets[m + 1], by symbol.

    Attributes:
        security: its number in the catalogue.
        weight, cash_weight: whole numbers; as fractions they are divided by `whole`.
        usable: models that have such numbers; accounts of the others are planned one by one.
        price, increment: what an account takes that does not give its own.
    """

    number: Mapping[str, int]
    offsets: Wholes
    security: Wholes
    weight: Wholes
    price: Numbers
    increment: Numbers
    whole: Wholes
    cash_weight: Wholes
    usable: Flags


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Securities and models by number.

    Attributes:
        number: of each symbol.
        clear: securities whose symbol is well spelled and in one way only.
        may_sell, may_buy: what the rules allow.
        increment: of each security, where neither account nor model says.
    """

    symbols: tuple[str, ...]
    number: Mapping[str, int]
    clear: Flags
    may_sell: Flags
    may_buy: Flags
    increment: Numbers
    models: ModelColumns


def is_plain(rules: Rules) -> bool:
    """Whether all that the rules ask for can be told to the kernel; otherwise every account is planned by itself."""
    plain = replace(Rules(), **{name: getattr(rules, name) for name in _PLAIN})
    return rules == plain and rules.objective != Objective.RELATIVE and rules.selling != Selling.TO_RAISE_CASH


def catalogue_of(models: Mapping[str, Model], known: Known, rules: Rules) -> Catalogue:
    """Number everything that the models and the survey of the book name."""
    targets = {name: model.target for name, model in models.items() if model.target is not None}
    wanted = {symbol for target in targets.values() for symbol in target.weights}
    symbols = tuple(sorted({*wanted, *known.prices, *known.disputed, *known.increments}))
    number = {symbol: i for i, symbol in enumerate(symbols)}
    kept = rules.lock | rules.do_not_sell if rules.selling == Selling.ALLOWED else symbols
    increments = [known.increments.get(symbol, rules.increment_of(symbol)) for symbol in symbols]
    return Catalogue(
        symbols,
        number,
        _clear(symbols),
        may_sell=np.array([symbol not in kept for symbol in symbols], bool),
        may_buy=np.array([symbol not in rules.lock | rules.do_not_buy for symbol in symbols], bool),
        increment=_numbers(increments),
        models=_model_columns(models, known, number, increments),
    )


def _clear(symbols: Iterable[str]) -> Flags:
    """Securities whose symbol is one, and which no other symbol differs from in capitals only."""
    spellings = Counter(symbol.upper() for symbol in symbols)
    return np.array([spellings[symbol.upper()] == 1 and _is_symbol(symbol) for symbol in symbols], bool)


def _is_symbol(text: str) -> bool:
    try:
        return parse_symbol(text) == text
    except AllocationError:
        return False


def _model_columns(
    models: Mapping[str, Model], known: Known, number: Mapping[str, int], increments: list[Decimal]
) -> ModelColumns:
    lines: list[tuple[int, int, Decimal | None, Decimal]] = []
    offsets, wholes = [0], []
    for model in models.values():
        whole, weights = _whole_weights(model.target)
        wholes.append((whole, whole - sum(weights.values())))
        for symbol in sorted(weights):
            price = model.prices.get(symbol, known.prices.get(symbol))
            increment = model.increments.get(symbol, increments[number[symbol]])
            lines.append((number[symbol], weights[symbol], price, increment))
        offsets.append(len(lines))
    return ModelColumns(
        {name: i for i, name in enumerate(models)},
        np.array(offsets, np.int64),
        security=np.array([line[0] for line in lines], np.int64),
        weight=np.array([line[1] for line in lines], np.int64),
        price=_numbers([line[2] for line in lines]),
        increment=_numbers([line[3] for line in lines]),
        whole=np.array([whole for whole, _ in wholes], np.int64),
        cash_weight=np.array([cash for _, cash in wholes], np.int64),
        usable=np.array([whole > 0 for whole, _ in wholes], bool),
    )


def _whole_weights(target: TargetAllocation | None) -> tuple[int, dict[str, int]]:
    """The exact weights as whole numbers of 1/whole; a whole of 0 where that takes too large a number."""
    exact = target.exact_weights if target is not None else {}
    whole = lcm(*(weight.denominator for weight in exact.values()))
    if not exact or whole > _LARGEST_WHOLE:
        return 0, {}
    return whole, {symbol: int(weight * whole) for symbol, weight in exact.items()}


def _numbers(values: list[Decimal | None] | list[Decimal]) -> Numbers:
    """As columns; what is missing, or has more digits than fit, is not read."""
    found = nothing(len(values))
    for i, value in enumerate(values):
        if value is not None and value > 0 and decimals(value) <= MOST_SCALE and value.scaleb(MOST_SCALE) < _LARGEST:
            found.scale[i], found.read[i] = decimals(value), True
            found.mantissa[i] = int(value.scaleb(decimals(value)))
    return found
