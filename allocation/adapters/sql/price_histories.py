"""Closes of the past in the database, shared by all users: one row for each symbol."""

import json
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from sqlalchemy import RowMapping, select

from allocation.adapters.sql.database import Database
from allocation.adapters.sql.market_tables import price_history
from allocation.adapters.sql.upsert import upsert
from allocation.model import PriceSource
from allocation.money import plain
from allocation.price_history import Close, Period, PriceHistory, Split


class SqlPriceHistories:
    """A `HistoryCache` in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self, symbols: Iterable[str]) -> dict[str, PriceHistory]:
        """The histories kept of these symbols, however old."""
        question = select(price_history).where(price_history.c.symbol.in_(list(symbols)))
        with self._database.reading() as connection:
            return {row["symbol"]: _history(row) for row in connection.execute(question).mappings()}

    def save(self, history: PriceHistory) -> None:
        """Keep this in place of the one before."""
        row = {
            "symbol": history.symbol,
            "period": history.period.value,
            "as_of": history.as_of,
            "content": _content(history),
        }
        with self._database.writing() as connection:
            connection.execute(upsert(price_history, connection), row)


def _content(history: PriceHistory) -> str:
    return json.dumps(
        {
            "currency": history.currency,
            "source": history.source.value,
            "closes": [[c.day.isoformat(), plain(c.price), plain(c.adjusted)] for c in history.closes],
            "splits": [[s.day.isoformat(), plain(s.new), plain(s.old)] for s in history.splits],
        },
        separators=(",", ":"),
    )


def _history(row: RowMapping) -> PriceHistory:
    told = json.loads(row["content"])
    return PriceHistory(
        row["symbol"],
        told["currency"],
        Period(row["period"]),
        tuple(Close(date.fromisoformat(d), Decimal(p), Decimal(a)) for d, p, a in told["closes"]),
        tuple(Split(date.fromisoformat(d), Decimal(new), Decimal(old)) for d, new, old in told["splits"]),
        row["as_of"],
        PriceSource(told["source"]),
    )
