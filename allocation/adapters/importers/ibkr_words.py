"""The words of Interactive Brokers' activity statement in the languages it comes in, as far as its form does not tell them.

Each table is led by its name in the statement's language, but "Statement", "Header", "Data", "Total", "DataDiscriminator",
"Summary", "Lot" and "Mult" stay English, and columns keep their order. Observed in English, German, Spanish and French.
"""

from collections.abc import Iterable, Mapping, Sequence

ACCOUNT = frozenset({"account", "konto", "cuenta", "compte", "conto", "conta"})
BASE_CURRENCY = frozenset({
    "base currency", "basiswährung", "divisa base", "moneda base", "devise de base", "valuta base", "moeda base",
})  # fmt: skip
PERIOD = frozenset({"period", "periode", "zeitraum", "periodo", "período", "période"})
NET_ASSET_VALUE = frozenset({
    "net asset value", "nettoinventarwert", "nettovermögenswert", "valor liquidativo", "valor neto de los activos",
    "actif net", "valeur liquidative", "valore patrimoniale netto", "valor patrimonial líquido",
})  # fmt: skip
TOTAL = frozenset({"total", "gesamt", "totale"})
_OPEN = frozenset({"open", "offen", "geöffnet", "abierta", "abierto", "ouvert", "aperto", "aperta"})
_FIRST_COLUMNS = ("datadiscriminator", "asset category", "currency")
_LAST_COLUMNS = ("quantity", "mult", "cost price", "cost basis", "close price", "value")
_BEFORE_SYMBOL = 5


def name_columns(header: Sequence[str]) -> tuple[str, ...]:
    """The English names of the columns of open positions, told by their order around "Mult".

    `header` are the cells in lower case with the two that lead every line; an unknown form gives them back as they are.
    """
    places = [place for place, name in enumerate(header) if name.rstrip(".") == "mult"]
    if {"symbol", "quantity"} <= set(header) or len(places) != 1:
        return tuple(header)
    multiplier = places[0]
    if multiplier < _BEFORE_SYMBOL + 2 or len(header) < multiplier + len(_LAST_COLUMNS) - 1:
        return tuple(header)
    names = list(header)
    names[2:_BEFORE_SYMBOL] = _FIRST_COLUMNS
    names[multiplier - 1 : multiplier + 5] = _LAST_COLUMNS
    between = list(range(_BEFORE_SYMBOL, multiplier - 1))
    for place in between:
        names[place] = "account" if header[place] in ACCOUNT else "open" if header[place] in _OPEN else "symbol"
    return tuple(names) if [names[place] for place in between].count("symbol") == 1 else tuple(header)


def first_of(words: Iterable[str], facts: Mapping[str, str]) -> str:
    """The first fact that goes by one of these words."""
    return next((facts[word] for word in words if facts.get(word)), "")
