"""Why a trade is in the plan, in one factual sentence."""

from allocation.planning.exact import money_text, points_text
from allocation.planning.sheet import Sheet, SheetCell, SheetLine
from allocation.rules import Selling


def reason_for(line: SheetLine, steps: int, sheet: Sheet) -> str:
    """What made the trade necessary, in points of weight and in money before trading."""
    cell = _furthest(line, steps, sheet)
    excess = cell.held - cell.target
    if steps > 0:
        return (
            _gap_text("Underweight", cell, sheet)
            if excess < 0
            else "Bought above its target because the cash would otherwise be further from its own"
        )
    if line.must_sell:
        return _why_harvest(line, sheet)
    if sheet.rules.selling == Selling.TO_RAISE_CASH:
        return _why_raise(line, sheet)
    if line.symbol in sheet.outside:
        return "Not in the target"
    if excess > 0:
        return _gap_text("Overweight", cell, sheet)
    short = sheet.accounts[line.account].cash < 0 or sheet.free_cash < 0
    return _why_raise(line, sheet) if short else "Sold below its target so that other lines come nearer to theirs"


def _furthest(line: SheetLine, steps: int, sheet: Sheet) -> SheetCell:
    """The cell of this line that most wants the trade."""
    if len(line.worth) == 1:
        return sheet.cells[line.worth[0][0]]
    cells = [sheet.cells[cell] for cell, _ in line.worth]
    return min(cells, key=lambda cell: (cell.held - cell.target) * (1 if steps > 0 else -1))


def _gap_text(word: str, cell: SheetCell, sheet: Sheet) -> str:
    gap = abs(cell.held - cell.target)
    side = "above" if word == "Overweight" else "below"
    owner = f"{cell.name} is {word.lower()}" if sheet.aim.classes else word
    points, money = points_text(gap, sheet.invested), money_text(gap, sheet.grains)
    return f"{owner} by {points} ({money} {side} its target)"


def _why_harvest(line: SheetLine, sheet: Sheet) -> str:
    account = sheet.accounts[line.account].id
    sale = next(s for s in sheet.harvested.sales if (s.account, s.symbol) == (account, line.symbol))
    return f"Sold to realise a loss of {money_text(sale.loss)}; {sale.substitute} takes its place"


def _why_raise(line: SheetLine, sheet: Sheet) -> str:
    withdrawn = sheet.accounts[line.account].flow < 0 or sum(account.flow for account in sheet.accounts) < 0
    return "Sold to raise the cash to withdraw" if withdrawn else "Sold to raise the cash that is missing"
