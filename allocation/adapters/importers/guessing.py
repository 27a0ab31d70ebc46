"""What the columns of a table no reader knows may mean: by their names in several languages, and by what stands in them."""

import re
from collections.abc import Callable, Sequence

from allocation.adapters.importers.amounts import is_nothing, uses_decimal_comma
from allocation.mapping import DayOrder, Field

# What programs call a column, most telling first; a name counts when it is the whole of a header cell, or else a word in it.
_NAMES: dict[Field, tuple[str, ...]] = {
    Field.SYMBOL: (
        "symbol", "ticker", "ticker symbol", "tickersymbol", "isin", "cusip", "security id", "code", "wkn", "kürzel",
        "símbolo", "simbolo", "symbole", "valor", "instrument", "fund", "security",
    ),
    Field.QUANTITY: (
        "quantity", "qty", "shares", "units", "no. of shares", "number of shares", "quantity held", "stück", "anzahl",
        "menge", "bestand", "cantidad", "participaciones", "títulos", "quantité", "nombre", "parts", "quantità", "aantal",
        "position", "holding", "holdings", "nominal", "balance",
    ),
    Field.UNIT_COST: (
        "unit cost", "average cost", "avg cost", "average price", "avg price", "avg. price", "average buy price", "buy price",
        "purchase price", "cost per share", "cost/share", "cost price", "entry price", "open price", "einstandspreis",
        "einstandskurs", "kaufkurs", "kaufpreis", "precio de compra", "precio medio", "pru", "prix de revient", "prix d'achat",
    ),
    Field.COST: (
        "cost basis", "total cost", "cost", "book value", "book cost", "invested", "purchase value", "einstandswert",
        "coste", "coût", "costo",
    ),
    Field.PRICE: (
        "price", "last price", "current price", "market price", "last", "close", "nav", "share price", "unit price", "quote",
        "kurs", "preis", "aktueller kurs", "schlusskurs", "precio", "cotización", "cours", "prix", "prezzo", "koers",
    ),
    Field.VALUE: (
        "value", "market value", "current value", "total value", "amount", "wert", "marktwert", "kurswert", "gesamtwert",
        "importe", "valor de mercado", "valeur", "valorisation", "valore", "waarde",
    ),
    Field.ACQUIRED: (
        "acquired", "date acquired", "acquisition date", "purchase date", "date purchased", "buy date", "open date",
        "opened", "kaufdatum", "fecha de compra", "date d'achat",
    ),
    Field.CURRENCY: ("currency", "ccy", "cur", "curr", "währung", "divisa", "moneda", "devise", "valuta"),
    Field.ACCOUNT: ("account", "account name", "account number", "portfolio", "depot", "konto", "cuenta", "compte", "conto"),
    Field.NAME: (
        "name", "description", "security name", "company", "fund name", "bezeichnung", "wertpapier", "wertpapiername",
        "descripción", "nombre del valor", "libellé", "titolo", "product", "produkt", "producto",
    ),
}  # fmt: skip
_SHORT = frozenset({"last", "code", "cur", "fund", "parts", "amount", "balance", "valor", "nombre", "cost"})
_SYMBOL = re.compile(r"[A-Z][A-Z0-9]{0,5}([.\-/ ][A-Z]{1,3})?|[A-Z]{2}[A-Z0-9]{9}\d")
# Three letters alone tell no currency from a ticker.
_CURRENCIES = frozenset(
    [
        "USD",
        "EUR",
        "GBP",
        "CHF",
        "CAD",
        "AUD",
        "NZD",
        "JPY",
        "CNY",
        "HKD",
        "SGD",
        "INR",
        "SEK",
        "NOK",
        "DKK",
        "PLN",
        "CZK",
        "HUF",
        "RON",
        "ILS",
        "ZAR",
        "TRY",
        "BRL",
        "MXN",
        "KRW",
        "TWD",
        "THB",
        "GBX",
    ]
)
_AMOUNT = re.compile(r"[-+(]?\s*[^\d\s.,()-]{0,4}\s*-?[\d.,'  ]*\d[\d.,]*\s*\)?\s*([^\d\s]{1,3})?")
_DAY = re.compile(r"(\d{1,4})[./-](\d{1,2})[./-](\d{1,4})([T ].*)?")
_MOST = 0.8
_MONTHS = 12


def guess_places(names: Sequence[str], body: Sequence[Sequence[str]]) -> dict[Field, int]:
    """Where each field probably stands; what cannot be told is left out."""
    spelled = [" ".join(name.lower().replace("_", " ").split()) for name in names]
    places: dict[Field, int] = {}
    for matches in (_is_name, _has_name):
        for field in Field:
            free = [place for place in range(len(spelled)) if place not in places.values()]
            found = [p for known in _NAMES[field] for p in free if matches(spelled[p], known)]
            if field not in places and found:
                places[field] = found[0]
    tests: tuple[tuple[Field, Callable[[str], bool]], ...] = (
        (Field.SYMBOL, lambda cell: bool(_SYMBOL.fullmatch(cell)) and cell not in _CURRENCIES),
        (Field.CURRENCY, lambda cell: cell.upper() in _CURRENCIES),
        (Field.ACQUIRED, lambda cell: bool(_DAY.fullmatch(cell))),
    )
    for field, is_one in tests:
        if field not in places:
            free = [place for place in range(len(names)) if place not in places.values()]
            found = [place for place in free if _mostly(is_one, body, place)]
            places.update({field: found[0]} if found else {})
    return places


def guess_comma(cells: Sequence[str]) -> bool | None:
    """Whether decimals are written with a comma; None where 1.234 could be two numbers, whichever column it stands in."""
    amounts = [cell for cell in cells if is_amount(cell)]
    told = uses_decimal_comma(amounts)
    if told is None and not any("," in cell or "." in cell for cell in amounts):
        return False
    return told


def guess_days(cells: Sequence[str]) -> DayOrder | None:
    """How days are written; None where 03/04/2026 could be two."""
    found = [match for cell in cells if (match := _DAY.fullmatch(cell.strip()))]
    pairs = [(int(match[1]), int(match[2])) for match in found if len(match[1]) < 4]
    if not pairs:
        return DayOrder.ISO
    first, second = (any(pair[place] > _MONTHS for pair in pairs) for place in (0, 1))
    dotted = all("." in match[0] for match in found)
    if first and second:
        return None
    if first or dotted:
        return DayOrder.DAY_FIRST
    return DayOrder.MONTH_FIRST if second else None


def is_amount(cell: str) -> bool:
    """Whether a cell holds an amount, with or without the sign of a currency."""
    return not is_nothing(cell) and bool(_AMOUNT.fullmatch(cell.strip())) and not _DAY.fullmatch(cell.strip())


def _is_name(spelled: str, known: str) -> bool:
    return spelled == known


def _has_name(spelled: str, known: str) -> bool:
    return known not in _SHORT and bool(re.search(rf"(^|\W){re.escape(known)}(\W|$)", spelled))


def _mostly(is_one: Callable[[str], bool], body: Sequence[Sequence[str]], place: int) -> bool:
    cells = [row[place].strip() for row in body if place < len(row) and row[place].strip()]
    return bool(cells) and sum(map(is_one, cells)) >= _MOST * len(cells)
