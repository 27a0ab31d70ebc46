"""What selling each line would realise in taxable gains, in grains."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from allocation.model import Position
from allocation.planning.sheet import Sheet, SheetLine
from allocation.rules import LotMethod
from allocation.solver.question import Lot
from allocation.taxes import GainRun, LotSlice, elsewhere_pooled, gain_runs, largest_divisor, recently_bought, slices
from allocation.taxes.term import Term
from allocation.taxes.wash import washing_order

_NONE: tuple[GainRun, ...] = ()


def gains_of(sheet: Sheet, washed: frozenset[str]) -> list[tuple[GainRun, ...]]:
    """By line, the gains of every sale by the number of steps sold; none where nothing is taxed or no cost is known.

    Args:
        washed: securities whose losses count for nothing, because the plan buys them elsewhere.
    """
    taxes = sheet.rules.taxes
    if not (taxes.short_term_rate or taxes.long_term_rate):
        return [_NONE] * len(sheet.lines)
    portfolios = [account.portfolio for account in sheet.accounts]
    recent = recently_bought(portfolios, taxes)
    return [_gains(sheet, line, recent.get(line.symbol, Fraction(0)), line.symbol in washed) for line in sheet.lines]


def _gains(sheet: Sheet, line: SheetLine, recent: Fraction, washed: bool) -> tuple[GainRun, ...]:
    account, position = sheet.accounts[line.account], _position(sheet, line)
    if position is None:
        return _NONE
    taxes, portfolios = sheet.rules.taxes, [a.portfolio for a in sheet.accounts]
    lots = slices(position, taxes, line.price, elsewhere_pooled(portfolios, account.id, line.symbol))
    if washed:
        replaced = Fraction(position.quantity)
    else:
        replaced = recent - sum((Fraction(lot.quantity) for lot in lots if lot.recent), Fraction(0))
    return gain_runs(lots, line.price, sheet.rules.increment_of(line.symbol), replaced, sheet.grains)


@dataclass(frozen=True, slots=True)
class Parcels:
    """The lots of a line for the solver, and how many parts of a lot one step is. Gains are in grains, not always whole."""

    lots: tuple[tuple[LotSlice, int, Fraction], ...]
    parts: int

    @property
    def gains(self) -> Iterator[Fraction]:
        """What one part of each lot gains."""
        yield from (gain for _, _, gain in self.lots)

    def told(self, finer: int, shared: int) -> tuple[Lot, ...]:
        """The lots in the grains of a question."""
        losing = sorted((each for each in self.lots if each[2] < 0), key=lambda each: washing_order(each[0], ""))
        turns = {lot.place: n for n, (lot, _, _) in enumerate(losing)}
        return tuple(
            Lot(parts, int(gain * finer) // shared, lot.term == Term.LONG, turns.get(lot.place, 0), lot.recent)
            for lot, parts, gain in self.lots
        )


def parcels_of(sheet: Sheet) -> list[Parcels | None]:
    """By line, the lots that a sale may choose from; None where the method or somebody else's purchases leave no choice."""
    taxes = sheet.rules.taxes
    if taxes.lot_method != LotMethod.LEAST_TAX or len(sheet.accounts) > 1:
        return [None] * len(sheet.lines)
    return [_parcels(sheet, line) for line in sheet.lines]


def _parcels(sheet: Sheet, line: SheetLine) -> Parcels | None:
    position = _position(sheet, line)
    if position is None or not position.lots:
        return None
    lots, increment = slices(position, sheet.rules.taxes, line.price), sheet.rules.increment_of(line.symbol)
    part = largest_divisor([Fraction(increment), *(Fraction(lot.quantity) for lot in lots)])
    each = (
        (lot, int(Fraction(lot.quantity) / part), lot.gain_per_unit(line.price) * part * sheet.grains) for lot in lots
    )
    return Parcels(tuple(each), int(Fraction(increment) / part))


def _position(sheet: Sheet, line: SheetLine) -> Position | None:
    """What a line may sell under tax; None where that is nothing."""
    account = sheet.accounts[line.account]
    if not account.taxable or not line.most_sold:
        return None
    return next((p for p in account.portfolio.positions if p.symbol == line.symbol), None)
