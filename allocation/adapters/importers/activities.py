"""Lists of activities from portfolio trackers: what they have in common, and the days they are written with."""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal

from allocation.adapters.importers.ledger import Movement, settle
from allocation.adapters.importers.lines import Line
from allocation.adapters.importers.reading import Reading
from allocation.errors import UnclearDateError

_ISO = re.compile(r"(?P<year>\d{4})-?(?P<month>\d{2})-?(?P<day>\d{2})(?:[T ].*)?")
_DOTTED = re.compile(r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})(?:[T ].*)?")
_DAY_FIRST = re.compile(r"(?P<day>\d{1,2})[/-](?P<month>\d{1,2})[/-](?P<year>\d{4})(?:[T ].*)?")
_MONTH_FIRST = re.compile(r"(?P<month>\d{1,2})[/-](?P<day>\d{1,2})[/-](?P<year>\d{4})(?:[T ].*)?")
_TWO_NUMBERS = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-]\d{4}")
_MOST_MONTHS = 12

ReadDay = Callable[[str], date]


def day_reader(cells: Iterable[str], day_first: bool | None = None) -> ReadDay:
    """How this file writes days. 03/04/2026 is read only where another day of the file, or the program, tells the order."""
    pairs = [(int(found[1]), int(found[2])) for cell in cells if (found := _TWO_NUMBERS.match(cell))]
    firsts = any(first > _MOST_MONTHS for first, _ in pairs)
    seconds = any(second > _MOST_MONTHS for _, second in pairs)
    if firsts != seconds:
        day_first = firsts
    forms = [_ISO, _DOTTED]
    if day_first is not None and not (firsts and seconds):
        forms.append(_DAY_FIRST if day_first else _MONTH_FIRST)
    return lambda text: _read_day(text.strip(), forms)


def _read_day(text: str, forms: Iterable[re.Pattern[str]]) -> date:
    for form in forms:
        found = form.fullmatch(text)
        try:
            if found:
                return date(int(found["year"]), int(found["month"]), int(found["day"]))
        except ValueError:
            break
    raise UnclearDateError("The date", text, "a day that can be read in one way only, such as 2026-11-20")


class Collected:
    """The movements of a file by account, until all of them are read."""

    def __init__(self, reading: Reading, broker: str) -> None:
        self._reading = reading
        self._broker = broker
        self._movements: dict[tuple[str, str], list[Movement]] = {}
        self._aside: dict[tuple[str, str], list[tuple[Line, str]]] = {}
        self._bases: dict[tuple[str, str], str] = {}
        self._future = 0

    def add(self, key: str, name: str, currency: str, movement: Movement) -> None:
        """Note one movement of the account known by this key and name."""
        self._movements.setdefault((key, name), []).append(replace(movement, currency=currency))
        self._future += movement.day > self._reading.now.date()

    def put_aside(self, key: str, name: str, currency: str, line: Line, reason: str) -> None:
        """Note a line that is shown and never traded."""
        self._movements.setdefault((key, name), [])
        self._aside.setdefault((key, name), []).append((replace(line, currency=currency), reason))

    def is_in(self, key: str, name: str, currency: str) -> None:
        """Say in which currency an account is kept, where the file does."""
        self._bases[key, name] = currency

    def settle(self) -> None:
        """Turn everything into positions, lots and cash."""
        for (key, name), movements in self._movements.items():
            aside = self._aside.get((key, name), [])
            currencies = [movement.currency for movement in movements] or [line.currency for line, _ in aside]
            base = self._bases.get((key, name)) or max(dict.fromkeys(currencies), key=currencies.count)
            account = self._reading.account_in(base, self._broker, key, name)
            settle(account, movements, self._reading.now)
            for line, reason in aside:
                account.put_aside(line, reason)
            if (key, name) not in self._bases and len(set(currencies)) > 1:
                account.notes.append(
                    f"The file does not say the account's own currency; {base}, that of most of its lines, is taken."
                )
        if self._future:
            self._reading.notes.append(f"{self._future} activities in the future were left out.")


def bought(quantity: Decimal, price: Decimal, fee: Decimal) -> Decimal:
    """What units cost with their fee."""
    return quantity * price + fee
