"""What is right about a plan but worth knowing."""

from collections.abc import Iterator
from fractions import Fraction

from allocation.errors import listed
from allocation.money import plain
from allocation.planning.binding import what_binds
from allocation.planning.exact import money_text, ratio
from allocation.planning.idle import idle_names
from allocation.planning.outcome import Outcome
from allocation.planning.sheet import Sheet
from allocation.rules import OutsideTarget
from allocation.taxes import NotHarvested, sold_at_a_loss_lately
from allocation.trade_plan import Remark


def remarks_on(outcome: Outcome) -> Iterator[Remark]:
    """Remainders, lines left out, taxes worth a second look, idle rules."""
    yield from _remainders(outcome)
    yield from _outside(outcome.sheet)
    yield from _harvest(outcome.sheet)
    yield from _washes(outcome)
    yield from _taxes(outcome)
    yield from what_binds(outcome)
    yield from idle_names(outcome.sheet)


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


def _harvest(sheet: Sheet) -> Iterator[Remark]:
    """Losses that are realised on purpose, and those that are not although they could have been."""
    wanted, found = sheet.rules.taxes.harvest, sheet.harvested
    if wanted is None:
        return
    if found.not_to_buy:
        symbols = tuple(sorted(found.not_to_buy))
        told = [
            f"{symbol}: a loss of {money_text(sum((s.loss for s in found.sales if s.symbol == symbol), Fraction(0)))} "
            f"is realised; {wanted.substitutes[symbol]} takes its place."
            for symbol in symbols
        ]
        yield Remark("harvested", " ".join(told), symbols)
    if found.left_out:
        told = [
            f"{symbol}: {_NOT_HARVESTED[why].format(wanted.substitutes[symbol])}."
            for symbol, why in found.left_out.items()
        ]
        yield Remark("not_harvested", " ".join(told), tuple(found.left_out))


_NOT_HARVESTED = {
    NotHarvested.SMALL: "no loss of the size asked for",
    NotHarvested.WASHED: "its loss would not count, because units bought within the wash-sale window remain",
    NotHarvested.SUBSTITUTE_LOST: "its substitute {} was itself sold at a loss within the wash-sale window",
    NotHarvested.SUBSTITUTE_HARVESTED: "it or its substitute {} is part of another loss that is realised",
    NotHarvested.NO_PRICE: "it or its substitute {} has no price",
    NotHarvested.FORBIDDEN: "the rules forbid to sell it or to buy its substitute {}",
}


def _washes(outcome: Outcome) -> Iterator[Remark]:
    """Losses of this plan that do not count, and those of the last weeks that its purchases wash."""
    sheet, settled = outcome.sheet, outcome.settlement
    days = sheet.rules.taxes.wash_sale_days
    washed = settled.washed if settled else ()
    lately = sold_at_a_loss_lately([a.portfolio for a in sheet.accounts], sheet.rules.taxes)
    bought = tuple(sorted({line.symbol for line, k in zip(sheet.lines, outcome.steps, strict=True) if k > 0} & lately))
    told = []
    if washed:
        told.append(
            f"{listed(washed)}: a loss does not count, because the same security is bought within {days} days "
            "before or after the sale (wash sale)."
        )
    if bought:
        told.append(f"{listed(bought)}: bought within {days} days of a sale at a loss, which then does not count.")
    if told:
        yield Remark("wash_sale_risk", " ".join(told), tuple(sorted({*washed, *bought})))


def _taxes(outcome: Outcome) -> Iterator[Remark]:
    settled = outcome.settlement
    if settled is None:
        return
    if settled.unknown:
        message = f"{listed(settled.unknown)}: sold without lots, so its gain is unknown and counted as none."
        yield Remark("cost_basis_unknown", message, settled.unknown)
    if settled.carried and (outcome.sheet.rules.taxes.short_term_rate or outcome.sheet.rules.taxes.long_term_rate):
        message = f"The sales realise a net loss of {money_text(settled.carried)}; it pays nothing back in this plan."
        yield Remark("net_loss_carried", message)
