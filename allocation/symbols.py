"""One security, many spellings: the canonical symbol, how each venue writes it, and the check digits of ISIN and CUSIP.

Canonical is Yahoo's way: a dash before the share class, a dot before the exchange (BRK-B, VOD.L, RCI-B.TO). It is the one
way in which a class and an exchange never look alike. Accounts keep the spelling they came with; this is for comparing
and for writing to somebody else.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from allocation.errors import AllocationError, listed

# Suffixes of one letter that are an exchange (Frankfurt, London, Tokyo, TSX Venture) and no share class.
EXCHANGE_LETTERS: Final = "FLTV"
# Fidelity and OFX leave the separator out; nothing else is called so.
WITHOUT_SEPARATOR: Final = {"BRKA": "BRK-A", "BRKB": "BRK-B"}

# What copying from a page or a spreadsheet leaves around a symbol: BOM, zero-width and no-break blanks.
_UNSEEN = str.maketrans({"\ufeff": "", "\u200b": "", "\u200c": "", "\u200d": "", "\u2060": "", "\u00a0": " "})
_CLASS = re.compile(
    rf"([A-Z]{{1,5}})(?:[ /-]([A-Z])(?:\.([A-Z]{{1,3}}))?|\.([A-Z])\.([A-Z]{{1,3}})|\.([A-Z])(?<![{EXCHANGE_LETTERS}]))"
)
_LISTED = re.compile(r"([A-Z0-9]{1,10})(?:\.([A-Z]{1,3}))?")
_COIN = re.compile(r"([A-Z0-9]{2,10})[-/](USD|EUR|GBP|JPY|CAD|AUD|CHF)")


class SpellingError(AllocationError):
    """Symbols for which a venue has no spelling that is known for certain."""

    code = "symbol_spelling"

    def __init__(self, symbols: Iterable[str], venue: str, why: str) -> None:
        names = tuple(symbols)
        super().__init__(
            f"How {venue} writes {listed(names)} is not known: {why}. Leave it out there, or enter it by hand.", names
        )


class Venue(StrEnum):
    """Who reads the symbol, by the name its customers know."""

    YAHOO = "Yahoo"
    ALPACA = "Alpaca"
    ETRADE = "E*TRADE"
    SCHWAB = "Schwab"
    INTERACTIVE_BROKERS = "Interactive Brokers"
    FIDELITY = "Fidelity"


# What stands before a share class. Fidelity prints none.
_BEFORE_CLASS: Final[Mapping[Venue, str]] = {
    Venue.YAHOO: "-",
    Venue.ALPACA: ".",
    Venue.ETRADE: ".",
    Venue.SCHWAB: "/",
    Venue.INTERACTIVE_BROKERS: " ",
    Venue.FIDELITY: "",
}


@dataclass(frozen=True, slots=True)
class Listing:
    """A symbol taken apart.

    Attributes:
        root: BRK of BRK-B.
        share_class: one letter; empty for most.
        exchange: Yahoo's suffix; empty for an American listing.
    """

    root: str
    share_class: str = ""
    exchange: str = ""


# ── Reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def clean(text: str) -> str:
    """A symbol as printed, without what cannot be seen and without the asterisks of a footnote ("SPAXX**")."""
    seen = text.translate(_UNSEEN).strip()
    return seen if seen.startswith("-") else seen.rstrip("*").rstrip()  # after a dash they belong to an option


def listing_of(symbol: str) -> Listing | None:
    """Root, share class and exchange; None for what is neither a share nor a fund: a coin, an index, a currency."""
    text = clean(symbol).upper()
    text = WITHOUT_SEPARATOR.get(text, text)
    if of_class := _CLASS.fullmatch(text):
        root, dashed, listed, dotted, its_exchange, alone = of_class.groups(default="")
        return Listing(root, dashed or dotted or alone, listed or its_exchange)
    plain = _LISTED.fullmatch(text)
    return Listing(plain[1], exchange=plain[2] or "") if plain else None


def canonical(symbol: str) -> str:
    """The one spelling under which a security is compared; a symbol of an unknown form stays as it is, in capitals."""
    found = listing_of(symbol)
    if found is None:
        return clean(symbol).upper() if (coin := _coin(symbol)) is None else "-".join(coin)
    of_class = f"-{found.share_class}" if found.share_class else ""
    of_exchange = f".{found.exchange}" if found.exchange else ""
    return f"{found.root}{of_class}{of_exchange}"


def same_security(symbol: str, other: str) -> bool:
    """Whether two spellings certainly name one security."""
    return canonical(symbol) == canonical(other)


def spelled_alike(wanted: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """For each wanted symbol the spelling among the known ones, or its own where none is certain.

    A spelling that is there already stays; of two known ones for one security neither is chosen, and two wanted ones
    never become one.
    """
    asked, theirs = tuple(wanted), tuple(known)
    by_security: defaultdict[str, list[str]] = defaultdict(list)
    for symbol in theirs:
        by_security[canonical(symbol)].append(symbol)
    askers: defaultdict[str, list[str]] = defaultdict(list)
    for symbol in asked:
        askers[canonical(symbol)].append(symbol)

    def respelled(symbol: str) -> str:
        found, rivals = by_security[canonical(symbol)], askers[canonical(symbol)]
        return found[0] if len(found) == 1 and len(rivals) == 1 else symbol

    return {symbol: respelled(symbol) for symbol in asked}


# ── Writing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def spelled(symbol: str, venue: Venue) -> str:
    """The symbol as a venue writes it: BRK-B is BRK.B at Alpaca and "BRK B" at Interactive Brokers.

    Raises:
        SpellingError: the venue has no known spelling for it.
    """
    if venue == Venue.YAHOO:
        return canonical(symbol)
    found = listing_of(symbol)
    if found is None:
        if venue == Venue.ALPACA and (coin := _coin(symbol)):
            return "/".join(coin)
        raise SpellingError((symbol,), venue.value, "it is no share or fund that this venue lists under a known name")
    if found.exchange:
        raise SpellingError((symbol,), venue.value, "it is listed outside the United States")
    return f"{found.root}{_BEFORE_CLASS[venue]}{found.share_class}" if found.share_class else found.root


def _coin(symbol: str) -> tuple[str, str] | None:
    """A coin and the currency it is priced in."""
    found = _COIN.fullmatch(clean(symbol).upper())
    return (found[1], found[2]) if found else None


# ── ISIN and CUSIP ──────────────────────────────────────────────────────────────────────────────────────────────────

_ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]")
_CUSIP = re.compile(r"[A-Z0-9*@#]{8}[0-9]")
_OF_CUSIP = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*@#"
# The two countries whose ISIN is the CUSIP between country and check digit.
_NUMBERED_BY_CUSIP: Final = ("US", "CA")


def is_isin(text: str) -> bool:
    """Whether this is an ISIN with the right check digit (ISO 6166: Luhn over the digits, A as 10 to Z as 35)."""
    return bool(_ISIN.fullmatch(text)) and _luhn(text[:-1]) == int(text[-1])


def is_cusip(text: str) -> bool:
    """Whether this is a CUSIP with the right check digit (ANSI X9.6: every second value doubled, digits added up)."""
    return bool(_CUSIP.fullmatch(text)) and _check_of_cusip(text[:-1]) == int(text[-1])


def isin_of_cusip(cusip: str, country: str) -> str:
    """The ISIN of an American or Canadian security.

    Args:
        country: "US" or "CA"; the CUSIP alone does not say.

    Raises:
        SpellingError: no CUSIP, or a country that numbers its securities otherwise.
    """
    if not is_cusip(cusip):
        raise SpellingError((cusip,), "ISIN", "it is no CUSIP of nine characters with the right check digit")
    if country not in _NUMBERED_BY_CUSIP:
        raise SpellingError((cusip,), "ISIN", f"only US and CA build their ISIN on it, not {country[:8]!a}")
    return f"{country}{cusip}{_luhn(country + cusip)}"


def cusip_of_isin(isin: str) -> str:
    """The CUSIP inside an American or Canadian ISIN; empty for any other."""
    inside = isin[2:11]
    return inside if is_isin(isin) and isin[:2] in _NUMBERED_BY_CUSIP and is_cusip(inside) else ""


def _luhn(text: str) -> int:
    digits = [int(digit) for character in text for digit in str(int(character, 36))]
    doubled = [2 * digit if place % 2 == 0 else digit for place, digit in enumerate(reversed(digits))]
    return -sum(sum(divmod(value, 10)) for value in doubled) % 10


def _check_of_cusip(text: str) -> int:
    values = [_OF_CUSIP.index(character) * (1 + place % 2) for place, character in enumerate(text)]
    return -sum(sum(divmod(value, 10)) for value in values) % 10
