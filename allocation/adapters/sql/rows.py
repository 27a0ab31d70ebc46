"""Values as rows of the tables, and rows as values again."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

from sqlalchemy import RowMapping

from allocation.model import Account, Portfolio, Position, PriceSource, Quote, SetAside, TaxLot, TaxTreatment
from allocation.targets import TargetAllocation

Row: TypeAlias = dict[str, Any]


def account_row(portfolio: Portfolio) -> Row:
    """The account with its cash, without its owner."""
    account = portfolio.account
    return {
        "id": account.id,
        "name": account.name,
        "note": account.note,
        "broker": account.broker,
        "number": account.number,
        "currency": account.currency,
        "tax_treatment": account.tax_treatment.value,
        "cash": portfolio.cash,
        "as_of": portfolio.as_of,
    }


def account_of(row: RowMapping) -> Account:
    """The account of a row."""
    return Account(
        row["id"],
        row["name"],
        row["broker"],
        row["number"],
        row["currency"],
        TaxTreatment(row["tax_treatment"]),
        row["note"],
    )


def position_rows(positions: Iterable[Position], key: Row) -> list[Row]:
    """One row for each position, in order."""
    return [
        {**key, "line": line, "symbol": p.symbol, "quantity": p.quantity, "name": p.name, **_file_quote_row(p.quote)}
        for line, p in enumerate(positions)
    ]


def lot_rows(positions: Iterable[Position], key: Row) -> list[Row]:
    """One row for each tax lot, in order."""
    return [
        {**key, "line": line, "lot": number, "quantity": x.quantity, "unit_cost": x.unit_cost, "acquired": x.acquired}
        for line, position in enumerate(positions)
        for number, x in enumerate(position.lots)
    ]


def position_of(row: RowMapping, lots: Iterable[RowMapping]) -> Position:
    """The position of a row and its lots' rows."""
    held = tuple(TaxLot(lot["quantity"], lot["unit_cost"], lot["acquired"]) for lot in lots)
    return Position(row["symbol"], row["quantity"], held, row["name"], _file_quote_of(row))


def set_aside_rows(lines: Iterable[SetAside], key: Row) -> list[Row]:
    """One row for each line that was set aside, in order."""
    return [
        {**key, "line": number, "description": x.description, "reason": x.reason, "value": x.value}
        for number, x in enumerate(lines)
    ]


def set_aside_of(row: RowMapping) -> SetAside:
    """The line of a row."""
    return SetAside(row["description"], row["reason"], row["value"])


def balance_rows(balances: Mapping[str, Decimal], key: Row) -> list[Row]:
    """One row for each currency."""
    return [{**key, "currency": currency, "amount": amount} for currency, amount in balances.items()]


def balances_of(rows: Iterable[RowMapping]) -> dict[str, Decimal]:
    """The balances of their rows."""
    return {row["currency"]: row["amount"] for row in rows}


def weight_rows(target: TargetAllocation, key: Row) -> list[Row]:
    """One row for each weight, in order, then one for each line that is locked without a weight."""
    weights: dict[str, Decimal | None] = dict(target.weights)
    weights.update((symbol, None) for symbol in sorted(target.locked - weights.keys()))
    return [
        {**key, "line": line, "symbol": symbol, "weight": weight, "locked": symbol in target.locked}
        for line, (symbol, weight) in enumerate(weights.items())
    ]


def target_of(rows: Sequence[RowMapping]) -> TargetAllocation:
    """The target of its weights' rows."""
    weights = {row["symbol"]: row["weight"] for row in rows if row["weight"] is not None}
    return TargetAllocation(weights, frozenset(row["symbol"] for row in rows if row["locked"]))


def quote_row(quote: Quote) -> Row:
    """A quote without its source."""
    return {"symbol": quote.symbol, "price": quote.price, "currency": quote.currency, "time": quote.time}


def quote_of(row: RowMapping, source: PriceSource) -> Quote:
    """The quote of a row."""
    return Quote(row["symbol"], row["price"], row["currency"], row["time"], source)


def _file_quote_row(quote: Quote | None) -> Mapping[str, Any]:
    if quote is None:
        return dict.fromkeys(("quote_price", "quote_currency", "quote_time", "quote_source"))
    return {
        "quote_price": quote.price,
        "quote_currency": quote.currency,
        "quote_time": quote.time,
        "quote_source": quote.source.value,
    }


def _file_quote_of(row: RowMapping) -> Quote | None:
    if row["quote_price"] is None:
        return None
    source = PriceSource(row["quote_source"])
    return Quote(row["symbol"], row["quote_price"], row["quote_currency"], row["quote_time"], source)
