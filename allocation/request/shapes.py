"""The shapes that JSON may have: each reads a value strictly, says where and what is wrong, and has its JSON Schema.

One table of shapes is both the reader and the schema, so that the two cannot differ. Nothing heavy is imported: a command
that answers in milliseconds should not wait longer for its reader.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

from allocation.errors import NumberError
from allocation.money import to_decimal
from allocation.request.complaints import Complaints, key_shown, shown

# No tree of asset classes is this deep; Python's own stack is not much deeper.
DEEPEST = 60

Schema = dict[str, Any]
REQUIRED = object()


class Shape(Protocol):
    """What may stand in one place."""

    def read(self, found: object, path: str, complaints: Complaints) -> Any:
        """The value; None, and a complaint, where there is none."""

    def schema(self, known: Schema) -> Schema:
        """Its JSON Schema; named objects are entered in `known` and referred to."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number, or the same as text; read digit for digit."""

    least: int | None = None
    above: int | None = None
    most: int | None = None

    def read(self, found: object, path: str, complaints: Complaints) -> Decimal | None:
        """The number, if it is in its range."""
        try:
            number = to_decimal(found, path)
        except NumberError as error:
            complaints.number(path, error)
            return None
        for bound, told, broken in self._bounds(number):
            if broken:
                complaints.add(path, f"{path} is {shown(found)}; it must be {told.format(bound)}.")
        return number

    def _bounds(self, number: Decimal) -> Iterator[tuple[int, str, bool]]:
        if self.above is not None:
            yield self.above, "above {}", number <= self.above
        if self.least is not None:
            yield self.least, "{} or more", number < self.least
        if self.most is not None:
            yield self.most, "{} or less", number > self.most

    def schema(self, known: Schema) -> Schema:
        """Bounds hold for JSON numbers; text has the same."""
        bounds = {"minimum": self.least, "exclusiveMinimum": self.above, "maximum": self.most}
        told = {"type": ["number", "string"], "description": "a number, or the same as text"}
        return {**told, **{name: bound for name, bound in bounds.items() if bound is not None}}


@dataclass(frozen=True, slots=True)
class Count:
    """A whole number, zero or more."""

    def read(self, found: object, path: str, complaints: Complaints) -> int | None:
        """The count."""
        number = Number(least=0).read(found, path, complaints)
        if number is not None and number != int(number):
            complaints.number(path, NumberError(path, found, "a whole number"))
            return None
        return None if number is None else int(number)

    def schema(self, known: Schema) -> Schema:
        """Text is accepted as for other numbers."""
        return {"type": ["integer", "string"], "minimum": 0}


@dataclass(frozen=True, slots=True)
class Text:
    """Text of a bounded length."""

    shortest: int = 0
    longest: int | None = None

    def read(self, found: object, path: str, complaints: Complaints) -> str | None:
        """The text as it is."""
        if not isinstance(found, str):
            complaints.add(path, f"{path} is {shown(found)}; expected text.")
            return None
        if len(found) < self.shortest or (self.longest is not None and len(found) > self.longest):
            expected = f"{self.shortest} to {self.longest} characters"
            complaints.add(path, f"{path} has {len(found)} characters; expected {expected}.")
        return found

    def schema(self, known: Schema) -> Schema:
        """Its bounds."""
        bounds = {"minLength": self.shortest or None, "maxLength": self.longest}
        return {"type": "string", **{name: bound for name, bound in bounds.items() if bound is not None}}


@dataclass(frozen=True, slots=True)
class Day:
    """A day such as 2026-11-20."""

    def read(self, found: object, path: str, complaints: Complaints) -> date | None:
        """The day, if the calendar has it."""
        try:
            if isinstance(found, str) and len(found) == 10 and found[4] == found[7] == "-":
                return date.fromisoformat(found)
        except ValueError:
            complaints.add(path, f"{path} is {shown(found)}; no such day is in the calendar.")
            return None
        complaints.add(path, f"{path} is {shown(found)}; expected a date such as 2026-11-20.")
        return None

    def schema(self, known: Schema) -> Schema:
        """RFC 3339's full-date."""
        return {"type": "string", "format": "date"}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    def read(self, found: object, path: str, complaints: Complaints) -> str | None:
        """The word."""
        if isinstance(found, str) and found in self.words:
            return found
        *most, last = (f"'{word}'" for word in self.words)
        expected = f"{', '.join(most)} or {last}" if most else last
        complaints.add(path, f"{path} is {shown(found)}; expected {expected}.")
        return None

    def schema(self, known: Schema) -> Schema:
        """The words."""
        return {"enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class Maybe:
    """A shape, or null."""

    inner: Shape

    def read(self, found: object, path: str, complaints: Complaints) -> Any:
        """None for null."""
        return None if found is None else self.inner.read(found, path, complaints)

    def schema(self, known: Schema) -> Schema:
        """Either."""
        return {"anyOf": [self.inner.schema(known), {"type": "null"}]}


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list; its items are told apart by their symbol or id."""

    inner: Shape
    shortest: int = 0

    def read(self, found: object, path: str, complaints: Complaints) -> list[Any] | None:
        """The items."""
        if not isinstance(found, list):
            complaints.add(path, f"{path} is {shown(found)}; expected a list in brackets.")
            return None
        if len(found) < self.shortest:
            complaints.add(path, f"{path} is empty; expected at least {self.shortest}.")
        return [self.inner.read(each, f"{path}[{_name_of(each) or i}]", complaints) for i, each in enumerate(found)]

    def schema(self, known: Schema) -> Schema:
        """Its items."""
        least = {"minItems": self.shortest} if self.shortest else {}
        return {"type": "array", "items": self.inner.schema(known), **least}


@dataclass(frozen=True, slots=True)
class MapOf:
    """An object whose keys are names that the user gives."""

    inner: Shape

    def read(self, found: object, path: str, complaints: Complaints) -> dict[str, Any] | None:
        """The values by their names."""
        if not isinstance(found, Mapping):
            complaints.add(path, f"{path} is {shown(found)}; expected an object in braces.")
            return None
        return {key: self.inner.read(each, f"{path}.{key_shown(key)}", complaints) for key, each in found.items()}

    def schema(self, known: Schema) -> Schema:
        """Its values."""
        return {"type": "object", "additionalProperties": self.inner.schema(known)}


@dataclass(frozen=True, slots=True)
class ListOrMap:
    """A list where an order is meant, an object where each name has a value."""

    items: ListOf
    values: MapOf

    def read(self, found: object, path: str, complaints: Complaints) -> Any:
        """Whichever stands there."""
        shape: Shape = self.values if isinstance(found, Mapping) else self.items
        return shape.read(found, path, complaints)

    def schema(self, known: Schema) -> Schema:
        """Either."""
        return {"anyOf": [self.items.schema(known), self.values.schema(known)]}


@dataclass(frozen=True, slots=True)
class Key:
    """One key of an object: what stands there, and what is meant where nothing does, as JSON."""

    shape: Shape
    default: Any = REQUIRED


@dataclass(frozen=True, slots=True)
class Object:
    """An object that knows its keys and refuses all others.

    Attributes:
        name: of its definition in the schema.
        check: what else has to hold; the sentence to complain with, or "".
    """

    name: str
    description: str
    keys: dict[str, Key] = field(default_factory=dict)
    check: Callable[[dict[str, Any]], str] = lambda _: ""

    def read(self, found: object, path: str, complaints: Complaints) -> dict[str, Any] | None:
        """The values of every key, defaults where none is given."""
        if not isinstance(found, Mapping):
            complaints.add(path or "the request", f"{path or 'It'} is {shown(found)}; expected an object in braces.")
            return None
        if path.count(".") > DEEPEST:
            complaints.add(f"{path[:40]}…", f"{path[:40]}… is nested too deeply.")
            return None
        before = len(complaints)
        told = {name: self._value(name, key, found, path, complaints) for name, key in self.keys.items()}
        for name in found:
            if name not in self.keys:
                complaints.unknown(_at(path, name), name, list(self.keys))
        wrong = self.check(told) if len(complaints) == before else ""
        if wrong:
            complaints.add(path, f"{path}: {wrong}.")
        return told

    def _value(self, name: str, key: Key, found: Mapping[str, object], path: str, complaints: Complaints) -> Any:
        told = found.get(name, key.default)
        if told is REQUIRED:
            complaints.add(_at(path, name), f"{_at(path, name)} is missing.")
            return None
        return key.shape.read(told, _at(path, name), complaints)

    def schema(self, known: Schema) -> Schema:
        """A reference; the definition is entered once."""
        if self.name not in known:
            known[self.name] = {}
            known[self.name] = self.definition(known)
        return {"$ref": f"#/$defs/{self.name}"}

    def definition(self, known: Schema) -> Schema:
        """The keys with their defaults, and that there are no others."""
        required = [name for name, key in self.keys.items() if key.default is REQUIRED]
        return {
            "type": "object",
            "description": self.description,
            "properties": {name: _described(key, known) for name, key in self.keys.items()},
            "additionalProperties": False,
            **({"required": required} if required else {}),
        }


def json_schema(shape: Object) -> Schema:
    """The schema of a whole document, its definitions beside it (JSON Schema 2020-12)."""
    known: Schema = {}
    own = shape.definition(known)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": shape.name, **own, "$defs": known}


def _described(key: Key, known: Schema) -> Schema:
    schema = key.shape.schema(known)
    return schema if key.default is REQUIRED else {**schema, "default": key.default}


def _at(path: str, name: str) -> str:
    return f"{path}.{key_shown(name)}" if path else key_shown(name)


def _name_of(item: object) -> str:
    name = next((item[key] for key in ("symbol", "id") if key in item), "") if isinstance(item, Mapping) else ""
    return key_shown(name) if isinstance(name, str) else ""
