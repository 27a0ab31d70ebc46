"""Exchange rates: what one unit of a currency costs in another, with its time and source; inverted and crossed as needed."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType
from typing import Final, TypeAlias

from allocation.errors import CurrencyError, MissingRateError, NumberError
from allocation.model import check_currency
from allocation.money import plain

SIGNIFICANT_DIGITS: Final = 12
SMALLEST_RATE: Final = Decimal("0.000000001")
LARGEST_RATE: Final = Decimal("1000000000")
# ISO 4217 gives a currency two decimals unless it is named here.
_WHOLE_ONLY: Final = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF")
)
_THOUSANDTHS: Final = frozenset(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"))
_PRICE_STEP: Final = Decimal("1e-20")
_WIDE: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)

Pair: TypeAlias = tuple[str, str]


class RateOrigin(StrEnum):
    """Where a rate comes from, in the order in which the user trusts them."""

    MANUAL = "manual"
    YAHOO = "yahoo"
    ECB = "ecb"
    SAMPLE = "sample"


@dataclass(frozen=True, slots=True)
class Rate:
    """One unit of `base` costs `price` of `counter`: 1 EUR = 1.0624 USD is Rate("EUR", "USD", 1.0624, …).

    Attributes:
        price: above zero, with at most twelve significant digits.
        time: when it was struck, timezone-aware; the older of the two where a rate was crossed.
        source: where it comes from; the less trusted of the two where a rate was crossed.
        via: the currency it was crossed through; "" for a rate as its source has it, or its inverse.
    """

    base: str
    counter: str
    price: Decimal
    time: datetime
    source: RateOrigin
    via: str = ""

    def __post_init__(self) -> None:
        check_currency(self.base)
        check_currency(self.counter)
        if self.base == self.counter:
            raise CurrencyError(f"A rate is between two currencies; {self.base} is on both sides.", (self.base,))
        if not (self.price.is_finite() and SMALLEST_RATE <= self.price <= LARGEST_RATE):
            raise NumberError(f"The rate {self.name}", self.price, f"{SMALLEST_RATE:f} to {LARGEST_RATE:f}")
        if len(self.price.normalize().as_tuple().digits) > SIGNIFICANT_DIGITS:
            expected = f"at most {SIGNIFICANT_DIGITS} significant digits"
            raise NumberError(f"The rate {self.name}", self.price, expected)
        if self.time.tzinfo is None:
            raise NumberError(f"The time of the rate {self.name}", self.time, "a time with its time zone")

    @property
    def name(self) -> str:
        """As people write the pair: "EUR/USD"."""
        return f"{self.base}/{self.counter}"

    @property
    def inverse(self) -> "Rate":
        """The same rate seen from the other side: exact where twelve digits suffice, else rounded to twelve."""
        price = significant(1 / Fraction(self.price))
        return Rate(self.counter, self.base, price, self.time, self.source, self.via)

    def __str__(self) -> str:
        return f"1 {self.base} = {plain(self.price)} {self.counter}"


class Rates(Mapping[Pair, Rate]):
    """Known rates by (base, counter); a pair that is not among them is inverted, or crossed through one other currency.

    A rate as given comes before its inverse, and that before a cross; of several crosses the one whose older leg is
    newest counts. Inverse and cross are calculated once from the rates as given: exact where twelve significant digits
    suffice, else rounded to twelve. A cross that no rate can be, of two that cannot both be right, is not known.
    """

    def __init__(self, rates: Iterable[Rate] = ()) -> None:
        self._given = MappingProxyType({(rate.base, rate.counter): rate for rate in rates})

    def __getitem__(self, pair: Pair) -> Rate:
        found = self._either_way(*pair) or self._crossed(*pair)
        if found is None:
            raise KeyError(pair)
        return found

    def __iter__(self) -> Iterator[Pair]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)

    def price(self, base: str, counter: str) -> Decimal:
        """What one unit of `base` costs in `counter`; 1 for a currency in itself.

        Raises:
            MissingRateError: the pair cannot be had from these rates.
        """
        if base == counter:
            return Decimal(1)
        try:
            return self[base, counter].price
        except KeyError:
            raise MissingRateError([f"{base}/{counter}"]) from None

    def exactly(self, base: str, counter: str) -> Fraction:
        """What `price` says, without its rounding.

        Raises:
            MissingRateError: the pair cannot be had from these rates.
        """
        if base == counter:
            return Fraction(1)
        if leg := self._leg(base, counter):
            return leg.price
        if via := self._via(base, counter):
            return via[0].price / via[1].price
        raise MissingRateError([f"{base}/{counter}"])

    def knows(self, base: str, counter: str) -> bool:
        """Whether money of `base` can be told in `counter`."""
        return base == counter or (base, counter) in self

    def _either_way(self, base: str, counter: str) -> Rate | None:
        rate, other_way = self._given.get((base, counter)), self._given.get((counter, base))
        return rate or (other_way.inverse if other_way else None)

    def _crossed(self, base: str, counter: str) -> Rate | None:
        legs = self._via(base, counter)
        return _cross(*legs, base, counter) if legs else None

    def _via(self, base: str, counter: str) -> "tuple[_Leg, _Leg] | None":
        """The two halves of the best cross, both told in the currency they meet in."""
        others = sorted({code for pair in self._given for code in pair} - {base, counter})
        found = [(self._leg(base, via), self._leg(counter, via)) for via in others]
        both = [(first, second) for first, second in found if first and second and _is_rate(first.price / second.price)]
        return max(both, key=lambda legs: min(legs[0].rate.time, legs[1].rate.time), default=None)

    def _leg(self, code: str, via: str) -> "_Leg | None":
        if rate := self._given.get((code, via)):
            return _Leg(via, Fraction(rate.price), rate)
        if rate := self._given.get((via, code)):
            return _Leg(via, 1 / Fraction(rate.price), rate)
        return None


def in_currency(price: Decimal, rate: Decimal) -> Decimal:
    """A price told in another currency: price × rate, to twenty decimals."""
    told = _WIDE.multiply(price, rate)
    return told if -int(told.as_tuple().exponent) <= 20 else told.quantize(_PRICE_STEP, context=_WIDE).normalize(_WIDE)


def smallest_unit(currency: str) -> Decimal:
    """The smallest amount of a currency that is paid: 0.01 of most, 1 yen, 0.001 dinar (ISO 4217)."""
    if currency in _WHOLE_ONLY:
        return Decimal(1)
    return Decimal("0.001") if currency in _THOUSANDTHS else Decimal("0.01")


def significant(number: Fraction) -> Decimal:
    """A number to twelve significant digits, half to even; exact where they suffice."""
    return Context(prec=SIGNIFICANT_DIGITS, rounding=ROUND_HALF_EVEN).divide(
        Decimal(number.numerator), Decimal(number.denominator)
    )


@dataclass(frozen=True, slots=True)
class _Leg:
    """Half of a cross: what one unit of a currency costs in `via`, exactly."""

    via: str
    price: Fraction
    rate: Rate


def _is_rate(price: Fraction) -> bool:
    return SMALLEST_RATE <= price <= LARGEST_RATE


def _cross(first: _Leg, second: _Leg, base: str, counter: str) -> Rate:
    trust = list(RateOrigin)
    return Rate(
        base,
        counter,
        significant(first.price / second.price),
        min(first.rate.time, second.rate.time),
        max(first.rate.source, second.rate.source, key=trust.index),
        first.via,
    )
