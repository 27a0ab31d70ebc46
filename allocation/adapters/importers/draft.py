"""An account while its lines are being read: it collects, merges and adds up, and at the end becomes a portfolio."""

import hashlib
import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from allocation.adapters.importers.lines import (
    Line,
    agrees,
    implied_price,
    is_cusip,
    reason_to_set_aside,
    to_cents,
    unit_cost,
)
from allocation.adapters.importers.sums import Totals, at_rate, tallies, tally_all
from allocation.errors import AllocationError
from allocation.imported import LineProblem, Reconciliation
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

    Attributes:
        cash: money in the account's own currency; `balances` is that in others, by code.
        totals: what the file says of its own sums; `file_total` is that of the account's own currency.
        as_of: the day of this account's figures, where accounts of one file have different ones.
        by_currency: whether the id tells the account's currency, as for files that print it for each account.
    """

    broker: str
    number: str
    name: str
    holdings: dict[str, list[Line]] = field(default_factory=dict)
    cash: Decimal = Decimal(0)
    balances: dict[str, Decimal] = field(default_factory=dict)
    aside: list[tuple[Line, str]] = field(default_factory=list)
    problems: list[LineProblem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    totals: Totals = field(default_factory=Totals)
    currency: str = "USD"
    by_currency: bool = False
    as_of: datetime | None = None

    @property
    def id(self) -> str:
        """The same for the same account in every file, and no way back to the account number."""
        return account_id(self.broker, self.number, self.name, self.currency if self.by_currency else "")

    @property
    def file_total(self) -> Decimal | None:
        """The file's total in the account's own currency."""
        return self.totals.by_currency.get(self.currency)

    @file_total.setter
    def file_total(self, total: Decimal | None) -> None:
        if total is None:
            self.totals.by_currency.pop(self.currency, None)
        else:
            self.totals.by_currency[self.currency] = total

    def take_cash(self, amount: Decimal, currency: str = "") -> None:
        """Money, in the account's own currency unless another is named."""
        if currency in ("", self.currency):
            self.cash += amount
        else:
            self.balances[currency] = self.balances.get(currency, Decimal(0)) + amount

    def take_in(self, amount: Decimal, currency: str) -> None:
        """Money of a currency, before it is known which is the account's own (see `settle_currency`)."""
        self.balances[currency] = self.balances.get(currency, Decimal(0)) + amount

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
        same = self.holdings.setdefault(line.symbol.upper(), [])
        if same and (same[0].currency or self.currency) != (line.currency or self.currency):
            self.put_aside(
                line,
                f"Line {same[0].number} has the same symbol in {same[0].currency or self.currency}; only that is planned.",
            )
            return
        same.append(line)

    def put_aside(self, line: Line, reason: str) -> None:
        """Show a line without ever trading it."""
        self.aside.append((line, reason))

    def problem(self, line: Line, reason: str) -> None:
        """Note that a line cannot be read, or contradicts itself."""
        self.problems.append(LineProblem(line.number, line.text, reason, self.id))

    def is_empty(self) -> bool:
        """Whether nothing at all was found for the account."""
        read = self.holdings or self.cash or any(self.balances.values()) or self.aside or self.problems
        return not (read or self.totals.by_currency)

    def finish(self, as_of: datetime | None, now: datetime) -> tuple[Portfolio, Reconciliation]:
        """The portfolio, and how it adds up; quotes carry the file's own time, or `now` where it has none."""
        time = self.as_of or as_of or now
        account = Account(self.id, self.name, self.broker, self.number, self.currency, likely_tax_treatment(self.name))
        positions = tuple(self._position(lines, time) for lines in self.holdings.values())
        aside = tuple(self._set_aside(line, reason) for line, reason in self.aside)
        balances = {currency: amount for currency, amount in self.balances.items() if amount}
        portfolio = Portfolio(account, positions, self.cash, time, aside, balances=balances)
        return portfolio, self._reconcile()

    def _reconcile(self) -> Reconciliation:
        held = (line for lines in self.holdings.values() for line in lines)
        cash = {self.currency: self.cash, **self.balances}
        found = tallies(held, (line for line, _ in self.aside), cash, self.totals.by_currency, self.currency)
        whole = tally_all(found, self.totals, self.currency)
        own, *others = found
        return Reconciliation(
            self.id,
            own.our_total,
            own.priced_total,
            own.file_total,
            tuple(self.notes),
            tuple(tally for tally in others if tally.our_total or tally.priced_total or tally.file_total),
            whole,
        )

    def _set_aside(self, line: Line, reason: str) -> SetAside:
        """What is only shown; its value is in the account's currency where the file has a rate, else told in words."""
        rate = self._rate(line.currency)
        if line.value is None or not line.currency or line.currency == self.currency:
            return SetAside(line.label, reason, line.value)
        worth = f"{reason} Its value is {line.value:,.2f} {line.currency}."
        return SetAside(line.label, worth, None if rate is None else to_cents(line.value * rate))

    def _rate(self, currency: str) -> Decimal | None:
        """What one unit of a currency is worth in the account's, by the file."""
        return Decimal(1) if currency in ("", self.currency) else self.totals.rates.get(currency)

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
        return Position(symbol, quantity, self._lots(symbol, lines), first.name, self._quote(symbol, lines, time))

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

    def _lots(self, symbol: str, lines: list[Line]) -> tuple[TaxLot, ...]:
        """The lots of every line, or the line as one lot, when every line says its cost; they must add up to the quantity."""
        lots = [line.lots or _as_one_lot(line) for line in lines]
        if not all(lots):
            return ()
        currency = lines[0].costs_in or lines[0].currency or self.currency
        rate = self._rate(currency)
        if rate is None:
            self.notes.append(
                f"{symbol}: its cost is in {currency} and the file has no rate to {self.currency}, so its lots are left out."
            )
            return ()
        if currency != self.currency:
            self.notes.append(
                f"{symbol}: its cost in {currency} was converted at the file's rate of {rate:f} {self.currency}, which is that of "
                "its day and not of the purchase."
            )
            return tuple(at_rate(lot, rate) for of_line in lots for lot in of_line)
        return tuple(lot for of_line in lots for lot in of_line)

    def _quote(self, symbol: str, lines: list[Line], time: datetime) -> Quote | None:
        """The file's price, unless a line contradicts it: then no price is better than a doubtful one."""
        if not all(agrees(line) for line in lines):
            return None
        price = next((line.price for line in lines if line.price is not None), None)
        if price is None:
            price = implied_price(lines[0])
            if price is not None:
                self.notes.append(f"{symbol}: the file has no price; {price:f} is its value divided by its quantity.")
        if price is None:
            return None
        first = lines[0]
        return Quote(symbol, price, first.currency or self.currency, first.priced or time, PriceSource.FILE)


def settle_currency(account: AccountDraft, own: str = "") -> None:
    """Choose the account's own currency where the file says none: that of most of its lines, the first of equals."""
    held = [line.currency for lines in account.holdings.values() for line in lines]
    used = [*held, *(line.currency for line, _ in account.aside), *account.balances]
    known = [currency for currency in used if currency]
    account.currency = own or (max(dict.fromkeys(known), key=known.count) if known else account.currency)
    account.cash += account.balances.pop(account.currency, Decimal(0))


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
