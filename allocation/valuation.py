"""What an account is worth at given prices and rates, line by line. A line without a price is named, never guessed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

from allocation.base_currency import NO_RATES, in_base_currency
from allocation.currencies import Rate, Rates
from allocation.model import Portfolio, Position, Quote

CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Valuation:
    """Money by symbol, and cash, in the account's own currency. What is unpriced or unrated is in none of the sums.

    Attributes:
        values: by symbol; a currency that has a target is a line among them.
        unpriced: positions without a price, or without the rate for it.
        prices: money for one unit.
        rates: by code, the rate at which money or a price of that currency counts.
        unrated: currencies in which there is money or a price, and no rate.
    """

    values: Mapping[str, Decimal]
    cash: Decimal
    unpriced: tuple[str, ...]
    prices: Mapping[str, Decimal] = field(default_factory=dict)
    rates: Mapping[str, Rate] = field(default_factory=dict)
    unrated: tuple[str, ...] = ()

    @property
    def total(self) -> Decimal:
        """The value of the priced positions and cash."""
        return sum(self.values.values(), self.cash)

    def weight(self, symbol: str) -> Decimal | None:
        """The line's fraction of the whole; None unless everything has its price and rate and the whole is above zero."""
        value = self.values.get(symbol)
        return None if value is None else self._share(value)

    @property
    def cash_weight(self) -> Decimal | None:
        """The cash's fraction of the whole, under the same condition."""
        return self._share(self.cash)

    def _share(self, value: Decimal) -> Decimal | None:
        unknown = self.unpriced or self.unrated
        return None if unknown or self.total <= 0 else value / self.total


def value_portfolio(
    portfolio: Portfolio, quotes: Mapping[str, Quote], rates: Rates = NO_RATES, wanted: Iterable[str] = ()
) -> Valuation:
    """The account at these quotes and rates. A quote in another currency, and no rate for it, is no price.

    Args:
        wanted: symbols with a target or a lock: a currency among them is a line, of its own value, and not in the cash.
    """
    told = in_base_currency(portfolio, quotes, rates, wanted)
    positions = told.portfolio.positions
    values = {p.symbol: p.quantity * told.prices[p.symbol] for p in positions if p.symbol in told.prices}
    return Valuation(values, told.portfolio.cash, told.unpriced, told.prices, told.rates, tuple(told.unrated))


def printed_total(portfolio: Portfolio, valuation: Valuation) -> Decimal:
    """The total as the account's broker prints it: each line in cents, then added up.

    Observed on exports of 2020 to 2026: 28.12 × 582.90 = 16,391.148 is 16,391.14 at Fidelity; Schwab and Vanguard
    round half up.
    """
    rounding = ROUND_DOWN if portfolio.account.broker == "Fidelity" else ROUND_HALF_UP
    return sum((value.quantize(CENT, rounding) for value in valuation.values.values()), valuation.cash)


def cost_of(position: Position) -> Decimal | None:
    """What the position was bought for; None where the lots are not known."""
    if not position.lots:
        return None
    return sum((lot.quantity * lot.unit_cost for lot in position.lots), Decimal(0))


def gain_of(position: Position, valuation: Valuation) -> Decimal | None:
    """What the position is worth beyond its cost; None where either is not known."""
    value, cost = valuation.values.get(position.symbol), cost_of(position)
    return None if value is None or cost is None else value - cost


def total_gain(portfolio: Portfolio, valuation: Valuation) -> Decimal | None:
    """The gain over all positions whose cost and value are known; None when there is no such position."""
    gains = [gain for position in portfolio.positions if (gain := gain_of(position, valuation)) is not None]
    return sum(gains, Decimal(0)) if gains else None
