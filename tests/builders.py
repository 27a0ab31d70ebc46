"""Shared test builders: portfolios, targets, prices, plans and requests that fit on a line."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from allocation.allocation import calculate_investment_allocation
from allocation.model import Account, Portfolio, Position, TaxTreatment
from allocation.money import Number, to_decimal
from allocation.rules import Rules
from allocation.trade_plan import TradePlan


def an_account(account_id: str = "main", tax_treatment: TaxTreatment = TaxTreatment.TAXABLE) -> Account:
    return Account(account_id, account_id, tax_treatment=tax_treatment)


def a_portfolio(
    quantities: Mapping[str, Number] | None = None, cash: Number = 0, account: Account | None = None
) -> Portfolio:
    """Quantities by symbol, and cash."""
    positions = tuple(Position(s, to_decimal(q)) for s, q in (quantities or {}).items())
    return Portfolio(account or an_account(), positions, to_decimal(cash))


def exact(numbers: Mapping[str, Number]) -> dict[str, Decimal]:
    """The same mapping with exact decimals."""
    return {key: to_decimal(number) for key, number in numbers.items()}


def a_plan(
    target: Mapping[str, Number],
    prices: Mapping[str, Number],
    held: Mapping[str, Number] | None = None,
    cash: Number = 0,
    cash_flow: Number = 0,
    **rules: Any,
) -> TradePlan:
    """A verified plan; rules by their names, money in any number form."""
    money = {k: to_decimal(v) if k in ("cash_reserve", "min_trade_value", "increment") else v for k, v in rules.items()}
    if "increments" in money:
        money["increments"] = exact(money["increments"])
    return calculate_investment_allocation(target, prices, held, cash, cash_flow, Rules(**money))


def a_request(**changes: Any) -> dict[str, Any]:
    """A request of the command line: two funds, 1,250 in cash; top-level keys may be replaced."""
    request: dict[str, Any] = {
        "accounts": [
            {
                "id": "main",
                "cash": "1250.00",
                "positions": [{"symbol": "VTI", "quantity": "10"}, {"symbol": "BND", "quantity": "5"}],
            }
        ],
        "securities": {"VTI": {"price": "250.10"}, "BND": {"price": "72.31"}},
        "target": {"weights": {"VTI": "0.6", "BND": "0.3"}},
        "rules": {},
    }
    return {**request, **changes}
