"""The demo: a visitor with four sample accounts in memory, each with a problem to solve. Nothing is kept."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from allocation.adapters.memory import MemoryStore
from allocation.adapters.samples import sample_facts, sample_names
from allocation.model import Account, Portfolio, Position, TaxLot, TaxTreatment
from allocation.money import to_decimal
from allocation.ports import Store, User
from allocation.targets import TargetAllocation

_ACCOUNTS = Path(__file__).parent.parent / "sample" / "accounts.json"


def demo_user() -> User:
    """The visitor who looks around without signing in."""
    return User("demo", "Demo visitor", demo=True)


def demo_store() -> Store:
    """A fresh store with the sample accounts, their targets and classes; what is changed in it is gone with it."""
    sample = _sample()
    as_of = datetime.fromisoformat(sample["as_of"])
    owner = demo_user().id
    store = MemoryStore()
    store.save_portfolios(owner, [_portfolio(account, as_of) for account in sample["accounts"]])
    for account in sample["accounts"]:
        store.save_target(owner, account["id"], TargetAllocation.of(account["target"]))
    for facts in sample_facts():
        store.save_security_facts(owner, facts)
    return store


@cache
def _sample() -> Mapping[str, Any]:
    return MappingProxyType(json.loads(_ACCOUNTS.read_text(encoding="utf-8")))


def _portfolio(sample: Mapping[str, Any], as_of: datetime) -> Portfolio:
    account = Account(
        sample["id"],
        sample["name"],
        broker="Sample data",
        currency=sample.get("currency", "USD"),
        tax_treatment=TaxTreatment(sample["tax_treatment"]),
        note=sample["note"],
    )
    positions = tuple(_position(symbol, lots) for symbol, lots in sample["positions"].items())
    balances = {code: to_decimal(amount, f"The {code}") for code, amount in sample.get("balances", {}).items()}
    cash = to_decimal(sample["cash"], f"The cash of {account.name}")
    return Portfolio(account, positions, cash, as_of, balances=balances)


def _position(symbol: str, sample_lots: list[dict[str, str]]) -> Position:
    lots = tuple(
        TaxLot(
            to_decimal(lot["quantity"], f"The quantity of a lot of {symbol}"),
            to_decimal(lot["unit_cost"], f"The unit cost of a lot of {symbol}"),
            date.fromisoformat(lot["acquired"]),
        )
        for lot in sample_lots
    )
    return Position(symbol, sum((lot.quantity for lot in lots), Decimal(0)), lots, sample_names()[symbol])
