"""What selling each line would realise in taxable gains, in grains."""

from fractions import Fraction

from allocation.planning.sheet import Sheet, SheetLine
from allocation.taxes import GainRun, elsewhere_pooled, gain_runs, recently_bought, slices

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
    account = sheet.accounts[line.account]
    position = next((p for p in account.portfolio.positions if p.symbol == line.symbol), None)
    if position is None or not account.taxable or not line.most_sold:
        return _NONE
    taxes, portfolios = sheet.rules.taxes, [a.portfolio for a in sheet.accounts]
    lots = slices(position, taxes, line.price, elsewhere_pooled(portfolios, account.id, line.symbol))
    if washed:
        replaced = Fraction(position.quantity)
    else:
        replaced = recent - sum((Fraction(lot.quantity) for lot in lots if lot.recent), Fraction(0))
    return gain_runs(lots, line.price, sheet.rules.increment_of(line.symbol), replaced, sheet.grains)
