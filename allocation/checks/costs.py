"""What a trade costs, reckoned afresh: a commission within its bounds, and half the spread."""

from dataclasses import dataclass

from allocation.checks.exact import in_units
from allocation.checks.ledger import Ledger
from allocation.rules import Costs


@dataclass(frozen=True, slots=True)
class Tariff:
    """The costs of trading in grains; `rates` and `spreads` are pairs of numerator and denominator."""

    per_trade: int
    rate: tuple[int, int]
    minimum: int
    maximum: int | None
    spreads: dict[str, tuple[int, int]]
    free: bool

    @classmethod
    def of(cls, ledger: Ledger) -> "Tariff":
        """The tariff of the rules."""
        costs, grain = ledger.rules.costs, ledger.grain
        spreads = {s: spread.as_integer_ratio() for s, spread in ledger.rules.half_spreads.items() if spread}
        return cls(
            per_trade=in_units(costs.per_trade, grain),
            rate=costs.rate.as_integer_ratio(),
            minimum=in_units(costs.minimum, grain),
            maximum=None if costs.maximum is None else in_units(costs.maximum, grain),
            spreads=spreads,
            free=not spreads and costs in (Costs(), Costs(maximum=costs.maximum)),
        )

    def cost(self, symbol: str, value: int) -> int:
        """Grains that a trade of so many grains costs; nothing traded costs nothing."""
        if self.free or not value:
            return 0
        size = abs(value)
        commission = max(self.minimum, self.per_trade + size * self.rate[0] // self.rate[1])
        if self.maximum is not None:
            commission = min(self.maximum, commission)
        part, whole = self.spreads.get(symbol, (0, 1))
        return commission + size * part // whole
