"""Interactive Brokers' Flex query as XML: the sections Open Positions and Cash Report of one or several accounts.

Attributes as in Interactive Brokers' Reporting Reference ("Activity Flex Query Reference"): `levelOfDetail` tells SUMMARY from
LOT, `reportDate` the day of a position, `currency="BASE_SUMMARY"` the cash of all currencies together.
"""

from collections.abc import Sequence
from datetime import datetime, time
from decimal import Decimal

from allocation.adapters.importers.amounts import read_amount
from allocation.adapters.importers.dates import EASTERN
from allocation.adapters.importers.ibkr_positions import (
    BROKER,
    Told,
    note_currencies,
    part_of,
    read_day,
    take_cash,
    take_positions,
)
from allocation.adapters.importers.lines import Line, to_cents
from allocation.adapters.importers.markup import Element, read_xml
from allocation.adapters.importers.reading import Reading
from allocation.errors import ImportFileError, NumberError

NAME = BROKER
_BASE = "BASE_SUMMARY"
_BASE_LEVEL = "BASECURRENCY"


def matches(text: str) -> bool:
    """Whether the text is the answer to a Flex query."""
    return text.lstrip().startswith("<") and "<FlexQueryResponse" in text[:2000]


def read(text: str, reading: Reading) -> None:
    """Read every statement of the answer."""
    root = read_xml(text, "Flex query")
    read_statements(list(root.all("FlexStatement")), reading)


def read_statements(statements: Sequence[Element], reading: Reading) -> None:
    """Read statements as the XML has them; the CSV form of a query is turned into the same elements.

    Raises:
        ImportFileError: none of them has positions or cash.
    """
    if not any(True for statement in statements for _ in statement.all("OpenPosition")) and not any(
        True for statement in statements for _ in statement.all("CashReportCurrency")
    ):
        raise ImportFileError(
            "The Flex query has no Open Positions and no Cash Report. Add both sections to the query (Open Positions with "
            "Summary and Lots) and run it again.",
            ("OpenPositions", "CashReport"),
        )
    for statement in statements:
        _read_statement(statement, reading)
    note_currencies(reading)


def _read_statement(statement: Element, reading: Reading) -> None:
    number = statement.attributes.get("accountId", "")
    positions = _newest(list(statement.all("OpenPosition")), reading)
    days = [read_day(element.attributes.get("reportDate", "")) for element in positions]
    day = max((day for day in days if day), default=None) or read_day(statement.attributes.get("toDate", ""))
    if day:
        reading.as_of = datetime.combine(day, time(16), EASTERN)
    take_positions([_told(element, number) for element in positions], reading)
    base = _base(statement)
    _take_cash(list(statement.all("CashReportCurrency")), number, base, reading)
    _settle_total(statement, number, base, reading)


def _newest(positions: Sequence[Element], reading: Reading) -> Sequence[Element]:
    """The positions of the last day: a query over a period can list them for every day."""
    days = {read_day(element.attributes.get("reportDate", "")) for element in positions} - {None}
    if len(days) < 2:
        return positions
    last = max(day for day in days if day)
    kept = [element for element in positions if read_day(element.attributes.get("reportDate", "")) == last]
    reading.notes.append(f"{len(positions) - len(kept)} lines on positions before {last} were left out.")
    return kept


def _base(statement: Element) -> str:
    information = next(statement.all("AccountInformation"), None)
    told = information.attributes.get("currency", "") if information else ""
    return (told or statement.attributes.get("currency", "") or "USD").upper()


def _told(element: Element, number: str) -> Told:
    said = element.attributes
    return Told(
        line=element.line,
        text=" ".join(f"{name}={value}" for name, value in said.items() if value)[:160],
        account=said.get("accountId", "") or number,
        kind=said.get("assetCategory", ""),
        currency=said.get("currency", ""),
        symbol=said.get("symbol", ""),
        name=said.get("description", ""),
        is_lot=said.get("levelOfDetail", "").upper() == "LOT",
        opened=said.get("openDateTime", ""),
        amounts={
            "quantity": said.get("position", said.get("quantity", "")),
            "price": said.get("markPrice", ""),
            "value": said.get("positionValue", ""),
            "cost": said.get("costBasisMoney", ""),
            "unit_cost": said.get("costBasisPrice", ""),
        },
    )


def _take_cash(report: Sequence[Element], number: str, base: str, reading: Reading) -> None:
    """The ending cash of every currency, or of all in the base currency where the query has no more."""
    by_currency = [element for element in report if not _is_of_all(element)]
    for element in by_currency or report:
        told = _BASE if _is_of_all(element) else element.attributes.get("currency", "")
        account = part_of(
            reading, element.attributes.get("accountId", "") or number, base if told in ("", _BASE) else told
        )
        try:
            amount = read_amount(element.attributes.get("endingCash", ""), "The ending cash")
        except NumberError as error:
            account.problem(Line(element.line, f"{told} {element.attributes.get('endingCash', '')}", ""), str(error))
            continue
        take_cash(account, amount or Decimal(0), element.line)


def _is_of_all(element: Element) -> bool:
    """Whether a line of the cash report is that of all currencies together."""
    level = element.attributes.get("levelOfDetail", "").upper()
    return element.attributes.get("currency") == _BASE or level == _BASE_LEVEL


def _settle_total(statement: Element, number: str, base: str, reading: Reading) -> None:
    """The last net asset value, for an account with a single currency; accruals are shown and never spent."""
    held = [account for account in reading.accounts if account.number == number and not account.is_empty()]
    days = list(statement.all("EquitySummaryByReportDateInBase"))
    days = [element for element in days if element.attributes.get("total")]
    if len(held) != 1 or held[0].currency != base or not days:
        return
    last = max(days, key=lambda element: str(read_day(element.attributes.get("reportDate", ""))))
    held[0].file_total = to_cents(read_amount(last.attributes["total"], "The net asset value") or Decimal(0))
    for name in ("dividendAccruals", "interestAccruals"):
        amount = read_amount(last.attributes.get(name, ""), f"The {name}")
        if amount:
            line = Line(last.line, name, "", name, value=amount)
            held[0].put_aside(line, "Accrued, not paid yet: it is part of the account but cannot be spent today.")
