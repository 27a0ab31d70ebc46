"""What Yahoo says about many symbols at once: its quote table read row by row. Pure; refuses whatever is not plain."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from allocation.adapters.yahoo_chart import NoPriceError, answered_as, parsed, refuse_status
from allocation.guard import PriceCode, Reading, read_quote
from allocation.model import PriceSource, Quote

ROWS_AT_ONCE: Final = 200
COLUMNS: Final = ("symbol", "regularMarketPrice", "currency", "regularMarketTime")


def read_table(status: int, text: str) -> Mapping[str, Mapping[str, Any]]:
    """The rows by Yahoo's symbol.

    Raises:
        NoPriceError: the answer is no table, or one without rows, or with two rows of the same symbol.
    """
    refuse_status(status)
    match parsed(text):
        case {"quoteResponse": {"result": [_, *_] as rows}} if all(isinstance(row, dict) for row in rows):
            table = {str(row.get("symbol")).upper(): row for row in rows}
            if len(table) == len(rows):
                return table
    raise NoPriceError("its answer is not a table of quotes", PriceCode.MALFORMED)


def read_row(symbol: str, ticker: str, row: Mapping[str, Any], now: datetime) -> Quote:
    """The quote in a row, under our spelling of the symbol and in whole currency units.

    Raises:
        DoubtfulPriceError: there is none that we would stand behind.
    """
    said, price, currency, time = (row.get(column) for column in COLUMNS)
    return read_quote(Reading(symbol, ticker, answered_as(ticker, said), price, currency, time), PriceSource.YAHOO, now)
