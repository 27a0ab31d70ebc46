"""The allowed trades of one line as runs: stretches along which cash and taxable gains are linear."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from math import floor

from allocation.planning.sheet import Fees, Sheet, SheetLine
from allocation.solver.question import Run
from allocation.taxes import GainRun

NO_TRADE = Run(0, 0, 0, 0)


def runs_of(line: SheetLine, fees: Fees, highest: int, gains: Sequence[GainRun] = ()) -> tuple[Run, ...]:
    """Every allowed trade of a line, in ascending order; not trading is among them unless some of it has to be sold.

    Args:
        highest: the most steps that money could buy.
        gains: what selling realises, by steps sold, in grains; empty where nothing is taxed.
    """
    sells = _sells(line, fees, gains) if line.most_sold else ()
    if line.must_sell:
        return tuple(sells)
    buys = _buys(line, fees, highest) if highest >= line.least and not line.no_buy else ()
    return (*sells, NO_TRADE, *buys)


def free_runs_of(line: SheetLine, step: int, highest: int) -> tuple[Run, ...]:
    """The same where trades cost nothing and no gain is taxed; `step` is what one is worth, in any unit of money."""
    sells = (Run(-line.most_sold, -_fewest(line), -step * line.most_sold, step),) if line.most_sold else ()
    if line.must_sell:
        return sells
    buys = (Run(line.least, highest, step * line.least, step),) if highest >= line.least and not line.no_buy else ()
    return (*sells, NO_TRADE, *buys)


def most_bought(sheet: Sheet) -> list[int]:
    """By line, the most steps that all money within reach could buy: its account's, and no more than there is over all."""
    raised = [account.cash for account in sheet.accounts]
    for line in sheet.lines:
        raised[line.account] += line.step * line.most_sold
    spendable = sum(raised) - sheet.reserve
    return [0 if line.no_buy else max(0, min(raised[line.account], spendable) // line.step) for line in sheet.lines]


def part_of(run: Run, low: int, high: int) -> Run:
    """The same run between narrower ends."""
    further = low - run.low
    return replace(
        run,
        low=low,
        high=high,
        spends=run.spends + run.per_step * further,
        short=run.short + run.short_per_step * further,
        long=run.long + run.long_per_step * further,
    )


def _buys(line: SheetLine, fees: Fees, highest: int) -> Iterator[Run]:
    for low, high in _stretches(line.least, highest, _fee_corners(line, fees)):
        cost = fees.cost(line, low)
        slope = fees.cost(line, high) - cost if high > low else 0
        per_step = slope // (high - low) if high > low else 0
        yield Run(low, high, line.step * low + cost, line.step + per_step)


def _sells(line: SheetLine, fees: Fees, gains: Sequence[GainRun]) -> Iterator[Run]:
    """From the largest sale to the smallest; each run counts up from its largest sale."""
    corners = [*_fee_corners(line, fees), *(Fraction(gain.high) for gain in gains)]
    for small, large in reversed(list(_stretches(_fewest(line), line.most_sold, corners))):
        cost, steps = fees.cost(line, large), large - small
        saved = (cost - fees.cost(line, small)) // steps if steps else 0
        gain = next((g for g in gains if g.low <= large <= g.high), None)
        yield Run(
            low=-large,
            high=-small,
            spends=cost - line.step * large,
            per_step=line.step - saved,
            **_gain_at(gain, large),
        )


def _fewest(line: SheetLine) -> int:
    """The smallest sale that is allowed."""
    return max(line.least, line.must_sell)


def _gain_at(gain: GainRun | None, steps: int) -> dict[str, int]:
    if gain is None:
        return {}
    return {
        "short": int(gain.short + gain.short_per_step * (steps - gain.low)),
        "long": int(gain.long + gain.long_per_step * (steps - gain.low)),
        "short_per_step": -int(gain.short_per_step),
        "long_per_step": -int(gain.long_per_step),
    }


def _fee_corners(line: SheetLine, fees: Fees) -> Iterator[Fraction]:
    """Numbers of steps at which the commission stops being its minimum, and at which it reaches its maximum."""
    if not line.rate_fee:
        return
    yield Fraction(fees.minimum - fees.per_trade, line.rate_fee)
    if fees.maximum is not None:
        yield Fraction(fees.maximum - fees.per_trade, line.rate_fee)


def _stretches(low: int, high: int, corners: Iterable[Fraction]) -> Iterator[tuple[int, int]]:
    """From low to high, split after every corner: a corner between two whole numbers parts them."""
    ends = sorted({floor(corner) for corner in corners if low <= corner < high})
    for end in ends:
        if end >= low:
            yield low, end
            low = end + 1
    if low <= high:
        yield low, high
