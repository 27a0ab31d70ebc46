"""What is right about a plan but worth knowing."""

from collections.abc import Iterator

from allocation.errors import listed
from allocation.money import plain
from allocation.planning.exact import money_text, ratio
from allocation.planning.outcome import Outcome
from allocation.planning.sheet import Sheet
from allocation.rules import OutsideTarget
from allocation.trade_plan import Remark


def remarks_on(outcome: Outcome) -> Iterator[Remark]:
    """Remainders, lines left out, taxes worth a second look, idle rules."""
    yield from _remainders(outcome)
    yield from _outside(outcome.sheet)
    yield from _taxes(outcome)
    yield from _idle_rules(outcome.sheet)


def _remainders(outcome: Outcome) -> Iterator[Remark]:
    """Fractions of a step that stay although the whole line was to be sold."""
    sheet = outcome.sheet
    for line, k in zip(sheet.lines, outcome.steps, strict=True):
        rest = line.quantity % line.increment
        unsold = line.quantity + k * line.increment
        wanted = any(sheet.cells[cell].target for cell, _ in line.worth)
        if rest and unsold == rest and not line.no_sale and (k or not wanted):
            message = (
                f"{line.symbol}: {plain(ratio(rest, sheet.quanta))} units remain; it trades in steps of "
                f"{plain(ratio(line.increment, sheet.quanta))}."
            )
            yield Remark("fractional_remainder", message, (line.symbol,))


def _outside(sheet: Sheet) -> Iterator[Remark]:
    if sheet.excluded:
        yield Remark("excluded", f"{listed(sheet.excluded)}: left out of the total, not traded.", sheet.excluded)
    elif sheet.outside and sheet.rules.outside_target == OutsideTarget.HOLD:
        message = f"{listed(sheet.outside)}: without a target, held, and counted in the total."
        yield Remark("held_outside_target", message, sheet.outside)


def _taxes(outcome: Outcome) -> Iterator[Remark]:
    settled = outcome.settlement
    if settled is None:
        return
    days = outcome.sheet.rules.taxes.wash_sale_days
    if settled.washed:
        message = (
            f"{listed(settled.washed)}: a loss does not count, because the same security is bought within {days} days "
            "before or after the sale (wash sale)."
        )
        yield Remark("wash_sale_risk", message, settled.washed)
    if settled.unknown:
        message = f"{listed(settled.unknown)}: sold without lots, so its gain is unknown and counted as none."
        yield Remark("cost_basis_unknown", message, settled.unknown)
    if settled.carried and (outcome.sheet.rules.taxes.short_term_rate or outcome.sheet.rules.taxes.long_term_rate):
        message = f"The sales realise a net loss of {money_text(settled.carried)}; it pays nothing back in this plan."
        yield Remark("net_loss_carried", message)


def _idle_rules(sheet: Sheet) -> Iterator[Remark]:
    rules, known = sheet.rules, {*sheet.excluded, *(line.symbol for line in sheet.lines)}
    for rule, symbols in (("lock", rules.lock), ("do_not_buy", rules.do_not_buy), ("do_not_sell", rules.do_not_sell)):
        idle = tuple(sorted(symbols - known))
        if idle:
            message = f"The rule {rule} names {listed(idle)}, which is neither held nor in the target."
            yield Remark("unused_rule", message, idle)
