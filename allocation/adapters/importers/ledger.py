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
SOLD_UNSEEN = "More was sold than the file says was bought: export the activities from the first day on."
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
        currency: of its money; empty for that of the account.
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
    currency: str = ""


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
    for movement in past:
        account.take_cash(movement.cash, movement.currency)


def _settle_symbol(account: AccountDraft, movements: Sequence[Movement]) -> None:
    last = movements[-1]
    lots: list[Lot] = []
    for movement in movements:
        if movement.ratio is not None:
            lots = [lot.split(movement.ratio) for lot in lots]
        elif movement.quantity > 0:
            known = movement.currency in ("", account.currency)
            lots.append(Lot(movement.quantity, movement.cost if known else None, movement.day))
        elif use_up(lots, -movement.quantity) is None:
            line = Line(movement.line, movement.text, movement.symbol, movement.name)
            account.put_aside(line, SOLD_UNSEEN)
            return
    hold_lots(account, Line(last.line, last.text, last.symbol, last.name), lots)
    foreign = {movement.currency for movement in movements if movement.currency not in ("", account.currency)}
    if lots and foreign:
        account.notes.append(
            f"{last.symbol}: bought in {', '.join(sorted(foreign))} for an account in {account.currency}, and the file has no "
            "rate of that day, so its lots are left out."
        )


def hold_lots(account: AccountDraft, line: Line, lots: Sequence["Lot"]) -> None:
    """Hold what the lots come to, with them where the cost of every one is known."""
    quantity = sum((lot.quantity for lot in lots), Decimal(0))
    if not quantity:
        return
    known = [lot.as_tax_lot() for lot in lots]
    listed = tuple(lot for lot in known if lot)
    held = replace(line, quantity=Decimal(plain(quantity)), lots=listed if len(listed) == len(known) else ())
    account.hold(held, price_expected=False)


@dataclass(frozen=True, slots=True)
class Lot:
    """Units bought together, and what they cost together."""

    quantity: Decimal
    cost: Decimal | None
    day: date

    def split(self, ratio: Decimal) -> "Lot":
        """The lot after a split: more units for the same money."""
        return replace(self, quantity=self.quantity * ratio)

    def without(self, quantity: Decimal) -> "Lot":
        """What is left after some units are gone."""
        rest = self.quantity - quantity
        return replace(self, quantity=rest, cost=None if self.cost is None else self.cost * rest / self.quantity)

    def as_tax_lot(self) -> TaxLot | None:
        """The lot with the cost of one unit; None where its cost is not known."""
        if self.cost is None:
            return None
        exact = self.cost / self.quantity
        unit_cost = exact if decimals(exact) <= MOST_DECIMALS - 4 else exact.quantize(_STEP, ROUND_HALF_EVEN)
        return TaxLot(Decimal(plain(self.quantity)), Decimal(plain(unit_cost)), self.day)


def use_up(lots: list[Lot], quantity: Decimal) -> list[Lot] | None:
    """Take units out of the oldest lots, in place; what was taken, or None where there was not enough."""
    taken: list[Lot] = []
    while quantity and lots:
        part = min(quantity, lots[0].quantity)
        quantity -= part
        taken.append(lots[0] if part == lots[0].quantity else lots[0].without(lots[0].quantity - part))
        if part == lots[0].quantity:
            lots.pop(0)
        else:
            lots[0] = lots[0].without(part)
    return None if quantity else taken
