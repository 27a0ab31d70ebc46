"""Column types that mean the same on SQLite and PostgreSQL: exact decimals, moments in UTC, storable text."""

from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import DateTime, Dialect, Text
from sqlalchemy.types import TypeDecorator

from allocation.errors import NumberError


class ExactDecimal(TypeDecorator[Decimal]):
    """A Decimal as plain text, digit for digit: SQLite has no exact number with decimals."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        """The text that is stored: no exponent, trailing zeros kept."""
        if value is None:
            return None
        if not value.is_finite():
            raise NumberError("A number to be saved", value)
        return format(value, "f")

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        """The Decimal that was saved."""
        return None if value is None else Decimal(value)


class Moment(TypeDecorator[datetime]):
    """A point in time; whatever zone it came in, it is kept and read in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The moment in UTC; a time without a zone is refused."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise NumberError("A time to be saved", value, "a time with its time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The moment in UTC; SQLite gives it back without its zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class PlainText(TypeDecorator[str]):
    """Text both databases can hold: NUL and lone surrogates, which PostgreSQL refuses, become question marks."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """The text as it is stored and looked up."""
        return None if value is None else value.replace("\x00", "?").encode("utf-8", "replace").decode("utf-8")
