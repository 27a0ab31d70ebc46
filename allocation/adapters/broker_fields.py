"""A broker's JSON, field by field: what is missing or no number is refused with its name, never guessed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from allocation.adapters.broker_wire import Answer, exact_json
from allocation.brokers import BrokerAnswerError
from allocation.errors import NumberError, SymbolError
from allocation.model import parse_symbol
from allocation.money import to_decimal


@dataclass(frozen=True, slots=True)
class Fields:
    """One object of an answer.

    Attributes:
        broker: whose answer it is, for refusals.
        where: the object's name as the broker documents it.
    """

    broker: str
    where: str
    told: Mapping[str, Any] = field(repr=False)

    def refused(self, name: str, found: object = None, code: str = "BROKER_MALFORMED") -> BrokerAnswerError:
        """The refusal of a field that is missing or cannot be what it says."""
        what = "is missing" if found is None else f"is {str(found)[:40]!a}"
        return BrokerAnswerError(
            code,
            f"{self.broker}'s answer cannot be used: {name} of {self.where} {what}. Try again in a minute; if it stays, "
            "import a file instead.",
            (self.where,),
        )

    def one(self, name: str) -> "Fields":
        """An object inside this one."""
        found = self.told.get(name)
        if not isinstance(found, dict):
            raise self.refused(name, found)
        return Fields(self.broker, name, found)

    def maybe_one(self, name: str) -> "Fields | None":
        """An object inside this one, where there is one."""
        return None if self.told.get(name) is None else self.one(name)

    def many(self, name: str) -> tuple["Fields", ...]:
        """The objects of a list; none when it is not there. Where there is one, some brokers leave the list out."""
        found = self.told.get(name)
        listed = found if isinstance(found, list) else [] if found is None else [found]
        if not all(isinstance(each, dict) for each in listed):
            raise self.refused(name, found)
        return tuple(Fields(self.broker, name, each) for each in listed)

    def first(self, name: str) -> "Fields":
        """The first object of a list that has one."""
        found = self.many(name)
        if not found:
            raise self.refused(name)
        return found[0]

    def text(self, name: str) -> str:
        """A text or a number as text; never empty."""
        found = self.maybe_text(name)
        if not found:
            raise self.refused(name, self.told.get(name))
        return found

    def maybe_text(self, name: str) -> str:
        """A text or a number as text; empty where there is none."""
        found = self.told.get(name)
        if found is None:
            return ""
        if isinstance(found, bool) or not isinstance(found, str | int | Decimal):
            raise self.refused(name, found)
        return str(found).strip()

    def symbol(self, name: str) -> str:
        """A symbol in the broker's own spelling."""
        try:
            return parse_symbol(self.text(name))
        except SymbolError as error:
            raise self.refused(name, self.told.get(name)) from error

    def number(self, name: str, code: str = "BROKER_MALFORMED") -> Decimal:
        """A finite number, exactly; `code` says what it means when there is none."""
        found = self.told.get(name)
        if found is None:
            raise self.refused(name, code=code)
        try:
            return to_decimal(found, name)
        except NumberError as error:
            raise self.refused(name, found, code) from error

    def positive(self, name: str) -> Decimal:
        """A finite number above zero."""
        found = self.number(name)
        if found <= 0:
            raise self.refused(name, found)
        return found

    def maybe_number(self, name: str, code: str = "BROKER_MALFORMED") -> Decimal | None:
        """A finite number where there is one."""
        return None if self.told.get(name) is None else self.number(name, code)

    def milliseconds(self, name: str) -> datetime:
        """A moment given as milliseconds since 1970."""
        return self._moment(name, self.number(name) / 1000)

    def seconds(self, name: str) -> datetime:
        """A moment given as seconds since 1970."""
        return self._moment(name, self.number(name))

    def iso_time(self, name: str) -> datetime:
        """A moment given as ISO 8601 with its time zone."""
        try:
            found = datetime.fromisoformat(self.text(name))
        except ValueError as error:
            raise self.refused(name, self.told.get(name)) from error
        if found.tzinfo is None:
            raise self.refused(name, self.told.get(name))
        return found.astimezone(UTC)

    def _moment(self, name: str, seconds: Decimal) -> datetime:
        try:
            return datetime.fromtimestamp(float(seconds), UTC)
        except (ValueError, OverflowError, OSError) as error:
            raise self.refused(name, self.told.get(name)) from error


def fields_of(broker: str, where: str, answer: Answer) -> Fields:
    """The object an answer is; raises `BrokerAnswerError` for anything else."""
    found = json_of(broker, where, answer)
    if not isinstance(found, dict):
        raise unreadable(broker, where)
    return Fields(broker, where, found)


def list_of(broker: str, where: str, answer: Answer) -> tuple[Fields, ...]:
    """The objects of the list an answer is; raises `BrokerAnswerError` for anything else."""
    found = json_of(broker, where, answer)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise unreadable(broker, where)
    return tuple(Fields(broker, where, each) for each in found)


def json_of(broker: str, where: str, answer: Answer) -> Any:
    """What an answer says; raises `BrokerAnswerError` where it is no JSON."""
    try:
        return exact_json(answer.body)
    except ValueError:
        raise unreadable(broker, where) from None


def unreadable(broker: str, where: str) -> BrokerAnswerError:
    """The refusal of an answer that is no JSON of the expected kind."""
    return BrokerAnswerError(
        "BROKER_MALFORMED",
        f"{broker}'s answer cannot be read ({where}): it is cut off or no JSON. Try again in a minute; if it stays, "
        "import a file instead.",
        (where,),
    )
