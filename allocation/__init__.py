"""Evenkeel: exact portfolio rebalancing. The public names; each is imported when it is first used."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from allocation.accounts import Accounts
    from allocation.allocation import (
        Session,
        calculate_allocation,
        calculate_investment_allocation,
        select_account,
        start_session,
    )
    from allocation.errors import AllocationError
    from allocation.model import Account, Portfolio, Position, Quote, TaxLot
    from allocation.plan import Trade, TradePlan, plan_trades
    from allocation.rules import Objective, OutsideTarget, Rules, Selling
    from allocation.targets import TargetAllocation

__all__ = [
    "Account",
    "Accounts",
    "AllocationError",
    "Objective",
    "OutsideTarget",
    "Portfolio",
    "Position",
    "Quote",
    "Rules",
    "Selling",
    "Session",
    "TargetAllocation",
    "TaxLot",
    "Trade",
    "TradePlan",
    "calculate_allocation",
    "calculate_investment_allocation",
    "plan_trades",
    "select_account",
    "start_session",
]

_HOMES = {
    "accounts": ("Accounts",),
    "allocation": (
        "Session",
        "calculate_allocation",
        "calculate_investment_allocation",
        "select_account",
        "start_session",
    ),
    "errors": ("AllocationError",),
    "model": ("Account", "Portfolio", "Position", "Quote", "TaxLot"),
    "plan": ("Trade", "TradePlan", "plan_trades"),
    "rules": ("Objective", "OutsideTarget", "Rules", "Selling"),
    "targets": ("TargetAllocation",),
}


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"allocation.{module}"), name)
    raise AttributeError(f"module 'allocation' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
