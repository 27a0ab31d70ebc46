"""What is wrong with the lots, gains, terms, taxes and remarks that an answer reports about its sales."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from tests.brute_force.enumeration import Enumeration, Plan
from tests.brute_force.lots import ZERO, Choice, Sold, choices, day_of, divisor, is_long, lots_of, method_of
from tests.brute_force.question import Json, Lot, Question, exact
from tests.brute_force.taxes import TaxBill, bill_of, rates_of, shares_by_line
from tests.brute_force.trades import Line

NEAR = Fraction(1, 10**12)
REMARKS = ("wash_sale_risk", "cost_basis_unknown", "net_loss_carried")

# Lots alike in date and cost, of one line.
Kind = tuple[int, str, date | None, Fraction]


@dataclass(frozen=True)
class Sales:
    """The sales of one plan with what the answer tells of them."""

    every: Enumeration
    plan: Plan
    told: Mapping[tuple[str, str], Json]

    @property
    def question(self) -> Question:
        return self.every.question

    @property
    def lines(self) -> Iterator[tuple[Line, Fraction, Json]]:
        """Line, units sold, and the reported trade."""
        for line, trade in zip(self.every.lines, self.plan, strict=True):
            if trade.steps < 0:
                yield line, -trade.quantity, self.told[self.question.accounts[line.account].id, line.symbol]


def sale_faults(every: Enumeration, plan: Plan, answer: Json) -> Iterator[str]:
    """Every way in which what is reported about sales is not the contract's."""
    sales = Sales(every, plan, {(t["account"], t["symbol"]): t for t in answer["trades"]})
    yield from (f"{t['symbol']}: a purchase with lots or tax" for t in answer["trades"] if _is_odd(t))
    wrong = list(_wrong_lots(sales))
    yield from wrong
    if not wrong:
        bill = bill_of(sales.question, every.lines, plan, _chosen(sales))
        yield from _wrong_gains(sales, bill)
        yield from _wrong_taxes(sales, bill, every.outcome(plan).bill.total)
        yield from _wrong_remarks(sales, bill, answer)


def _is_odd(trade: Json) -> bool:
    return bool(trade["side"] == "buy" and (trade["lots"] or exact(trade["tax"])))


def _wrong_lots(sales: Sales) -> Iterator[str]:
    """Lots that do not exist, or that the method does not take."""
    own = next(choices(sales.question, sales.every.lines, sales.plan))
    for line, quantity, told in sales.lines:
        reported = _reported(line, told)
        if _is_free(sales.question, line):
            yield from _wrong_choice(sales.question, line, quantity, reported)
        elif reported != (taken := _taken(line, own)):
            yield f"{line.symbol}: lots {_shown(reported)}, by {method_of(sales.question)} {_shown(taken)}"


def _is_free(question: Question, line: Line) -> bool:
    return method_of(question) == "least_tax" and question.accounts[line.account].taxable


def _wrong_choice(question: Question, line: Line, quantity: Fraction, reported: Counter[Kind]) -> Iterator[str]:
    """Whether a free choice of lots is one: they are held, whole parts, and come to the sale."""
    lots = [lot for _, lot in lots_of(question, line)]
    held: Counter[Kind] = Counter()
    for lot in lots:
        held[_kind(line, lot)] += lot.quantity
    if any(units > held[kind] for kind, units in reported.items()):
        yield f"{line.symbol}: sells more of a lot than there is: {_shown(reported)}"
    part = divisor([question.increment(line.symbol), *(lot.quantity for lot in lots)]) if lots else None
    if part and any(units % part for units in reported.values()):
        yield f"{line.symbol}: sells parts of a part, {_shown(reported)}"
    if lots and sum(reported.values()) != quantity:
        yield f"{line.symbol}: lots {_shown(reported)} do not come to {quantity}"


def _wrong_gains(sales: Sales, bill: TaxBill) -> Iterator[str]:
    """Gain, term and disallowed loss of each lot."""
    for line, _, told in sales.lines:
        taxable = sales.question.accounts[line.account].taxable
        washed: dict[Kind, Fraction] = {}
        for s in (s for s in bill.sold if (s.account, s.symbol) == (line.account, line.symbol)):
            kind = _kind(line, s.lot)
            washed[kind] = washed.get(kind, ZERO) - s.per_unit * s.washed
        for lot in told["lots"]:
            own = _kind_told(line, lot)
            gain = exact(lot["quantity"]) * (sales.question.price[line.symbol] - own[3])
            if abs(exact(lot["gain"]) - gain) > NEAR:
                yield f"{line.symbol}: gain {lot['gain']}, not {float(gain)}"
            term = _term(sales.question, own) if taxable else ""
            if lot["term"] != term:
                yield f"{line.symbol}: term '{lot['term']}' of {own[2]}, not '{term}'"
            washed[own] = washed.get(own, ZERO) - exact(lot["disallowed"])
        if any(abs(rest) > NEAR * max(1, len(told["lots"])) for rest in washed.values()):
            yield f"{line.symbol}: disallowed losses differ by {[str(rest) for rest in washed.values()]}"


def _term(question: Question, kind: Kind) -> str:
    if kind[2] is None or day_of(question) is None:
        return ""
    return "long" if is_long(question, Lot(kind[2], ZERO, ZERO)) else "short"


def _wrong_taxes(sales: Sales, bill: TaxBill, least: Fraction) -> Iterator[str]:
    if any(rates_of(sales.question)) and bill.total != least:
        yield f"the reported lots cost a tax of {float(bill.total)}, others {float(least)}"
    shares = shares_by_line(sales.question, bill)
    for line, _, told in sales.lines:
        share = shares.get((line.account, line.symbol), ZERO)
        if abs(exact(told["tax"]) - share) > NEAR:
            yield f"{line.symbol}: tax {told['tax']}, not {float(share)}"


def _wrong_remarks(sales: Sales, bill: TaxBill, answer: Json) -> Iterator[str]:
    """What has to be said about taxes, and nothing else."""
    said = {r["code"]: tuple(r["symbols"]) for r in answer["remarks"] if r["code"] in REMARKS}
    taxed, rates = [s for s in bill.sold if sales.question.accounts[s.account].taxable], any(rates_of(sales.question))
    due: dict[str, tuple[str, ...]] = {}
    if washed := {s.symbol for s in taxed if s.washed}:
        due["wash_sale_risk"] = tuple(sorted(washed))
    unknown = {
        line.symbol
        for line, _, _ in sales.lines
        if sales.question.accounts[line.account].taxable and not lots_of(sales.question, line)
    }
    if unknown and rates:
        due["cost_basis_unknown"] = tuple(sorted(unknown))
    if rates and sum((s.gain for s in taxed), ZERO) < 0:
        due["net_loss_carried"] = ()
    if said != due:
        yield f"remarks {said}, due {due}"


def _chosen(sales: Sales) -> Choice:
    """The reported lots as the oracle's own; where the method leaves no choice, its own."""
    own = next(choices(sales.question, sales.every.lines, sales.plan))
    kept = [s for s in own if not _is_free(sales.question, _line_of(sales, s))]
    for line, _, told in sales.lines:
        if _is_free(sales.question, line):
            kept += _placed(sales.question, line, _reported(line, told))
    return tuple(kept)


def _placed(question: Question, line: Line, reported: Counter[Kind]) -> Iterator[Sold]:
    """Units by kind given to the lots of that kind, the first listed first."""
    for place, lot in lots_of(question, line):
        units = min(lot.quantity, reported[_kind(line, lot)])
        reported[_kind(line, lot)] -= units
        if units:
            yield Sold(line.account, line.symbol, place, lot, units, question.price[line.symbol] - lot.unit_cost)


def _line_of(sales: Sales, sold: Sold) -> Line:
    return next(line for line in sales.every.lines if (line.account, line.symbol) == (sold.account, sold.symbol))


def _reported(line: Line, told: Json) -> Counter[Kind]:
    units: Counter[Kind] = Counter()
    for lot in told["lots"]:
        units[_kind_told(line, lot)] += exact(lot["quantity"])
    return units


def _taken(line: Line, choice: Choice) -> Counter[Kind]:
    units: Counter[Kind] = Counter()
    for s in choice:
        if (s.account, s.symbol) == (line.account, line.symbol):
            units[_kind(line, s.lot)] += s.quantity
    return units


def _kind(line: Line, lot: Lot) -> Kind:
    return line.account, line.symbol, lot.acquired, lot.unit_cost


def _kind_told(line: Line, lot: Json) -> Kind:
    day = date.fromisoformat(lot["acquired"]) if lot["acquired"] else None
    return line.account, line.symbol, day, exact(lot["unit_cost"])


def _shown(units: Counter[Kind]) -> list[Any]:
    return [(str(day), float(cost), float(n)) for (_, _, day, cost), n in units.items()]
