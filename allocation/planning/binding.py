"""What keeps lines off their target that do not trade: the rule that binds each of them."""

from collections.abc import Iterator
from fractions import Fraction

from allocation.errors import listed
from allocation.planning.outcome import Outcome
from allocation.planning.sheet import SheetLine
from allocation.trade_plan import Remark


def what_binds(outcome: Outcome) -> Iterator[Remark]:
    """One remark that names, by rule, the lines at least half a step off their target which it keeps from trading."""
    cells, bound = outcome.cells(), dict[str, list[str]]()
    for line, k in zip(outcome.sheet.lines, outcome.steps, strict=True):
        if k == 0 and len(line.worth) == 1:
            place = line.worth[0][0]
            rule = _binding(line, cells[place] - outcome.sheet.cells[place].target, outcome)
            if rule and line.symbol not in bound.setdefault(rule, []):
                bound[rule].append(line.symbol)
    told = [f"{listed(symbols)}: {_BECAUSE[rule]}." for rule, symbols in bound.items() if symbols]
    if told:
        named = dict.fromkeys(symbol for symbols in bound.values() for symbol in symbols)
        yield Remark("off_target", " ".join(told), tuple(sorted(named)))


def _binding(line: SheetLine, excess: int, outcome: Outcome) -> str:
    """The rule that keeps a line from coming nearer to its target; "" where none does, or only whole steps do."""
    if 2 * abs(excess) < line.step or (excess > 0 and not line.held):
        return ""
    rule = line.no_sale if excess > 0 else line.no_buy
    if rule:
        return f"{rule} above" if rule == "selling" and excess > 0 else rule if rule in _BECAUSE else ""
    if line.least > 1 and 2 * abs(excess) < line.least * line.step:
        return "min_trade_value"
    if _turnover_is_used_up(line, outcome):
        return "max_turnover"
    most = outcome.sheet.rules.max_trades
    return "max_trades" if most is not None and sum(map(bool, outcome.steps)) == most else ""


def _turnover_is_used_up(line: SheetLine, outcome: Outcome) -> bool:
    """Whether one more step of the line would be above the largest turnover."""
    sheet, most = outcome.sheet, outcome.sheet.rules.max_turnover
    if most is None:
        return False
    traded = sum(abs(k) * each.step for each, k in zip(sheet.lines, outcome.steps, strict=True))
    return traded + max(1, line.least) * line.step > 2 * sheet.total * Fraction(most)


_BECAUSE = {
    "lock": "off target and locked",
    "do_not_buy": "below target and not to be bought",
    "do_not_sell": "above target and not to be sold",
    "selling above": "above target and not sold, because of the rule about selling",
    "trade": "off target and inside the band",
    "min_trade_value": "off target by less than the smallest trade would mend",
    "max_turnover": "off target, with as much turnover as allowed",
    "max_trades": "off target, with as many trades as allowed",
}
