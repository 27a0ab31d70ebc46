"""Interactive Brokers' Flex query as XML: the sections Open Positions and Cash Report of one or several accounts.

Attributes as in Interactive Brokers' Reporting Reference ("Activity Flex Query Reference"): `levelOfDetail` tells SUMMARY from
LOT, `reportDate` the day of a position, `currency="BASE_SUMMARY"` the cash of all currencies together.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from decimal import Decimal

from allocation.adapters.importers.amounts import read_amount
from allocation.adapters.importers.dates import EASTERN
from allocation.adapters.importers.draft import AccountDraft
from allocation.adapters.importers.ibkr_positions import (
    BROKER,
    Told,
    account_of,
    read_day,
    settle_whole,
    take_cash,
    take_positions,
)
from allocation.adapters.importers.lines import Line
from allocation.adapters.importers.markup import Element, read_xml
from allocation.adapters.importers.reading import Reading
from allocation.errors import AllocationError, NumberError, UploadHeaderError
from allocation.model import check_currency

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
        raise UploadHeaderError(
            "The Flex query has no Open Positions and no Cash Report. Add both sections to the query (Open Positions with "
            "Summary and Lots) and run it again.",
            ("OpenPositions", "CashReport"),
        )
    for statement in statements:
        _read_statement(statement, reading)


def _read_statement(statement: Element, reading: Reading) -> None:
    number = statement.attributes.get("accountId", "")
    positions = _newest(list(statement.all("OpenPosition")), reading)
    report = list(statement.all("CashReportCurrency"))
    base = _base(statement, reading)
    days = [read_day(element.attributes.get("reportDate", "")) for element in positions]
    ends = [read_day(element.attributes.get("toDate", "")) for element in (statement, *report)]
    day = max((day for day in days if day), default=None) or max((day for day in ends if day), default=None)
    take_positions([_told(element, number) for element in positions], base, reading)
    _take_cash(report, number, base, reading)
    _settle_total(statement, account_of(reading, number, base))
    rates = _rates(statement, base)
    for account in reading.accounts:
        if account.as_of is None and day:
            account.as_of = datetime.combine(day, time(16), EASTERN)
        if account.currency == base:
            account.totals.rates.update(rates)


def _newest(positions: Sequence[Element], reading: Reading) -> Sequence[Element]:
    """The positions of the last day: a query over a period can list them for every day."""
    days = {read_day(element.attributes.get("reportDate", "")) for element in positions} - {None}
    if len(days) < 2:
        return positions
    last = max(day for day in days if day)
    kept = [element for element in positions if read_day(element.attributes.get("reportDate", "")) == last]
    reading.notes.append(f"{len(positions) - len(kept)} lines on positions before {last} were left out.")
    return kept


def _base(statement: Element, reading: Reading) -> str:
    """The account's base currency: as the query says it, else the one that is worth exactly one of itself."""
    said = [element.attributes for element in statement.all("AccountInformation")]
    said += [element.attributes for element in statement.all("EquitySummaryByReportDateInBase")]
    said += [element.attributes for element in statement.all("CashReportCurrency") if _is_of_all(element)]
    said += [element.attributes for element in statement.all("OpenPosition") if _rate(element.attributes) == 1]
    told = [attributes.get("currency", "") for attributes in (statement.attributes, *said)]
    told += [element.attributes.get("toCurrency", "") for element in statement.all("ConversionRate")]
    base = next((currency for currency in told if currency not in ("", _BASE)), "")
    if base:
        return base.upper()
    names = ("OpenPosition", "CashReportCurrency")
    used = dict.fromkeys(element.attributes.get("currency", "") for name in names for element in statement.all(name))
    held = [currency for currency in used if currency not in ("", _BASE)]
    if len(held) > 1:
        reading.notes.append(
            "The query does not say its base currency; USD is taken. Add the section Account Information to it."
        )
    return held[0].upper() if len(held) == 1 else "USD"


def _rates(statement: Element, base: str) -> dict[str, Decimal]:
    """What one unit of each currency is worth in the base currency."""
    rates: dict[str, Decimal] = {}
    for element in statement.all("ConversionRate"):
        said = element.attributes
        rate = _rate({"fxRateToBase": said.get("rate", "")})
        if rate and said.get("toCurrency") == base:
            rates[said.get("fromCurrency", "")] = rate
    for element in statement.all("OpenPosition"):
        rate = _rate(element.attributes)
        if rate:
            rates[element.attributes.get("currency", "")] = rate
    return rates


def _rate(said: Mapping[str, str]) -> Decimal | None:
    """The rate of a line; one that cannot be read is none, and then nothing is converted by it."""
    try:
        return read_amount(said.get("fxRateToBase", ""), "The rate")
    except NumberError:
        return None


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
        told = base if _is_of_all(element) else element.attributes.get("currency", "")
        account = account_of(reading, element.attributes.get("accountId", "") or number, base)
        try:
            currency = check_currency(told or base)
            amount = read_amount(element.attributes.get("endingCash", ""), "The ending cash")
        except AllocationError as error:
            account.problem(Line(element.line, f"{told} {element.attributes.get('endingCash', '')}", ""), str(error))
            continue
        take_cash(account, amount or Decimal(0), element.line, currency)


def _is_of_all(element: Element) -> bool:
    """Whether a line of the cash report is that of all currencies together."""
    level = element.attributes.get("levelOfDetail", "").upper()
    return element.attributes.get("currency") == _BASE or level == _BASE_LEVEL


def _settle_total(statement: Element, account: AccountDraft) -> None:
    """The last net asset value; accruals are shown and never spent."""
    days = [e for e in statement.all("EquitySummaryByReportDateInBase") if e.attributes.get("total")]
    if not days:
        return
    last = max(days, key=lambda element: str(read_day(element.attributes.get("reportDate", ""))))
    for name in ("dividendAccruals", "interestAccruals"):
        amount = read_amount(last.attributes.get(name, ""), f"The {name}")
        if amount:
            line = Line(last.line, name, "", name, value=amount)
            account.put_aside(line, "Accrued, not paid yet: it is part of the account but cannot be spent today.")
    settle_whole(account, read_amount(last.attributes["total"], "The net asset value") or Decimal(0))
