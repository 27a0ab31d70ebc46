"""OFX and QFX (Quicken) investment statements, versions 1 and 2, read by ourselves: the maintained parser is GPL.

Elements as in the Open Financial Exchange Specification 2.2, section 13 "Investments": `INVPOSLIST` lists the positions by kind,
`SECLIST` the names and tickers, `INVBAL` the balances. AVAILCASH "should include sweep funds", so a money fund of the
same amount is the same money. Tax lots are not part of the format. Times without a zone are GMT.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from allocation.adapters.importers.amounts import read_amount
from allocation.adapters.importers.draft import AccountDraft
from allocation.adapters.importers.lines import Line, to_cents
from allocation.adapters.importers.markup import Element
from allocation.adapters.importers.reading import Reading
from allocation.adapters.importers.sgml import read_ofx
from allocation.errors import AllocationError, NumberError, UploadTypeError
from allocation.imported import LineProblem
from allocation.model import check_currency

NAME = "OFX"

_ASIDE = {
    "POSOPT": "An option: it is kept out of the plan.",
    "POSDEBT": "A bond or certificate of deposit: it is kept out of the plan.",
}
_POSITIONS = ("POSSTOCK", "POSMF", "POSOTHER", *_ASIDE)
_TIME = re.compile(
    r"(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2}))?(?:\.\d+)?(?:\[(?P<hours>[+-]?\d{1,2})(?:\.\d+)?(?::\w+)?\])?"
)
# The balances that brokers name as the worth of everything in the account.
_WORTH = frozenset({"networth", "accountvalue", "totalaccountvalue", "totalassetsvalue", "totalvalue"})
_NOT_LETTERS = re.compile(r"[^a-z]")
_SWEEPS = frozenset({"SPAXX", "FDRXX", "FZFXX", "FCASH", "CORE", "VMFXX"})
_ONE = Decimal(1)
_WIDEST_ZONE = 14


def matches(text: str) -> bool:
    """Whether the text is an OFX file, whatever its version."""
    start = text.lstrip()[:4000].upper()
    return start.startswith("OFXHEADER") or "<OFX>" in start


def read(text: str, reading: Reading) -> None:
    """Read every investment statement of the file."""
    root = read_ofx(text)
    statements = list(root.all("INVSTMTRS"))
    if not statements:
        raise UploadTypeError(
            "The OFX file has no investment statement; it is that of a bank or card account. Download the file of an "
            "investment account.",
            ("INVSTMTRS",),
        )
    securities = {info.told("SECID", "UNIQUEID"): info for info in root.all("SECINFO")}
    for statement in statements:
        _read_statement(statement, securities, reading)


def _read_statement(statement: Element, securities: Mapping[str, Element], reading: Reading) -> None:
    currency = check_currency(statement.told("CURDEF").upper() or "USD")
    broker, number = statement.told("INVACCTFROM", "BROKERID"), statement.told("INVACCTFROM", "ACCTID")
    account = reading.account_in(currency, broker, number, broker or "OFX account")
    account.as_of = _moment(statement.told("DTASOF")) or account.as_of
    cash = _cash(statement, account)
    listed = statement.first("INVPOSLIST")
    for element in listed.children if listed else ():
        position = element.first("INVPOS")
        if position is not None and element.name in _POSITIONS:
            cash = _read_position(element.name, position, securities, account, cash)
    account.cash += cash
    _take_other_cash(statement, account)
    _settle_total(statement, account)


def _read_position(
    kind: str, position: Element, securities: Mapping[str, Element], account: AccountDraft, cash: Decimal
) -> Decimal:
    """Take a position into the account; the cash that is left to be counted comes back."""
    try:
        line = _in_its_currency(position, _line(position, securities), account)
    except AllocationError as error:
        account.problems.append(LineProblem(position.line, _text(position), str(error), account.id))
        return cash
    if kind in _ASIDE:
        account.put_aside(line, _ASIDE[kind])
    elif cash and _is_swept(line, cash):
        account.notes.append(
            f"Line {line.number}: {line.label} is the sweep fund of the cash; it is counted once, as cash."
        )
    else:
        account.hold(line)
    return cash


def _is_swept(line: Line, cash: Decimal) -> bool:
    """Whether a money fund is the cash, or the part of it that was swept: AVAILCASH has both."""
    if line.price != _ONE or line.value is None or line.currency:
        return False
    return line.value == cash or (line.symbol.upper() in _SWEEPS and 0 < line.value < cash)


def _in_its_currency(position: Element, line: Line, account: AccountDraft) -> Line:
    """A position in a currency of its own; CURRATE is what one unit of it is worth in the statement's (section 5.2)."""
    told = position.first("CURRENCY")
    currency = check_currency(told.told("CURSYM").upper()) if told else account.currency
    if told is None or currency == account.currency:
        return line
    rate = read_amount(_point(told.told("CURRATE")), f"The rate of {currency}")
    if rate:
        account.totals.rates[currency] = rate
    return replace(line, currency=currency)


def _take_other_cash(statement: Element, account: AccountDraft) -> None:
    """Balances in another currency than the statement's, which AVAILCASH does not have."""
    for balance in statement.all("BAL"):
        told = balance.told("CURRENCY", "CURSYM").upper()
        if balance.told("BALTYPE").upper() != "DOLLAR" or told in ("", account.currency):
            continue
        try:
            amount = read_amount(_point(balance.told("VALUE")), f"The balance {balance.told('NAME')}")
            if "cash" in balance.told("NAME").lower():
                account.take_cash(amount or Decimal(0), check_currency(told))
        except AllocationError as error:
            account.problems.append(LineProblem(balance.line, f"BAL {balance.told('NAME')}", str(error), account.id))


def _settle_total(statement: Element, account: AccountDraft) -> None:
    """What the account is worth by the statement's own balances, or the total of an employer's plan.

    Some plans print zero there whatever they hold, which is no total.
    """
    worth = [
        balance.told("VALUE")
        for balance in statement.all("BAL")
        if _NOT_LETTERS.sub("", balance.told("NAME").lower()) in _WORTH
        and balance.told("CURRENCY", "CURSYM").upper() in ("", account.currency)
    ]
    total = next(iter(worth), "") or statement.told("INV401KBAL", "TOTAL")
    try:
        amount = read_amount(_point(total), "The total") if total else None
    except NumberError as error:
        account.problems.append(LineProblem(statement.line, "BAL", str(error), account.id))
        return
    if amount == 0 and (account.holdings or account.aside):
        account.notes.append("The plan's total is printed as zero, so there is no total to compare with.")
    else:
        account.file_total = to_cents(amount) if amount is not None else None


def _line(position: Element, securities: Mapping[str, Element]) -> Line:
    unique = position.told("SECID", "UNIQUEID")
    info = securities.get(unique, Element("SECINFO"))
    symbol = info.told("TICKER") or unique
    quantity, price, value, cost = (
        read_amount(_point(position.told(name)), f"The {name} of {symbol}")
        for name in ("UNITS", "UNITPRICE", "MKTVAL", "COSTBASIS")
    )
    if quantity is not None and position.told("POSTYPE").upper() == "SHORT":
        quantity = -abs(quantity)
    return Line(position.line, _text(position), symbol, info.told("SECNAME"), quantity, price, value, cost)


def _cash(statement: Element, account: AccountDraft) -> Decimal:
    """The cash with the sweep, less what is owed on margin."""
    balance = statement.first("INVBAL")
    if balance is None:
        account.notes.append("The statement has no balance, so the cash is zero.")
        return Decimal(0)
    try:
        cash = read_amount(_point(balance.told("AVAILCASH")), "The available cash") or Decimal(0)
        margin = read_amount(_point(balance.told("MARGINBALANCE")), "The margin balance") or Decimal(0)
    except AllocationError as error:
        account.problems.append(LineProblem(balance.line, "INVBAL", str(error), account.id))
        return Decimal(0)
    if margin < 0:
        account.notes.append(f"Line {balance.line}: {-margin:,.2f} owed on margin was taken off the cash.")
        account.cash += margin
    return cash


def _point(amount: str) -> str:
    """OFX writes decimals with a point or a comma, and never thousands."""
    return amount.replace(",", ".") if amount.count(",") == 1 and "." not in amount else amount


def _moment(told: str) -> datetime | None:
    found = _TIME.fullmatch(told)
    if not found or abs(int(found["hours"] or 0)) > _WIDEST_ZONE:
        return None
    zone = timezone(timedelta(hours=int(found["hours"]))) if found["hours"] else UTC
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError:
        return None


def _text(position: Element) -> str:
    return " ".join(f"{child.name}={child.text}" for child in position.children if child.text)[:160]
