"""Why a trade is in the plan, in one factual sentence."""

from fractions import Fraction

from allocation.planning.exact import money_text, points_text
from allocation.planning.sheet import Sheet, SheetLine
from allocation.rules import Selling


def reason_for(line: SheetLine, steps: int, sheet: Sheet, selling: Selling) -> str:
    """What made the trade necessary, in points of weight and in money before trading."""
    excess = line.value - line.weight * sheet.invested
    if steps > 0:
        return _why_buy(excess < 0, _gap_text("Underweight", -excess, "below", sheet))
    if selling == Selling.TO_RAISE_CASH:
        return _why_raise(sheet)
    if line.symbol in sheet.outside:
        return "Not in the target"
    if excess > 0:
        return _gap_text("Overweight", excess, "above", sheet)
    return (
        _why_raise(sheet) if sheet.free_cash < 0 else "Sold below its target so that other lines come nearer to theirs"
    )


def _gap_text(word: str, gap: Fraction, side: str, sheet: Sheet) -> str:
    return f"{word} by {points_text(gap / sheet.invested)} ({money_text(gap)} {side} its target)"


def _why_buy(underweight: bool, gap_text: str) -> str:
    return (
        gap_text if underweight else "Bought above its target because the cash would otherwise be further from its own"
    )


def _why_raise(sheet: Sheet) -> str:
    return "Sold to raise the cash to withdraw" if sheet.cash_flow < 0 else "Sold to raise the cash that is missing"
