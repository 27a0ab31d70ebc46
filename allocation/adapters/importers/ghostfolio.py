"""Ghostfolio's export as JSON: accounts with balances, and the activities that positions and lots are added up from.

The form is that of Ghostfolio's own import and export (github.com/ghostfolio/ghostfolio, test/import, AGPL; read, not copied):
`accounts` with id, name, currency and balance; `activities` with accountId, type, symbol, quantity, unitPrice, fee, currency
and date; `assetProfiles` with the names. Prices may be in pence (GBp, ZAc, ILA).
"""

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from allocation.adapters.importers.activities import Collected, ReadDay, bought, day_reader
from allocation.adapters.importers.ledger import Movement, major_unit
from allocation.adapters.importers.lines import Line
from allocation.adapters.importers.reading import Reading
from allocation.errors import AllocationError, NumberError, UploadRowsError, UploadTooLargeError
from allocation.imported import LineProblem
from allocation.model import check_currency
from allocation.money import to_decimal

NAME = "Ghostfolio"

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|GF_.*", re.IGNORECASE)
_MOVING = {"BUY": 1, "SELL": -1}
_LEFT_OUT = frozenset({"DIVIDEND", "FEE", "INTEREST"})  # the balance of the account has them already
_ASIDE = frozenset({"ITEM", "VALUABLE", "LIABILITY"})
_MOST = 100_000
_NOWHERE = "Without an account"

Fields = Mapping[str, Any]


def matches(text: str) -> bool:
    """Whether the text is Ghostfolio's export."""
    return text.lstrip().startswith("{") and '"activities"' in text


def read(text: str, reading: Reading) -> None:
    """Read every account's cash and every activity."""
    document = _load(text)
    names = {str(fields.get("symbol")): str(fields.get("name") or "") for fields in _listed(document, "assetProfiles")}
    accounts = {str(fields.get("id")): fields for fields in _listed(document, "accounts")}
    activities = _listed(document, "activities")
    read_day = day_reader(())
    collected = Collected(reading, NAME)
    for number, fields in enumerate(activities, start=1):
        try:
            _read_activity(number, fields, names, accounts, read_day, collected)
        except AllocationError as error:
            reading.problems.append(LineProblem(number, _text(fields), f"Activity {number}: {error}"))
    _take_balances(accounts, collected, reading)
    collected.settle()


def _load(text: str) -> Fields:
    try:
        document = json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=str)
    except (json.JSONDecodeError, RecursionError) as fault:
        line = getattr(fault, "lineno", 1)
        raise UploadRowsError(
            f"Line {line}: the Ghostfolio export is no readable JSON. It may have been cut short or edited; export it again.",
            (f"line {line}",),
        ) from None
    return document if isinstance(document, dict) else {}


def _listed(document: Fields, name: str) -> Sequence[Fields]:
    found = document.get(name)
    listed = [fields for fields in found if isinstance(fields, dict)] if isinstance(found, list) else []
    if len(listed) > _MOST:
        raise UploadTooLargeError(
            f"The Ghostfolio export has more than {_MOST:,} {name}. Export fewer accounts at a time."
        )
    return listed


def _read_activity(
    number: int,
    fields: Fields,
    names: Mapping[str, str],
    accounts: Mapping[str, Fields],
    read_day: ReadDay,
    collected: Collected,
) -> None:
    kind, symbol = str(fields.get("type", "")).upper(), str(fields.get("symbol") or "")
    if kind in _LEFT_OUT:
        return
    if kind not in _MOVING and kind not in _ASIDE:
        raise NumberError("The type", kind, "BUY, SELL, DIVIDEND, FEE, INTEREST, ITEM or LIABILITY")
    quantity = _amount(fields, "quantity")
    currency, factor = major_unit(str(fields.get("currency") or "USD"))
    key, name = _owner(fields.get("accountId"), accounts)
    if kind in _ASIDE or _UUID.fullmatch(symbol):
        if quantity:
            line = Line(number, _text(fields), "", names.get(symbol) or symbol)
            reason = "A value of its own in Ghostfolio, such as property: no source knows its price."
            collected.put_aside(key, name, check_currency(currency), line, reason)
        return
    price, fee = _amount(fields, "unitPrice") * factor, _amount(fields, "fee") * factor
    if quantity < 0 or price < 0:
        raise NumberError("The quantity or price", str(min(quantity, price)), "a number that is not below zero")
    movement = Movement(
        number,
        _text(fields),
        read_day(str(fields.get("date", ""))),
        symbol,
        names.get(symbol, ""),
        quantity * _MOVING[kind],
        bought(quantity, price, fee) if kind == "BUY" else None,
    )
    if quantity:
        collected.add(key, name, check_currency(currency), movement)


def _take_balances(accounts: Mapping[str, Fields], collected: Collected, reading: Reading) -> None:
    """The cash of every account, as Ghostfolio has it today."""
    for key, fields in accounts.items():
        currency, factor = major_unit(str(fields.get("currency") or "USD"))
        try:
            balance = _amount(fields, "balance") * factor
            movement = Movement(0, _text(fields), reading.now.date(), cash=balance)
            collected.add(*_owner(key, accounts), check_currency(currency), movement)
            collected.is_in(*_owner(key, accounts), currency)
        except AllocationError as error:
            reading.problems.append(LineProblem(0, _text(fields), str(error)))


def _owner(key: object, accounts: Mapping[str, Fields]) -> tuple[str, str]:
    """The account's id and name; the id never leaves this module but as part of ours."""
    known = accounts.get(str(key))
    return (str(key), str(known.get("name") or NAME)[:60]) if known else ("", _NOWHERE)


def _amount(fields: Fields, name: str) -> Decimal:
    told = fields.get(name)
    return to_decimal(told, f"The {name}") if told is not None else Decimal(0)


def _text(fields: Fields) -> str:
    told = ("date", "type", "symbol", "name", "quantity", "unitPrice", "currency")
    return " ".join(str(fields[name]) for name in told if fields.get(name) is not None)[:160]
