"""What an activity statement of Interactive Brokers says of its own sums: cash by currency, totals, exchange rates, net worth."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from allocation.adapters.importers.amounts import read_amount
from allocation.adapters.importers.draft import AccountDraft
from allocation.adapters.importers.ibkr_positions import account_of, settle_whole, take_cash
from allocation.adapters.importers.ibkr_words import NET_ASSET_VALUE, TOTAL
from allocation.adapters.importers.lines import Line, to_cents
from allocation.adapters.importers.reading import Reading
from allocation.adapters.importers.table import Row, header_names
from allocation.errors import NumberError
from allocation.money import plain

_CODE = re.compile(r"[A-Z]{3}")
_CASH_REPORT = "Cash Report"
_ENDING_CASH = "ending cash"
_RATE_STEP = Decimal("0.0000000001")
_CLOSE_ENOUGH = Decimal("0.0001")  # sums of amounts printed with nine decimals
_LABEL, _CURRENCY, _AMOUNT = 2, 3, 4
_FOREX = "Forex"
_FOREX_RATE = 8
_CURRENT_TOTAL = 6
_ACCRUED = re.compile(r"accrual|abgrenz|devengad|courus|maturat", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Entry:
    """A data or total line of a section, its cells by the names in the section's header."""

    row: Row
    role: str
    cells: Mapping[str, str]

    def told(self, *names: str) -> str:
        """The cell under the first of these names that the section has."""
        return next((self.cells[name] for name in names if self.cells.get(name)), "")


def take_ending_cash(sections: Mapping[str, Sequence[Row]], number: str, base: str, reading: Reading) -> bool:
    """The ending cash of every currency; a report without currencies has it in the base currency. Whether there is one."""
    ending = list(_ending(sections))
    by_currency = [(row, account) for row, account in ending if _CODE.fullmatch(row.cells[_CURRENCY])]
    for row, told in by_currency or ending:
        account = account_of(reading, told or number, base)
        currency = row.cells[_CURRENCY] if by_currency else base
        place = _AMOUNT + bool(told)
        try:
            amount = read_amount(row.cells[place], f"The ending cash in {currency}")
        except NumberError as error:
            account.problem(Line(row.number, row.text, currency), str(error))
            continue
        take_cash(account, amount or Decimal(0), row.number, currency)
    return bool(ending)


def rates_in(rows: Sequence[Row]) -> dict[tuple[str, str], Decimal]:
    """What one unit of a currency is worth in the base currency, by (base, currency): the closing prices of forex balances."""
    rates = {}
    for row in rows:
        cells = row.cells
        if len(cells) <= _FOREX_RATE or cells[2] != _FOREX or not all(_CODE.fullmatch(code) for code in cells[3:5]):
            continue
        rate = _amount_or_none(cells[_FOREX_RATE])
        if rate:
            rates[cells[3], cells[4]] = rate
    return rates


def settle_totals(
    sections: Mapping[str, Sequence[Row]], positions: Sequence[Entry], base: str, reading: Reading
) -> None:
    """The totals of every currency, and the net asset value, where the statement is that of one account."""
    held = [account for account in reading.accounts if not account.is_empty()]
    if len(held) != 1:
        reading.notes.append("The statement is one of several accounts, so its totals are those of none of them.")
        return
    account = held[0]
    _settle_currencies(positions, base, account)
    accrued = _settle_net_worth(sections, account)
    if accrued and base in account.totals.by_currency and account.totals.whole is not None:
        account.totals.by_currency[base] += accrued


# ── Cash ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _ending(sections: Mapping[str, Sequence[Row]]) -> Iterator[tuple[Row, str]]:
    """The lines of ending cash with their account, where they name one: by its name, in another language by its sums."""
    if _CASH_REPORT in sections:
        names: tuple[str, ...] = ()
        for row in sections[_CASH_REPORT]:
            if row.cells[1] == "Header":
                names = header_names(row)
            elif row.cells[_LABEL].lower() == _ENDING_CASH and len(row.cells) > _AMOUNT:
                yield row, row.cells[names.index("account")] if "account" in names else ""
        return
    for section in sections.values():
        report = [row for row in section if row.cells[1] == "Data" and _is_sum(row)]
        label = _label_of_sums(report)
        yield from ((row, "") for row in report if label and row.cells[_LABEL] == label)


def _is_sum(row: Row) -> bool:
    cells = row.cells
    return len(cells) > _AMOUNT and bool(cells[_CURRENCY]) and _amount_or_none(cells[_AMOUNT]) is not None


def _label_of_sums(report: Sequence[Row]) -> str:
    """The label whose amount is, in every currency, the sum of all lines above it."""
    groups: dict[str, dict[str, Decimal]] = {}
    for row in report:
        amounts = groups.setdefault(row.cells[_CURRENCY], {})
        amounts[row.cells[_LABEL]] = _amount_or_none(row.cells[_AMOUNT]) or Decimal(0)
    if not any(_CODE.fullmatch(currency) for currency in groups):
        return ""
    labels = dict.fromkeys(label for amounts in groups.values() for label in list(amounts)[1:])
    return next((label for label in labels if all(_is_sum_of_above(label, amounts) for amounts in groups.values())), "")


def _is_sum_of_above(label: str, amounts: Mapping[str, Decimal]) -> bool:
    above = list(amounts)
    if label not in amounts or above[0] == label:
        return False
    total = sum((amounts[name] for name in above[: above.index(label)]), Decimal(0))
    return abs(total - amounts[label]) <= _CLOSE_ENOUGH


# ── Totals ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _settle_currencies(positions: Sequence[Entry], base: str, account: AccountDraft) -> None:
    """The Total lines of a currency with its cash; a Total in the base currency below them is the same converted."""
    sums: dict[str, Decimal] = {}
    open_groups = {
        (entry.row.cells[0], entry.told("asset category"), entry.told("currency"))
        for entry in positions
        if entry.role == "Data"
    }
    rates = account.totals.rates
    current, own = "", None
    for entry in positions:
        currency = entry.told("currency")
        if entry.role != "Total":
            current, own = currency, None
            continue
        value = _amount(entry, account)
        if value is None:
            continue
        if currency == current:
            own = value
            sums[currency] = sums.get(currency, Decimal(0)) + value
            open_groups.discard((entry.row.cells[0], entry.told("asset category"), currency))
        elif own and currency == base and current not in rates:
            rates[current] = Decimal(plain((value / own).quantize(_RATE_STEP)))
    cash = {base: account.cash, **account.balances}
    unclosed = {currency for _, _, currency in open_groups}
    for currency in {**sums, **cash}:
        if currency not in unclosed and (currency in sums or cash[currency]):
            account.totals.by_currency[currency] = to_cents(
                sums.get(currency, Decimal(0)) + cash.get(currency, Decimal(0))
            )


def _settle_net_worth(sections: Mapping[str, Sequence[Row]], account: AccountDraft) -> Decimal:
    """The net asset value in the base currency; what is accrued is shown and never spent. Its amount comes back."""
    rows = [row for name in sections if name.lower() in NET_ASSET_VALUE for row in sections[name]]
    header = next((row for row in rows if row.cells[1] == "Header"), None)
    if header is None or len(header.cells) <= _CURRENT_TOTAL:
        return Decimal(0)
    names = header_names(header)
    place = names.index("current total") if "current total" in names else _CURRENT_TOTAL
    accrued = Decimal(0)
    for row in rows[1:]:
        if row.cells[1] != "Data" or len(row.cells) <= place:
            continue
        kind = row.cells[_LABEL].strip()
        try:
            amount = read_amount(row.cells[place], f"The total of {kind}")
        except NumberError as error:
            account.problem(Line(row.number, row.text, ""), str(error))
            continue
        if amount and _ACCRUED.search(kind):
            line = Line(row.number, row.text, "", kind, value=amount)
            account.put_aside(line, "Accrued, not paid yet: it is part of the account but cannot be spent today.")
            accrued += amount
        elif amount is not None and kind.lower() in TOTAL:
            settle_whole(account, amount)
    return accrued


def _amount(entry: Entry, account: AccountDraft) -> Decimal | None:
    """An amount of a total line; one that cannot be read is listed, and the account then has no total to compare with."""
    try:
        return read_amount(entry.told("value"), "The value")
    except NumberError as error:
        account.problem(Line(entry.row.number, entry.row.text, ""), str(error))
        return None


def _amount_or_none(text: str) -> Decimal | None:
    try:
        return read_amount(text, "The amount")
    except NumberError:
        return None
