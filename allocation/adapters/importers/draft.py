"""An account while its lines are being read: it collects, merges and adds up, and at the end becomes a portfolio."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from allocation.adapters.importers.lines import (
    Line,
    agrees,
    as_printed,
    implied_price,
    is_cusip,
    reason_to_set_aside,
    to_cents,
    unit_cost,
)
from allocation.errors import AllocationError
from allocation.imported import LineProblem, Reconciliation, value_set_aside
from allocation.model import (
    Account,
    Portfolio,
    Position,
    PriceSource,
    Quote,
    SetAside,
    TaxLot,
    TaxTreatment,
    parse_symbol,
)

_TAX_FREE = re.compile(r"\b(roth|hsa|health savings|529|education savings|coverdell)", re.IGNORECASE)
_TAX_DEFERRED = re.compile(
    r"\b(ira|401|403|457|rollover|sep|pension|retirement|brokeragelink|annuity|keogh)\b|40[13]\s?\(?[kb]", re.I
)
# Shorter than this, a number is only the end of one ("...123") and does not tell two accounts apart.
_SHORTEST_NUMBER = 5


@dataclass
class AccountDraft:
    """One account of a file. Every line given to it ends in exactly one place: position, cash, set aside or problem.

    `by_currency` marks the part of a broker's account that is held in `currency`: each part is an account of its own here.
    """

    broker: str
    number: str
    name: str
    holdings: dict[str, list[Line]] = field(default_factory=dict)
    cash: Decimal = Decimal(0)
    set_aside: list[SetAside] = field(default_factory=list)
    problems: list[LineProblem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    file_total: Decimal | None = None
    currency: str = "USD"
    by_currency: bool = False

    @property
    def id(self) -> str:
        """The same for the same account in every file, and no way back to the account number."""
        return account_id(self.broker, self.number, self.name, self.currency if self.by_currency else "")

    def hold(self, line: Line, price_expected: bool = True) -> None:
        """Take a line as a position, or set it aside with the reason. Brokers print a price for whatever can be traded."""
        if line.quantity == 0 and not line.value:
            self.notes.append(f"Line {line.number}: {line.label} has no units any more and was left out.")
            return
        reason = reason_to_set_aside(line, price_expected) or _symbol_fault(line.symbol)
        if reason:
            self.put_aside(line, reason)
            return
        if line.cost_fault:
            self.notes.append(f"Line {line.number}: {line.cost_fault} The position is kept without its cost.")
        if not agrees(line):
            self.problem(line, _disagreement(line))
        line = self._with_sound_lots(line)
        self.holdings.setdefault(line.symbol.upper(), []).append(line)

    def put_aside(self, line: Line, reason: str) -> None:
        """Show a line without ever trading it."""
        self.set_aside.append(SetAside(line.label, reason, line.value))

    def problem(self, line: Line, reason: str) -> None:
        """Note that a line cannot be read, or contradicts itself."""
        self.problems.append(LineProblem(line.number, line.text, reason, self.id))

    def is_empty(self) -> bool:
        """Whether nothing at all was found for the account."""
        return not (self.holdings or self.cash or self.set_aside or self.problems or self.file_total is not None)

    def finish(self, as_of: datetime | None, now: datetime) -> tuple[Portfolio, Reconciliation]:
        """The portfolio, and how it adds up; quotes carry the file's own time, or `now` where it has none."""
        account = Account(self.id, self.name, self.broker, self.number, self.currency, likely_tax_treatment(self.name))
        positions = tuple(self._position(lines, as_of or now) for lines in self.holdings.values())
        portfolio = Portfolio(account, positions, self.cash, as_of or now, tuple(self.set_aside))
        beside = self.cash + value_set_aside(portfolio)
        return portfolio, Reconciliation(
            self.id,
            our_total=to_cents(_total(_value(line) for lines in self.holdings.values() for line in lines) + beside),
            priced_total=to_cents(_total(_priced(line) for lines in self.holdings.values() for line in lines) + beside),
            file_total=self.file_total,
            notes=tuple(self.notes),
        )

    def _position(self, lines: list[Line], time: datetime) -> Position:
        first = lines[0]
        symbol = parse_symbol(first.symbol)
        if len(lines) > 1:
            numbers = ", ".join(str(line.number) for line in lines)
            self.notes.append(f"{symbol} stands on lines {numbers}; the quantities were added up.")
        if is_cusip(symbol):
            self.notes.append(
                f"{symbol} ({first.name}) has no ticker; its price can come from the file or by hand only."
            )
        quantity = sum((line.quantity or Decimal(0) for line in lines), Decimal(0))
        return Position(symbol, quantity, self._lots(lines), first.name, self._quote(symbol, lines, time))

    def _with_sound_lots(self, line: Line) -> Line:
        """The line without its lots where they do not come to its quantity, or one of them holds nothing."""
        listed = sum((lot.quantity for lot in line.lots), Decimal(0))
        if not line.lots or (listed == line.quantity and all(lot.quantity > 0 for lot in line.lots)):
            return line
        self.notes.append(
            f"Line {line.number}: the tax lots of {line.label} come to {listed:f} units, the position to {line.quantity:f}. "
            "It is kept without them."
        )
        return replace(line, lots=(), cost=None, unit_cost=None)

    def _lots(self, lines: list[Line]) -> tuple[TaxLot, ...]:
        """The lots of every line, or the line as one lot, when every line says its cost; they must add up to the quantity."""
        lots = [line.lots or _as_one_lot(line) for line in lines]
        return tuple(lot for of_line in lots for lot in of_line) if all(lots) else ()

    def _quote(self, symbol: str, lines: list[Line], time: datetime) -> Quote | None:
        """The file's price, unless a line contradicts it: then no price is better than a doubtful one."""
        if not all(agrees(line) for line in lines):
            return None
        price = next((line.price for line in lines if line.price is not None), None)
        if price is None:
            price = implied_price(lines[0])
            if price is not None:
                self.notes.append(f"{symbol}: the file has no price; {price:f} is its value divided by its quantity.")
        return None if price is None else Quote(symbol, price, self.currency, time, PriceSource.FILE)


def account_id(broker: str, number: str, name: str, currency: str = "") -> str:
    """An id derived from the broker and the account number, and from the name too where the number is not whole."""
    parts = (broker, number, "" if len(number) >= _SHORTEST_NUMBER else name, *filter(None, (currency,)))
    spelled = "|".join(parts).lower()
    return f"{broker.lower().replace(' ', '-') or 'file'}-{hashlib.sha256(spelled.encode()).hexdigest()[:16]}"


def likely_tax_treatment(name: str) -> TaxTreatment:
    """What an account's name suggests; a proposal that the user confirms before saving."""
    if _TAX_FREE.search(name):
        return TaxTreatment.TAX_FREE
    if _TAX_DEFERRED.search(name):
        return TaxTreatment.TAX_DEFERRED
    return TaxTreatment.TAXABLE


def _as_one_lot(line: Line) -> tuple[TaxLot, ...]:
    cost = unit_cost(line)
    return () if line.quantity is None or cost is None else (TaxLot(line.quantity, cost, line.acquired),)


def _symbol_fault(symbol: str) -> str | None:
    try:
        parse_symbol(symbol)
    except AllocationError as error:
        return str(error)
    return None


def _disagreement(line: Line) -> str:
    product = to_cents((line.quantity or Decimal(0)) * (line.price or Decimal(0)))
    return (
        f"{line.symbol}: {line.quantity:f} × {line.price:f} is {product:,}, but the file gives the value {line.value:,.2f}. "
        "The quantity is taken as it stands; the price is not used, so refresh quotes or enter one by hand."
    )


def _total(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))


def _value(line: Line) -> Decimal:
    return line.value if line.value is not None else _priced(line)


def _priced(line: Line) -> Decimal:
    if line.price is None or not agrees(line):
        return line.value or Decimal(0)
    return as_printed((line.quantity or Decimal(0)) * line.price, line.value)
