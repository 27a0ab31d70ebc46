"""How a paper account deals (spread, commission, how fast it fills, in what), and what its sales gained."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from allocation.errors import RulesError


@dataclass(frozen=True, slots=True)
class PaperTerms:
    """How a paper account deals.

    Attributes:
        spread: between bid and ask, as a fraction of the price; a purchase pays half of it, a sale gives half of it.
        commission: money for each order, due with its first fill.
        commission_rate: on top, as a fraction of the value of each fill.
        fill_share: the most of an order that is filled at one look; 1 fills it at once.
        fractional: whether parts of a share are dealt in.
        keeps_hours: whether orders wait for the exchange to open.
    """

    spread: Decimal = Decimal("0.0002")
    commission: Decimal = Decimal(0)
    commission_rate: Decimal = Decimal(0)
    fill_share: Decimal = Decimal(1)
    fractional: bool = True
    keeps_hours: bool = False

    def __post_init__(self) -> None:
        if not (0 <= self.spread < 1 and 0 <= self.commission_rate < 1 and self.commission >= 0):
            raise RulesError(
                f"A paper account with a spread of {self.spread}, a commission of {self.commission} and a rate of "
                f"{self.commission_rate} cannot deal. The spread and the rate are fractions from 0 to below 1, the "
                "commission is money and not below zero.",
                ("spread", "commission", "commission_rate"),
            )
        if not 0 < self.fill_share <= 1:
            raise RulesError(
                f"A paper account fills {self.fill_share} of an order at a time; write a fraction above 0, up to 1.",
                ("fill_share",),
            )


@dataclass(frozen=True, slots=True)
class RealisedGain:
    """What a sale took from one lot, and what it gained.

    Attributes:
        proceeds: money for the units, less the commission's share.
        gain: proceeds less cost, negative for a loss; None where nobody knows the lot's cost.
    """

    client_id: str
    symbol: str
    quantity: Decimal
    proceeds: Decimal
    unit_cost: Decimal | None
    gain: Decimal | None
    acquired: date | None
    sold_at: datetime
