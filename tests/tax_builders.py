"""Lots, accounts and settlements that fit on a line: `held("VTI", "4@100 2020-01-31", "6.5@250")`."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from allocation.model import Account, Portfolio, Position, RecentSale, TaxLot, TaxTreatment
from allocation.rules import Rules, Taxes
from allocation.taxes import LotSlice, Settlement, settle

TODAY = date(2026, 11, 20)


def a_lot(text: str) -> TaxLot:
    """`4@100 2020-01-31`: quantity, unit cost, and the day where it is known."""
    units, _, day = text.partition(" ")
    quantity, cost = units.split("@")
    return TaxLot(Decimal(quantity), Decimal(cost), date.fromisoformat(day) if day else None)


def held(symbol: str, *lots: str) -> Position:
    read = tuple(a_lot(text) for text in lots)
    return Position(symbol, sum((lot.quantity for lot in read), Decimal(0)), read)


def an_account_of(
    *positions: Position,
    account: str = "main",
    treatment: TaxTreatment = TaxTreatment.TAXABLE,
    sold: tuple[RecentSale, ...] = (),
) -> Portfolio:
    return Portfolio(Account(account, account, tax_treatment=treatment), positions, recent_sales=sold)


def taxes(short: str = "0.4", long: str = "0.2", method: str = "least_tax", **more: Any) -> Taxes:
    return Taxes(Decimal(short), Decimal(long), method, **{"as_of": TODAY, **more})


def settled(
    portfolios: Portfolio | list[Portfolio],
    trades: Mapping[str | tuple[str, str], str | int],
    rules: Taxes,
    price: str | Mapping[str, str] = "100",
    increment: str = "1",
) -> Settlement:
    """Signed trades by symbol (of the account "main") or by account and symbol; one price for all, or by symbol."""
    every = [portfolios] if isinstance(portfolios, Portfolio) else portfolios
    signed = {("main", k) if isinstance(k, str) else k: Decimal(n) for k, n in trades.items()}
    symbols = {p.symbol for portfolio in every for p in portfolio.positions} | {symbol for _, symbol in signed}
    prices = {s: Decimal(price if isinstance(price, str) else price[s]) for s in symbols}
    return settle(every, prices, signed, Rules(taxes=rules, increment=Decimal(increment)))


def short_text(lots: tuple[LotSlice, ...]) -> str:
    """`4@100 6.5@250`: what the slices are, in their order."""
    return " ".join(f"{lot.quantity}@{lot.unit_cost}" for lot in lots)
