"""What was read of an account, added up in every currency and compared with the file's own totals."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

from allocation.adapters.importers.lines import CENT, UNIT_COST_STEP, Line, agrees, as_printed, to_cents
from allocation.imported import Tally
from allocation.model import TaxLot
from allocation.money import decimals, plain

_FEWEST_DECIMALS = 5  # of a printed exchange rate; trailing zeros are gone


@dataclass
class Totals:
    """What a file says of its own sums.

    Attributes:
        by_currency: the total of what is in a currency, by its code.
        whole: the total of everything in the account's currency.
        rates: what one unit of a currency is worth in the account's, as the file has it.
    """

    by_currency: dict[str, Decimal] = field(default_factory=dict)
    whole: Decimal | None = None
    rates: dict[str, Decimal] = field(default_factory=dict)


def tallies(
    held: Iterable[Line], aside: Iterable[Line], cash: Mapping[str, Decimal], totals: Mapping[str, Decimal], own: str
) -> list[Tally]:
    """What was read in every currency, the account's own first."""
    lines, beside = list(held), list(aside)
    currencies = dict.fromkeys([own, *cash, *totals, *(line.currency or own for line in (*lines, *beside))])
    found = []
    for currency in currencies:
        money = cash.get(currency, Decimal(0)) + _sum(
            line.value for line in beside if line.value is not None and (line.currency or own) == currency
        )
        of_currency = [line for line in lines if (line.currency or own) == currency]
        found.append(
            Tally(
                currency,
                to_cents(_sum(value_of(line) for line in of_currency) + money),
                to_cents(_sum(_priced(line) for line in of_currency) + money),
                totals.get(currency),
            )
        )
    return found


def tally_all(found: Sequence[Tally], totals: Totals, own: str) -> Tally | None:
    """Everything in the account's currency; None where the file lacks a total or one of the rates."""
    rates = {own: Decimal(1), **totals.rates}
    needed = [tally for tally in found if tally.our_total or tally.priced_total]
    if totals.whole is None or any(tally.currency not in rates for tally in needed):
        return None
    blur = _sum(abs(tally.our_total) * _half_step(rates[tally.currency]) for tally in needed if tally.currency != own)
    ours, priced = (
        to_cents(_sum(amount * rates[currency] for amount, currency in amounts))
        for amounts in (
            [(tally.our_total, tally.currency) for tally in needed],
            [(tally.priced_total, tally.currency) for tally in needed],
        )
    )
    return Tally(own, ours, priced, to_cents(totals.whole), to_cents(blur) + CENT * len(needed))


def value_of(line: Line) -> Decimal:
    """What a line is worth by the file."""
    return line.value if line.value is not None else _priced(line)


def at_rate(lot: TaxLot, rate: Decimal) -> TaxLot:
    """A lot with its cost in another currency."""
    cost = lot.unit_cost * rate
    if decimals(cost) > -int(UNIT_COST_STEP.adjusted()):
        cost = cost.quantize(UNIT_COST_STEP, ROUND_HALF_EVEN)
    return TaxLot(lot.quantity, Decimal(plain(cost)), lot.acquired)


def _half_step(rate: Decimal) -> Decimal:
    return Decimal(1).scaleb(-max(_FEWEST_DECIMALS, decimals(rate))) / 2


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))


def _priced(line: Line) -> Decimal:
    if line.price is None or not agrees(line):
        return line.value or Decimal(0)
    return as_printed((line.quantity or Decimal(0)) * line.price, line.value)
