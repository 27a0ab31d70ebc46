"""Whether the taxes that the solver counts are those that any plan would pay.

The solver sees each line's lots in one fixed order and nets exactly. That is the whole truth but for two things: lots
chosen together may net better than line by line, and purchases elsewhere may wash a loss.
"""

from collections.abc import Iterator

from allocation.planning.sheet import Sheet
from allocation.rules import LotMethod
from allocation.solver.question import Question, Run
from allocation.taxes import recently_bought


def taxes_are_certain(sheet: Sheet, question: Question) -> bool:
    """Whether no plan could pay another tax than the question says."""
    if question.tax is None or any(line.lots for line in question.lines):
        return True
    selling = [
        n for n, line in enumerate(question.lines) if question.purses[line.account].taxable and _realises(line.runs)
    ]
    losing = [n for n in selling if any(map(_loses, question.lines[n].runs))]
    if any(_may_be_washed(sheet, n) for n in losing) or _is_pooled(sheet, selling):
        return False
    if sheet.rules.taxes.lot_method != LotMethod.LEAST_TAX or not losing or question.tax.short == question.tax.long:
        return True
    terms = {term for n in selling for run in question.lines[n].runs for term in _terms(run)}
    return len(terms) == 1


def _realises(runs: tuple[Run, ...]) -> bool:
    return any(True for run in runs for _ in _terms(run))


def _terms(run: Run) -> Iterator[str]:
    if run.short or run.short_per_step:
        yield "short"
    if run.long or run.long_per_step:
        yield "long"


def _loses(run: Run) -> bool:
    """Whether some unit along a run is sold at a loss: gains shrink as more is sold, or are below zero."""
    steps = run.high - run.low
    ends = (run.short, run.long, run.short + run.short_per_step * steps, run.long + run.long_per_step * steps)
    return min(ends) < 0 or max(run.short_per_step, run.long_per_step) > 0


def _may_be_washed(sheet: Sheet, index: int) -> bool:
    """Whether another account may buy the security, or sell what it bought of it lately."""
    line = sheet.lines[index]
    others = [other for other in sheet.lines if other.symbol == line.symbol and other is not line]
    if any(not other.no_buy for other in others):
        return True
    recent = recently_bought([account.portfolio for account in sheet.accounts], sheet.rules.taxes)
    return bool(recent.get(line.symbol)) and any(other.most_sold for other in others)


def _is_pooled(sheet: Sheet, selling: list[int]) -> bool:
    """Whether several accounts sell out of one share pool."""
    symbols = [sheet.lines[n].symbol for n in selling]
    return sheet.rules.taxes.lot_method == LotMethod.SHARE_POOL and len(set(symbols)) < len(symbols)
