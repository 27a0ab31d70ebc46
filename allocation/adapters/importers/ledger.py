"""What an account holds after all its activities: purchases become tax lots, sales use up the oldest first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from allocation.adapters.importers.draft import AccountDraft
from allocation.adapters.importers.lines import Line
from allocation.model import TaxLot
from allocation.money import MOST_DECIMALS, decimals, plain

_STEP = Decimal("0.00000001")  # a hundred-millionth, as for costs printed by brokers
# Currencies quoted in hundredths, and what they are hundredths of.
_MINOR = {"GBp": "GBP", "GBX": "GBP", "ZAc": "ZAR", "ZAC": "ZAR", "ILA": "ILS"}


@dataclass(frozen=True, slots=True)
class Movement:
    """One activity.

    Attributes:
        quantity: units that come in (above zero) or go out (below zero); zero where only money moves.
        cost: what the units cost together, fees included (IRS Publication 551, "Stocks and Bonds"); None if unknown.
        cash: money that comes in or goes out.
        ratio: new units for each old one, where a security was split.
    """

    line: int
    text: str
    day: date
    symbol: str = ""
    name: str = ""
    quantity: Decimal = Decimal(0)
    cost: Decimal | None = None
    cash: Decimal = Decimal(0)
    ratio: Decimal | None = None


def major_unit(currency: str) -> tuple[str, Decimal]:
    """The currency that can be held, and by what prices are to be multiplied: pence are hundredths of a pound."""
    return (_MINOR[currency], Decimal("0.01")) if currency in _MINOR else (currency.upper(), Decimal(1))


def settle(account: AccountDraft, movements: Iterable[Movement], now: datetime) -> None:
    """Put what is left of all movements into the account as positions with lots, and its money as cash."""
    past = [movement for movement in movements if movement.day <= now.date()]
    # On one day purchases come first: files list a day's activities in either order.
    for symbol in dict.fromkeys(movement.symbol for movement in past if movement.symbol):
        own = [movement for movement in past if movement.symbol == symbol]
        _settle_symbol(account, sorted(own, key=lambda movement: (movement.day, movement.quantity < 0)))
    account.cash += sum((movement.cash for movement in past), Decimal(0))


def _settle_symbol(account: AccountDraft, movements: Sequence[Movement]) -> None:
    last = movements[-1]
    lots: list[_Lot] = []
    for movement in movements:
        if movement.ratio is not None:
            lots = [lot.split(movement.ratio) for lot in lots]
        elif movement.quantity > 0:
            lots.append(_Lot(movement.quantity, movement.cost, movement.day))
        elif not _use_up(lots, -movement.quantity):
            line = Line(movement.line, movement.text, movement.symbol, movement.name)
            account.put_aside(
                line, "More was sold than the file says was bought: export the activities from the first day on."
            )
            return
    quantity = sum((lot.quantity for lot in lots), Decimal(0))
    if quantity:
        known = [lot.as_tax_lot() for lot in lots]
        listed = tuple(lot for lot in known if lot)
        line = Line(last.line, last.text, last.symbol, last.name, Decimal(plain(quantity)))
        account.hold(replace(line, lots=listed if len(listed) == len(known) else ()), price_expected=False)


@dataclass(frozen=True, slots=True)
class _Lot:
    """Units bought together, and what they cost together."""

    quantity: Decimal
    cost: Decimal | None
    day: date

    def split(self, ratio: Decimal) -> "_Lot":
        return replace(self, quantity=self.quantity * ratio)

    def without(self, quantity: Decimal) -> "_Lot":
        rest = self.quantity - quantity
        return replace(self, quantity=rest, cost=None if self.cost is None else self.cost * rest / self.quantity)

    def as_tax_lot(self) -> TaxLot | None:
        if self.cost is None:
            return None
        exact = self.cost / self.quantity
        unit_cost = exact if decimals(exact) <= MOST_DECIMALS - 4 else exact.quantize(_STEP, ROUND_HALF_EVEN)
        return TaxLot(Decimal(plain(self.quantity)), Decimal(plain(unit_cost)), self.day)


def _use_up(lots: list[_Lot], quantity: Decimal) -> bool:
    """Take units out of the oldest lots; whether there were enough."""
    while quantity and lots:
        taken = min(quantity, lots[0].quantity)
        quantity -= taken
        if taken == lots[0].quantity:
            lots.pop(0)
        else:
            lots[0] = lots[0].without(taken)
    return not quantity
