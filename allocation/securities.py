"""What a security is, beside its price: its asset classes with their shares, sector, region and ISIN, as far as known."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from allocation.errors import AllocationError, listed
from allocation.model import parse_symbol
from allocation.money import plain
from allocation.symbols import canonical, is_isin

LONGEST_NAME: Final = 60
MOST_CLASSES: Final = 20
NOT_CLASSIFIED: Final = "Not classified"
# What people call them, to choose from; any other name is as good.
USUAL_CLASSES: Final = (
    "US stocks",
    "Developed markets stocks",
    "Emerging markets stocks",
    "Bonds",
    "Inflation-linked bonds",
    "Real estate",
    "Commodities",
    "Cash",
)


class FactsError(AllocationError):
    """Facts that describe no security."""

    code = "facts_invalid"


class FactsUnavailableError(AllocationError):
    """A source that says nothing of a security just now, or nothing that can be used."""

    code = "facts_unavailable"


class FactsSource(StrEnum):
    """Where the facts come from."""

    USER = "user"
    YAHOO = "yahoo"
    SAMPLE = "sample"


@dataclass(frozen=True, slots=True)
class SecurityFacts:
    """What is known of one security; what is empty is not known, and nothing is guessed.

    Attributes:
        symbol: canonical, so that the facts are found under every spelling (see `allocation.symbols`).
        classes: by name the share of its value, above 0; they sum to exactly 1, or there are none.
        isin: with its check digit.
    """

    symbol: str
    classes: Mapping[str, Decimal] = field(default_factory=dict)
    sector: str = ""
    region: str = ""
    isin: str = ""
    source: FactsSource = FactsSource.USER

    def __post_init__(self) -> None:
        object.__setattr__(self, "symbol", canonical(parse_symbol(self.symbol)))
        object.__setattr__(self, "classes", MappingProxyType({name.strip(): s for name, s in self.classes.items()}))
        for name in ("sector", "region", "isin"):
            object.__setattr__(self, name, getattr(self, name).strip())
        object.__setattr__(self, "isin", self.isin.upper())
        self._check_names()
        self._check_shares()
        if self.isin and not is_isin(self.isin):
            raise FactsError(
                f"{self.isin[:20]!a} is no ISIN: two letters, nine letters or digits, and a check digit. Correct it, or "
                "leave it empty.",
                (self.symbol,),
            )

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known."""
        return not (self.classes or self.sector or self.region or self.isin)

    def _check_names(self) -> None:
        names = [*self.classes, *filter(None, (self.sector, self.region))]
        bad = [name[:20] or "(empty)" for name in names if not (name.isprintable() and 0 < len(name) <= LONGEST_NAME)]
        if bad:
            raise FactsError(
                f"{self.symbol}: a class, sector or region has a name of 1 to {LONGEST_NAME} characters; see {listed(bad)}.",
                bad,
            )
        twice = [name for name, times in Counter(map(str.casefold, self.classes)).items() if times > 1]
        if twice or len(self.classes) > MOST_CLASSES:
            what = f"names {listed(twice)} twice" if twice else f"has more than {MOST_CLASSES} classes"
            raise FactsError(f"{self.symbol} {what}. Put them together.", twice or (self.symbol,))

    def _check_shares(self) -> None:
        bad = [name for name, share in self.classes.items() if not (share.is_finite() and 0 < share <= 1)]
        if bad:
            raise FactsError(
                f"{self.symbol}: the share of {listed(bad)} must be above 0 % and at most 100 %. Remove a class of no share.",
                bad,
            )
        whole = sum(self.classes.values(), Decimal(0))
        if self.classes and whole != 1:
            raise FactsError(
                f"{self.symbol}: the shares come to {plain(whole * 100)} %, not 100 %. Change one or more of them.",
                tuple(self.classes),
            )


# ── What they are for ───────────────────────────────────────────────────────────────────────────────────────────────


def facts_of(symbol: str, known: Mapping[str, SecurityFacts]) -> SecurityFacts | None:
    """What is known of a symbol, under whichever spelling; None when nothing is."""
    return known.get(canonical(symbol))


def classes_in_words(facts: SecurityFacts | None) -> str:
    """ "US stocks", or "60 % US stocks, 40 % Bonds", the largest first; empty where no class is known."""
    if facts is None or not facts.classes:
        return ""
    if len(facts.classes) == 1:
        return next(iter(facts.classes))
    ordered = sorted(facts.classes.items(), key=lambda named: (-named[1], named[0]))
    return ", ".join(f"{plain(share * 100)} % {name}" for name, share in ordered)


def values_by_class(values: Mapping[str, Decimal], known: Mapping[str, SecurityFacts]) -> dict[str, Decimal]:
    """Money in each class, the largest first; what has no class is `NOT_CLASSIFIED`, last.

    Args:
        values: money by symbol.
    """
    sums: dict[str, Decimal] = {}
    for symbol, value in values.items():
        facts = facts_of(symbol, known)
        shares = facts.classes if facts and facts.classes else {NOT_CLASSIFIED: Decimal(1)}
        for name, share in shares.items():
            sums[name] = sums.get(name, Decimal(0)) + value * share
    return dict(sorted(sums.items(), key=lambda named: (named[0] == NOT_CLASSIFIED, -named[1], named[0])))


def exposures(symbols: Iterable[str], known: Mapping[str, SecurityFacts]) -> dict[str, Mapping[str, Decimal]]:
    """For a target of classes: by security the shares of its classes; one that has none is left out."""
    found = {symbol: facts_of(symbol, known) for symbol in symbols}
    return {symbol: facts.classes for symbol, facts in found.items() if facts and facts.classes}
