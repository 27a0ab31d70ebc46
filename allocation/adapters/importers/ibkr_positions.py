"""Interactive Brokers' positions and cash, as its statements and its Flex queries tell them in different words."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from allocation.adapters.importers.amounts import read_amount
from allocation.adapters.importers.draft import AccountDraft
from allocation.adapters.importers.lines import Line, reason_to_set_aside, to_cents, unit_cost
from allocation.adapters.importers.reading import Reading
from allocation.errors import AllocationError
from allocation.model import TaxLot, check_currency

BROKER = "Interactive Brokers"

_HELD = ("stock", "mutual fund", "fund", "etf")
# The same in German, Spanish, French, Italian, Portuguese, Chinese and Japanese, as statements in these languages print it.
_HELD_ABROAD = frozenset({
    "aktien", "acciones", "actions", "azioni", "ações", "股票", "株式", "investmentfonds", "fonds", "fondos",
    "fondos de inversión", "fonds communs de placement", "fondi", "fondi comuni", "fundos", "etfs",
})  # fmt: skip
_MONEY = frozenset({"cash", "forex", "devisen", "divisas"})
# Flex queries write the kinds of securities in short.
_KINDS = {
    "STK": "Stocks",
    "FUND": "Mutual Funds",
    "OPT": "Options",
    "FOP": "Options on Futures",
    "BOND": "Bonds",
    "BILL": "Treasury Bills",
    "FUT": "Futures",
    "WAR": "Warrants",
}
_AMOUNTS = ("quantity", "price", "value", "cost", "unit_cost")
_DAY = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?!\d)")


@dataclass(frozen=True, slots=True)
class Told:
    """One line on a position, in one vocabulary: what the file prints, still as text."""

    line: int
    text: str
    account: str
    kind: str
    currency: str
    symbol: str
    name: str = ""
    is_lot: bool = False
    opened: str = ""
    amounts: Mapping[str, str] = field(default_factory=dict)


def read_day(text: str) -> date | None:
    """The day in 20260830, 2026-08-30 or either with a time behind it; None for other ways of writing a day."""
    found = _DAY.match(text.strip())
    try:
        return date(*(int(part) for part in found.groups())) if found else None
    except ValueError:
        return None


def take_positions(told: Sequence[Told], base: str, reading: Reading) -> None:
    """Every position with its lots, each in its own currency; amounts in the base currency carry none."""
    for position, lots in _with_lots(told):
        account = account_of(reading, position.account, base)
        if position.kind.lower() in _MONEY:
            account.notes.append(f"Line {position.line}: {position.symbol} is money, which the cash report has.")
            continue
        try:
            currency = check_currency(position.currency.upper() or base)
            line = _line(position, lots)
        except AllocationError as error:
            account.problem(Line(position.line, position.text, position.symbol), str(error))
            continue
        _hold(account, replace(line, currency="" if currency == base else currency))


def take_cash(account: AccountDraft, amount: Decimal, line: int, currency: str = "") -> None:
    """Cash of one currency; below zero it is owed."""
    account.take_cash(amount, currency)
    if to_cents(amount) < 0:
        account.notes.append(
            f"Line {line}: the {currency or account.currency} cash is below zero; the account owes {-amount:,.2f} on margin."
        )


def settle_whole(account: AccountDraft, total: Decimal) -> None:
    """The net asset value in the base currency: the account's total where it holds nothing else."""
    held = [line for lines in account.holdings.values() for line in lines] + [line for line, _ in account.aside]
    if any(account.balances.values()) or any(line.currency for line in held):
        account.totals.whole = total
    else:
        account.file_total = to_cents(total)


def account_of(reading: Reading, number: str, base: str) -> AccountDraft:
    """The account with this number, in its base currency."""
    return reading.account_in(base, BROKER, number, BROKER)


def _with_lots(told: Sequence[Told]) -> list[tuple[Told, list[Told]]]:
    """Each position with its lots; where a query lists lots alone, each is a position of its own, added up later."""
    summed = {_key(entry) for entry in told if not entry.is_lot}
    lots: dict[tuple[str, ...], list[Told]] = {}
    for entry in told:
        if entry.is_lot and _key(entry) in summed:
            lots.setdefault(_key(entry), []).append(entry)
    return [(entry, lots.pop(_key(entry), [])) for entry in told if not entry.is_lot or _key(entry) not in summed]


def _key(entry: Told) -> tuple[str, ...]:
    return entry.account, entry.kind, entry.currency, entry.symbol


def _line(position: Told, lots: Sequence[Told]) -> Line:
    alone = _single(position)
    each = [_single(lot) for lot in lots]
    costs = [unit_cost(lot) for lot in each]
    complete = all(lot.quantity is not None and cost is not None for lot, cost in zip(each, costs, strict=True))
    listed = tuple(
        TaxLot(lot.quantity, cost, lot.acquired)
        for lot, cost in zip(each, costs, strict=True)
        if lot.quantity is not None and cost is not None
    )
    return replace(alone, lots=listed if complete else ())


def _single(told: Told) -> Line:
    label = told.symbol or told.name or "the line"
    kind = _KINDS.get(told.kind.upper(), told.kind)
    acquired = read_day(told.opened) if told.is_lot else None
    symbol = told.symbol.replace(" ", ".") if _is_held(kind) else told.symbol  # BRK B is BRK.B elsewhere
    quantity, price, value, cost, per_unit = (
        read_amount(told.amounts.get(name, ""), f"The {name.replace('_', ' ')} of {label}") for name in _AMOUNTS
    )
    return Line(told.line, told.text, symbol, told.name, quantity, price, value, cost, per_unit, acquired, kind)


def _is_held(kind: str) -> bool:
    return not kind or kind.lower().startswith(_HELD) or kind.lower() in _HELD_ABROAD


def _hold(account: AccountDraft, line: Line) -> None:
    if _is_held(line.kind):
        account.hold(line)
    else:
        account.put_aside(line, reason_to_set_aside(line) or f"{line.kind}: kept out of the plan.")
