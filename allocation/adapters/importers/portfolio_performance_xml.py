"""Portfolio Performance's own file as XML: securities, deposit accounts with their money, securities accounts with their units.

The form is that of its ClientFactory (github.com/portfolio-performance/portfolio, EPL; read, not copied): whole numbers in cents
for money, in units of 10⁻⁸ for shares and quotes since version 49 of the file (10⁻⁶ and 10⁻⁴ before, 10⁻⁵ and 10⁻² in still
older ones), and anything that stands in several places written once and referred to by a path or an id. The amount of a purchase has its
fees and taxes in it. Splits are booked by changing the transactions before them, so nothing is to be split again.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal

from allocation.adapters.importers.draft import AccountDraft
from allocation.adapters.importers.ledger import SOLD_UNSEEN, Lot, hold_lots, major_unit, use_up
from allocation.adapters.importers.lines import Line
from allocation.adapters.importers.markup import Element, read_xml
from allocation.adapters.importers.reading import Reading
from allocation.adapters.importers.references import References
from allocation.errors import AllocationError, NumberError, UploadEmptyError
from allocation.imported import LineProblem
from allocation.model import check_currency
from allocation.money import plain, to_decimal

NAME = "Portfolio Performance"

_START = re.compile(r"\s*(<\?xml[^>]*>\s*)?<client(\s+id=\"\d+\")?>")
_CENT = Decimal("0.01")
# The first version of the file with each precision, the newest first.
_SHARES = ((49, Decimal("1e-8")), (26, Decimal("1e-6")), (3, Decimal("1e-5")), (0, Decimal(1)))
_QUOTES = ((49, Decimal("1e-8")), (30, Decimal("1e-4")), (0, _CENT))
_UNITS_IN = frozenset({"BUY", "DELIVERY_INBOUND", "TRANSFER_IN"})
_UNITS_OUT = frozenset({"SELL", "DELIVERY_OUTBOUND", "TRANSFER_OUT"})
_MONEY_IN = frozenset({
    "DEPOSIT", "INTEREST", "DIVIDENDS", "TAX_REFUND", "FEES_REFUND", "SELL", "TRANSFER_IN",
})  # fmt: skip
_MONEY_OUT = frozenset({"REMOVAL", "INTEREST_CHARGE", "FEES", "TAXES", "BUY", "TRANSFER_OUT"})
_DEEPEST = 400  # each object is written where it is met first, however deep that is


@dataclass(frozen=True, slots=True)
class _Event:
    """Units that come, go, or go over to another securities account."""

    when: str
    order: int
    element: Element
    portfolio: Element
    security: Element
    kind: str
    shares: Decimal
    into: Element | None = None


@dataclass
class _File:
    """The document with its references, and how its whole numbers are to be read."""

    root: Element
    references: References
    shares: Decimal
    quotes: Decimal
    today: date
    lots: dict[tuple[int, int], list[Lot]] = field(default_factory=dict)
    unclear: set[tuple[int, int]] = field(default_factory=set)

    def under(self, element: Element, *path: str) -> list[Element]:
        """The elements of a list, each as it is written where it was met first."""
        listed = element.first(*path)
        return [self.references.resolve(child) for child in listed.children] if listed else []

    def told(self, element: Element, name: str) -> str:
        """The text of a part of an element."""
        found = element.first(name)
        return self.references.resolve(found).text.strip() if found else ""

    def part(self, element: Element, name: str) -> Element | None:
        """A part of an element."""
        found = element.first(name)
        return self.references.resolve(found) if found else None


def matches(text: str) -> bool:
    """Whether the text is a file of Portfolio Performance."""
    return bool(_START.match(text)) and "<portfolios" in text


def read(text: str, reading: Reading) -> None:
    """Read every securities account with the money of its deposit account."""
    root = read_xml(text, "Portfolio Performance file", _DEEPEST)
    version = int(to_decimal(root.told("version") or "0", "The version of the file"))
    file = _File(root, References(root), _since(version, _SHARES), _since(version, _QUOTES), reading.now.date())
    portfolios, deposits = file.under(root, "portfolios"), file.under(root, "accounts")
    if not portfolios and not deposits:
        raise UploadEmptyError("The Portfolio Performance file has no accounts.", ("accounts",))
    drafts = {id(portfolio): _begin(file, portfolio, reading) for portfolio in portfolios}
    _move_units(file, portfolios, drafts, reading)
    for portfolio in portfolios:
        for security in _held(file, portfolio):
            _hold(file, portfolio, security, drafts[id(portfolio)])
    owners = [id(file.part(portfolio, "referenceAccount")) for portfolio in portfolios]
    for deposit in deposits:
        served = [portfolio for portfolio, owner in zip(portfolios, owners, strict=True) if owner == id(deposit)]
        account = drafts[id(served[0])] if len(served) == 1 else _begin_deposit(file, deposit, reading)
        _take_money(file, deposit, account, reading)


def _since(version: int, steps: Sequence[tuple[int, Decimal]]) -> Decimal:
    return next(step for first, step in steps if version >= first)


# ── Accounts ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _currency(file: _File, element: Element | None) -> str:
    told = file.told(element, "currencyCode") if element else ""
    return check_currency(told or file.root.told("baseCurrency") or "EUR")


def _begin(file: _File, portfolio: Element, reading: Reading) -> AccountDraft:
    """An account for a securities account, in the currency of the deposit account that pays for it."""
    currency = _currency(file, file.part(portfolio, "referenceAccount"))
    return reading.account_in(currency, NAME, file.told(portfolio, "uuid"), file.told(portfolio, "name") or NAME)


def _begin_deposit(file: _File, deposit: Element, reading: Reading) -> AccountDraft:
    """An account for a deposit account that pays for no securities account, or for several."""
    name = file.told(deposit, "name") or NAME
    return reading.account_in(_currency(file, deposit), NAME, file.told(deposit, "uuid"), name)


def _take_money(file: _File, deposit: Element, account: AccountDraft, reading: Reading) -> None:
    for transaction in file.under(deposit, "transactions"):
        kind = file.told(transaction, "type")
        try:
            if kind not in _MONEY_IN | _MONEY_OUT:
                raise NumberError("The type", kind, "one of Portfolio Performance's, such as DEPOSIT")
            amount = to_decimal(file.told(transaction, "amount") or "0", "The amount") * _CENT
            day = _day(file.told(transaction, "date"))
        except AllocationError as error:
            reading.problems.append(LineProblem(transaction.line, kind, str(error), account.id))
            continue
        if day <= file.today:
            account.take_cash(amount if kind in _MONEY_IN else -amount, _currency(file, deposit))


# ── Units ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _move_units(
    file: _File, portfolios: Sequence[Element], drafts: Mapping[int, AccountDraft], reading: Reading
) -> None:
    """Let every purchase become a lot, and every sale and transfer use up the oldest ones."""
    events: list[_Event] = []
    for portfolio in portfolios:
        for transaction in file.under(portfolio, "transactions"):
            try:
                event = _event(file, portfolio, transaction)
            except AllocationError as error:
                name = file.told(transaction, "type")
                reading.problems.append(LineProblem(transaction.line, name, str(error), drafts[id(portfolio)].id))
                continue
            if event and _day(event.when) <= file.today:
                events.append(event)
    # A transfer may be booked at midnight of the day on whose morning the units were bought.
    for event in sorted(events, key=lambda event: (event.when[:10], event.order, event.when)):
        _apply(file, event, drafts[id(event.portfolio)])


def _event(file: _File, portfolio: Element, transaction: Element) -> _Event | None:
    """A transaction in units; the second half of a transfer is in the first."""
    kind, when = file.told(transaction, "type"), file.told(transaction, "date")
    security = file.part(transaction, "security")
    shares = to_decimal(file.told(transaction, "shares") or "0", "The shares") * file.shares
    _day(when)
    if kind not in _UNITS_IN | _UNITS_OUT or security is None:
        raise NumberError("The type", kind, "one of Portfolio Performance's with a security, such as BUY")
    crossed = file.part(transaction, "crossEntry")
    into = file.part(crossed, "portfolioTo") if crossed else None
    if into and kind == "TRANSFER_IN":
        return None
    order = 0 if kind in _UNITS_IN else 1 if into else 2
    return _Event(when, order, transaction, portfolio, security, kind, shares, into)


def _apply(file: _File, event: _Event, account: AccountDraft) -> None:
    key = id(event.portfolio), id(event.security)
    lots = file.lots.setdefault(key, [])
    if key in file.unclear:
        return
    if event.kind in _UNITS_IN:
        lots.append(Lot(event.shares, _cost(file, event.element, account), _day(event.when)))
        return
    taken = use_up(lots, event.shares)
    if taken is None:
        file.unclear.add(key)
        account.put_aside(Line(event.element.line, event.kind, _symbol(file, event.security)), SOLD_UNSEEN)
    elif event.into is not None:
        there = file.lots.setdefault((id(event.into), id(event.security)), [])
        there.extend(taken)
        there.sort(key=lambda lot: lot.day)


def _cost(file: _File, transaction: Element, account: AccountDraft) -> Decimal | None:
    """What units cost in the account's currency, with fees and taxes; unknown where they were booked in another."""
    if (file.told(transaction, "currencyCode") or account.currency) != account.currency:
        return None
    return to_decimal(file.told(transaction, "amount") or "0", "The amount") * _CENT or None


def _held(file: _File, portfolio: Element) -> list[Element]:
    """The securities a securities account has had, in the order of the file's list."""
    listed = file.under(file.root, "securities")
    keys = {(id(portfolio), id(security)): security for security in listed}
    return [security for key, security in keys.items() if file.lots.get(key) and key not in file.unclear]


def _hold(file: _File, portfolio: Element, security: Element, account: AccountDraft) -> None:
    """The position, with its last quote in the security's own currency."""
    line = Line(security.line, file.told(security, "name"), _symbol(file, security), file.told(security, "name"))
    try:
        line = _priced(file, security, line, account)
    except AllocationError as error:
        account.problem(line, str(error))
    hold_lots(account, line, file.lots[id(portfolio), id(security)])


def _priced(file: _File, security: Element, line: Line, account: AccountDraft) -> Line:
    told = file.told(security, "currencyCode")
    quotes = [*file.under(security, "prices"), *filter(None, (file.part(security, "latest"),))]
    quotes = [quote for quote in quotes if quote.attributes.get("t") and quote.attributes.get("v", "0") != "0"]
    if not told or not quotes:
        return line
    last = max(quotes, key=lambda quote: quote.attributes["t"])
    currency, factor = major_unit(told)
    price = to_decimal(last.attributes["v"], f"The quote of {line.symbol}") * file.quotes * factor
    return Line(
        line.number,
        line.text,
        line.symbol,
        line.name,
        price=Decimal(plain(price)),
        currency=check_currency(currency),
        costs_in=account.currency,
        priced=datetime.combine(_day(last.attributes["t"]), time(), UTC),
    )


def _symbol(file: _File, security: Element) -> str:
    told = (file.told(security, name) for name in ("tickerSymbol", "isin", "wkn", "name"))
    return next(filter(None, told), "")


def _day(told: str) -> date:
    try:
        return date.fromisoformat(told[:10])
    except ValueError:
        raise NumberError("The date", told, "a day such as 2026-11-20") from None
