"""Interactive Brokers' activity statement as CSV: many tables in one file, each line led by the name of its table.

What the file looks like, by observation; the sections are described in Interactive Brokers' Reporting Reference:
- every line is "Section,Header|Data|Total,…", the header of a section names the columns of the data lines below it;
- "Open Positions" (older: "Long Open Positions") has a Summary line for each position and, when the statement is run with lots,
  a Lot line for each purchase with its day; a Total line for each kind and currency, and one more in the base currency;
- the statement comes in several languages, in which the discriminators stay English and columns keep their order.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from allocation.adapters.importers.dates import EASTERN, read_moment
from allocation.adapters.importers.ibkr_positions import BROKER, Told, account_of, take_positions
from allocation.adapters.importers.ibkr_totals import Entry, rates_in, settle_totals, take_ending_cash
from allocation.adapters.importers.ibkr_words import ACCOUNT, BASE_CURRENCY, PERIOD, first_of, name_columns
from allocation.adapters.importers.reading import Reading
from allocation.adapters.importers.table import Row, header_names
from allocation.errors import UploadHeaderError

NAME = BROKER

_POSITIONS = frozenset({"Open Positions", "Long Open Positions", "Short Open Positions"})
_DISCRIMINATOR = "datadiscriminator"
_OF_POSITIONS = frozenset({"Summary", "Lot"})


def detect(rows: Sequence[Row]) -> Row | None:
    """The first header of a statement's sections, if this is a statement."""
    led = [row for row in rows if len(row.cells) > 2 and row.cells[1] in ("Header", "Data")]
    names = {row.cells[0] for row in led}
    told = any(row.cells[2].lower() == _DISCRIMINATOR for row in led if row.cells[1] == "Header")
    return led[0] if led and ("Statement" in names or names & _POSITIONS or told) else None


def read(rows: Sequence[Row], header: Row, reading: Reading) -> None:
    """Read the positions and the cash of every currency, and compare with the statement's own totals."""
    del header  # every section has its own
    sections = _sections(rows)
    facts = _facts(sections)
    number = first_of(ACCOUNT, facts).split(" ")[0]
    rates = rates_in(rows)
    positions = [
        entry
        for name, section in sections.items()
        if _has_positions(name, section)
        for entry in _entries(section, of_positions=True)
    ]
    base = _base(facts, rates, positions, rows)
    reading.as_of = _moment(facts)
    cash = take_ending_cash(sections, number, base, reading)
    if not positions and not cash:
        raise UploadHeaderError(
            "The statement has neither a section Open Positions nor a Cash Report. Run an Activity Statement (not Trade "
            "Confirmations or a summary) with both sections and choose that file.",
            ("Open Positions", "Cash Report"),
        )
    if not cash:
        reading.notes.append("No cash report was found in the statement, so the cash is zero.")
    names = _names(sections)
    take_positions([_position(entry, number, names) for entry in positions if entry.role == "Data"], base, reading)
    account_of(reading, number, base).totals.rates.update({c: r for (of, c), r in rates.items() if of == base})
    settle_totals(sections, positions, base, reading)


def _sections(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The lines of every section, by its name."""
    sections: dict[str, list[Row]] = {}
    for row in rows:
        if len(row.cells) > 2 and row.filled:
            sections.setdefault(row.cells[0], []).append(row)
    return sections


def _has_positions(name: str, section: Sequence[Row]) -> bool:
    """Whether these are open positions; trades have a discriminator too, of other words."""
    told = any(row.cells[1] == "Header" and row.cells[2].lower() == _DISCRIMINATOR for row in section)
    return name in _POSITIONS or (told and any(row.cells[2] in _OF_POSITIONS for row in section))


def _entries(section: Sequence[Row], of_positions: bool = False) -> Iterator[Entry]:
    names: tuple[str, ...] = ()
    for row in section:
        if row.cells[1] == "Header":
            names = name_columns(header_names(row)) if of_positions else header_names(row)
        else:
            yield Entry(row, row.cells[1], dict(zip(names[2:], row.cells[2:], strict=False)))


def _facts(sections: Mapping[str, Sequence[Row]]) -> dict[str, str]:
    """What sections of names and values say: of the statement and of the account, whatever they are called."""
    return {
        row.cells[2].lower(): " ".join(filter(None, row.cells[3:]))
        for section in sections.values()
        if section[0].cells[1] == "Header" and len(section[0].filled) == 4
        for row in section
        if row.cells[1] == "Data" and len(row.cells) > 3
    }


def _base(
    facts: Mapping[str, str], rates: Mapping[tuple[str, str], object], positions: Sequence[Entry], rows: Sequence[Row]
) -> str:
    """The base currency: as the statement says it, or as the only one there is."""
    told = first_of(BASE_CURRENCY, dict(facts)).upper() or next((base for base, _ in rates), "")
    used = {entry.told("currency") for entry in positions if entry.role == "Data"}
    used |= {row.cells[3] for row in rows if len(row.cells) > 4 and row.cells[0] == "Cash Report"} & _codes(rows)
    return told or (used.pop().upper() if len(used) == 1 else "USD")


def _codes(rows: Sequence[Row]) -> set[str]:
    found = {row.cells[3] for row in rows if len(row.cells) > 4}
    return {code for code in found if len(code) == 3 and code.isalpha() and code.isupper()}


def _moment(facts: Mapping[str, str]) -> datetime | None:
    """The close of the statement's last day in New York."""
    day = read_moment(first_of(PERIOD, dict(facts)).rpartition(" - ")[2]) or read_moment(facts.get("whengenerated", ""))
    return day.replace(hour=16, minute=0, tzinfo=EASTERN) if day else None


def _names(sections: Mapping[str, Sequence[Row]]) -> dict[str, str]:
    listed = _entries(sections.get("Financial Instrument Information", []))
    return {entry.told("symbol"): entry.told("description") for entry in listed if entry.role == "Data"}


def _position(entry: Entry, number: str, names: Mapping[str, str]) -> Told:
    symbol = entry.told("symbol")
    return Told(
        line=entry.row.number,
        text=entry.row.text,
        account=entry.told("account") or number,
        kind=entry.told("asset category", "asset class"),
        currency=entry.told("currency"),
        symbol=symbol,
        name=entry.told("description") or names.get(symbol, ""),
        is_lot=entry.told("datadiscriminator").lower() == "lot",
        opened=entry.told("open"),
        amounts={
            "quantity": entry.told("quantity"),
            "price": entry.told("close price"),
            "value": entry.told("value"),
            "cost": entry.told("cost basis"),
            "unit_cost": entry.told("cost price"),
        },
    )
