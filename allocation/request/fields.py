"""The kinds of values that requests and responses are made of, for pydantic and for JSON Schema."""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from allocation.errors import NumberError
from allocation.money import plain, to_decimal

_PRINTED = re.compile(r"-?\d{1,60}(\.\d{1,60})?", re.ASCII)
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class Strict(BaseModel):
    """An object that knows its keys and refuses all others."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _number(found: object) -> Decimal:
    try:
        return to_decimal(found)
    except NumberError as error:
        raise PydanticCustomError("number", "{expected}", {"expected": error.message}) from None


def _whole_number(found: object) -> int:
    number = _number(found)
    if number != int(number):
        raise PydanticCustomError("number", "{expected}", {"expected": "a whole number"})
    return int(number)


def _printed(found: object) -> Decimal:
    """A number as we print it: products of prices and quantities may have more digits than any input."""
    if isinstance(found, Decimal) or (isinstance(found, str) and _PRINTED.fullmatch(found)):
        return Decimal(found)
    raise PydanticCustomError("number", "{expected}", {"expected": "a number as a plan prints it"})


def _date(found: object) -> date:
    if not (isinstance(found, str) and _ISO_DATE.fullmatch(found)):
        raise PydanticCustomError("date", "expected a date such as 2026-11-20")
    try:
        return date.fromisoformat(found)
    except ValueError:
        raise PydanticCustomError("date", "no such day in the calendar") from None


Exact = Annotated[
    Decimal,
    BeforeValidator(_number),
    PlainSerializer(plain, return_type=str),
    WithJsonSchema({"type": ["number", "string"], "description": "a number, or the same as text"}),
]
Printed = Annotated[
    Decimal,
    BeforeValidator(_printed),
    WithJsonSchema({"type": "string", "pattern": r"^-?\d+(\.\d+)?$"}),
]
NotNegative = Annotated[Exact, Field(ge=0)]
Positive = Annotated[Exact, Field(gt=0)]
Fraction01 = Annotated[Exact, Field(ge=0, le=1)]
PrintedCount = Annotated[
    int, BeforeValidator(_whole_number), Field(ge=0), WithJsonSchema({"type": "integer", "minimum": 0})
]
Count = Annotated[PrintedCount, WithJsonSchema({"type": ["integer", "string"], "minimum": 0})]
IsoDate = Annotated[date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]
