"""Everything one plan is made from: accounts, their cash flows, the target, prices and rules."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType

from allocation.errors import CurrencyError, HoldingError, listed
from allocation.model import Portfolio
from allocation.money import to_decimal
from allocation.rules import Rules
from allocation.targets import ClassTarget, TargetAllocation


@dataclass(frozen=True, slots=True)
class Facts:
    """One question: how to bring these accounts together to this target.

    Attributes:
        prices: money for one unit, for every line held or wanted.
        cash_flows: money in (+) or out (−) before trading, by account id; 0 where not named.
    """

    portfolios: tuple[Portfolio, ...]
    target: TargetAllocation | ClassTarget
    prices: Mapping[str, Decimal]
    rules: Rules = field(default_factory=Rules)
    cash_flows: Mapping[str, Decimal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "portfolios", tuple(self.portfolios))
        ids = [p.account.id for p in self.portfolios]
        twice = sorted({id_ for id_ in ids if ids.count(id_) > 1})
        if twice:
            raise HoldingError(f"The account {listed(twice)} is given more than once. Give each account once.", twice)
        strangers = sorted(self.cash_flows.keys() - set(ids))
        if strangers:
            raise HoldingError(f"A cash flow names {listed(strangers)}, which is not among the accounts.", strangers)
        foreign = sorted({code for p in self.portfolios for code in p.balances})
        if foreign:
            raise CurrencyError(
                f"There is cash in {listed(foreign)} besides the account's own currency, and no rate for it here. Tell it in "
                "the account's currency first.",
                foreign,
            )
        flows = {id_: to_decimal(flow, f"The cash flow of {id_}") for id_, flow in self.cash_flows.items()}
        object.__setattr__(self, "cash_flows", MappingProxyType(flows))

    @property
    def cash_flow(self) -> Decimal:
        """All money in (+) or out (−)."""
        return sum(self.cash_flows.values(), Decimal(0))
