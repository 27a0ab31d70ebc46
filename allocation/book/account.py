"""One account of a book, row by row, planned exactly as `plan` would: the way for whatever the fast path leaves."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from allocation.book.columns import MOST_DECIMALS
from allocation.book.models import Model, find_model
from allocation.errors import (
    AllocationError,
    HoldingError,
    MissingPriceError,
    NumberError,
    RequestError,
    RulesError,
    listed,
)
from allocation.model import Account, Portfolio, Position, TaxTreatment, parse_symbol
from allocation.money import decimals, plain, to_decimal
from allocation.plan import plan_trades
from allocation.rules import Rules
from allocation.trade_plan import TradePlan

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Known:
    """Prices and steps by symbol, where all rows of the book agree: for lines that an account wants but does not list.

    Attributes:
        disputed: symbols that stand in the book at more than one price.
    """

    prices: Mapping[str, Decimal] = field(default_factory=dict)
    increments: Mapping[str, Decimal] = field(default_factory=dict)
    disputed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one account: its plan, or the refusal in its place."""

    account_id: str | None
    model_id: str | None
    plan: TradePlan | None = None
    refusal: AllocationError | None = None


def plan_account(rows: Sequence[Row], models: Mapping[str, Model], known: Known, rules: Rules) -> Outcome:
    """Plan one account from its rows; what is wrong with it is told in the outcome, never raised."""
    account_id, model_id = rows[0]["account_id"], None
    try:
        if account_id is None:
            raise RequestError(
                f"{len(rows)} rows have no account_id. Name the account they belong to.", ("account_id",)
            )
        model_id = _single(rows, "model_id")
        plan = _plan(rows, find_model(models, model_id), known, rules)
    except AllocationError as error:
        return Outcome(account_id, model_id, refusal=error)
    return Outcome(account_id, model_id, plan)


def _plan(rows: Sequence[Row], model: Model, known: Known, rules: Rules) -> TradePlan:
    target = model.wanted()
    positions = tuple(_position(row) for row in rows if row["symbol"] is not None)
    _refuse_quantity_without_symbol(rows)
    portfolio = Portfolio(
        Account(str(rows[0]["account_id"]), str(rows[0]["account_id"]), tax_treatment=_treatment(rows)),
        positions,
        _amount(rows, "cash"),
    )
    symbols = {*(p.symbol for p in positions), *(s for s, weight in target.weights.items() if weight)}
    increments = {s: step for s, step in known.increments.items() if s in symbols}
    increments |= {**model.increments, **_numbers(rows, "increment")}
    prices = {s: price for s, price in known.prices.items() if s in symbols}
    prices |= {**model.prices, **_numbers(rows, "price")}
    _refuse_disputed(symbols - prices.keys(), known)
    own = replace(rules, increments={**rules.increments, **increments}) if increments else rules
    plan = plan_trades(portfolio, target, prices, own, _amount(rows, "cash_flow"))
    _refuse_too_fine(plan)
    return plan


def _position(row: Row) -> Position:
    symbol = parse_symbol(row["symbol"])
    if row["quantity"] is None:
        raise HoldingError(f"{symbol} has no quantity. Write 0 for a line that is not held.", (symbol,))
    return Position(symbol, to_decimal(row["quantity"], f"The quantity of {symbol}"))


def _numbers(rows: Iterable[Row], name: str) -> dict[str, Decimal]:
    """A column's numbers by symbol, where they are given."""
    given = ((row["symbol"].strip(), row[name]) for row in rows if row["symbol"] and row.get(name) is not None)
    return {symbol: to_decimal(number, f"The {name} of {symbol}") for symbol, number in given}


def _amount(rows: Sequence[Row], name: str) -> Decimal:
    """Money of the whole account: on one of its rows, or the same on several; 0 where it is given nowhere."""
    told = {"cash": "The cash", "cash_flow": "The cash flow"}[name]
    found = {to_decimal(row[name], told) for row in rows if row.get(name) is not None}
    if len(found) > 1:
        raise _contradiction(name, (plain(amount) for amount in sorted(found)))
    return found.pop() if found else Decimal(0)


def _single(rows: Sequence[Row], name: str) -> str | None:
    found = {row[name] for row in rows if row.get(name) is not None}
    if len(found) > 1:
        raise _contradiction(name, sorted(found))
    return found.pop() if found else None


def _contradiction(name: str, found: Iterable[str]) -> RequestError:
    return RequestError(f"The rows of the account disagree on {name}: {listed(found)}. Give one value.", (name,))


def _treatment(rows: Sequence[Row]) -> TaxTreatment:
    told = _single(rows, "tax_treatment")
    try:
        return TaxTreatment(told or TaxTreatment.TAXABLE)
    except ValueError:
        raise RulesError(
            f"tax_treatment is {str(told)[:40]!r}; choose one of {listed(TaxTreatment)}.", ("tax_treatment",)
        ) from None


def _refuse_quantity_without_symbol(rows: Iterable[Row]) -> None:
    if any(row["symbol"] is None and row["quantity"] for row in rows):
        raise HoldingError("A row has a quantity but no symbol. Name the security, or leave both empty.", ("symbol",))


def _refuse_disputed(unpriced: set[str], known: Known) -> None:
    """A price on which the book disagrees is as good as none; without such a one, the plan itself says what is missing."""
    disputed = sorted(unpriced & known.disputed)
    if disputed:
        raise MissingPriceError(
            sorted(unpriced),
            (f"Other accounts give different prices for {listed(disputed)}: add a row with quantity 0 and the price.",),
        )


def _refuse_too_fine(plan: TradePlan) -> None:
    fine = [t.symbol for t in plan.trades if decimals(t.value) > MOST_DECIMALS]
    if fine:
        raise NumberError(
            f"The value of the trade in {listed(fine)}", "finer than that", f"at most {MOST_DECIMALS} decimals"
        )
