"""OFX and QFX (Quicken) investment statements, versions 1 and 2, read by ourselves: the maintained parser is GPL.

Elements as in the Open Financial Exchange Specification 2.2, section 13 "Investments": `INVPOSLIST` lists the positions by kind,
`SECLIST` the names and tickers, `INVBAL` the balances. AVAILCASH "should include sweep funds", so a money fund of the
same amount is the same money. Tax lots are not part of the format. Times without a zone are GMT.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from allocation.adapters.importers.amounts import read_amount
from allocation.adapters.importers.draft import AccountDraft
from allocation.adapters.importers.lines import Line
from allocation.adapters.importers.markup import Element
from allocation.adapters.importers.reading import Reading
from allocation.adapters.importers.sgml import read_ofx
from allocation.errors import AllocationError, ImportFileError
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
        raise ImportFileError(
            "The OFX file has no investment statement; it is that of a bank or card account. Download the file of an "
            "investment account.",
            ("INVSTMTRS",),
        )
    securities = {info.told("SECID", "UNIQUEID"): info for info in root.all("SECINFO")}
    for statement in statements:
        _read_statement(statement, securities, reading)


def _read_statement(statement: Element, securities: Mapping[str, Element], reading: Reading) -> None:
    currency = statement.told("CURDEF").upper() or "USD"
    broker, number = statement.told("INVACCTFROM", "BROKERID"), statement.told("INVACCTFROM", "ACCTID")
    reading.as_of = _moment(statement.told("DTASOF")) or reading.as_of
    own = reading.account_in(check_currency(currency), broker, number, broker or "OFX account")
    cash = _cash(statement, own)
    for kind in _POSITIONS:
        for element in statement.all(kind):
            position = element.first("INVPOS")
            if position is None:
                continue
            told = position.told("CURRENCY", "CURSYM").upper() or currency
            account = reading.account_in(told, broker, number, broker or "OFX account") if told != currency else own
            cash = _read_position(kind, position, securities, account, cash)
    own.cash += cash
    total = statement.told("INV401KBAL", "TOTAL")
    own.file_total = read_amount(_point(total), "The total") if total else None


def _read_position(
    kind: str, position: Element, securities: Mapping[str, Element], account: AccountDraft, cash: Decimal
) -> Decimal:
    """Take a position into the account; the cash that is left to be counted comes back."""
    try:
        check_currency(account.currency)
        line = _line(position, securities)
    except AllocationError as error:
        account.problems.append(LineProblem(position.line, _text(position), str(error), account.id))
        return cash
    if kind in _ASIDE:
        account.put_aside(line, _ASIDE[kind])
    elif cash and line.price == _ONE and line.value == cash:
        account.notes.append(
            f"Line {line.number}: {line.label} is the sweep fund of the cash; it is counted once, as cash."
        )
    else:
        account.hold(line)
    return cash


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
