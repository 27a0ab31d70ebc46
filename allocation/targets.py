"""What the user wants to own: a weight for each security, the rest in cash."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType

from allocation.errors import TargetError, TargetSumError, listed, read_each
from allocation.model import parse_symbol, refuse_duplicates
from allocation.money import Number, plain, to_decimal
from allocation.symbols import spelled_alike

# Weights within this distance of 1 are taken as summing to exactly 1 (rounded percentages of a whole).
SUM_TOLERANCE = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class TargetAllocation:
    """Weights as fractions of the whole portfolio; what is missing to one is the cash target.

    Attributes:
        weights: by symbol, each from 0 to 1, together at most 1.
        locked: lines whose holding is to stay as it is; callers pass them on in `Rules.lock`.
    """

    weights: Mapping[str, Decimal]
    locked: frozenset[str] = field(default=frozenset())

    @classmethod
    def of(cls, weights: Mapping[str, Number], locked: frozenset[str] = frozenset()) -> "TargetAllocation":
        """Read weights in any accepted number form.

        Raises:
            TargetError: a weight below 0 or above 1 (60 typed for 0.60).
            TargetSumError: together more than the whole; the message names the excess.
        """
        refuse_duplicates("The target", weights)
        symbols = read_each(parse_symbol, weights)
        read = read_each(lambda named: to_decimal(named[1], f"The target weight of {named[0]}"), weights.items())
        return cls(dict(zip(symbols, read, strict=True)), locked)

    def spelled_as(self, held: Iterable[str]) -> "TargetAllocation":
        """The same target in the account's own spelling, where it is certain: BRK.B wanted and BRK-B held are one line."""
        ours = spelled_alike((*self.weights, *sorted(self.locked - self.weights.keys())), held)
        weights = {ours[symbol]: weight for symbol, weight in self.weights.items()}
        return TargetAllocation(weights, frozenset(ours[symbol] for symbol in self.locked))

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", MappingProxyType(dict(self.weights)))
        negative = [s for s, w in self.weights.items() if w < 0]
        if negative:
            raise TargetError(f"The target weight of {listed(negative)} is negative. Use 0 to own none.", negative)
        percents = [s for s, w in self.weights.items() if w > 1]
        if percents:
            raise TargetError(
                f"The target weight of {listed(percents)} is above 1. Weights are fractions of the whole: write 0.60 for 60 %.",
                percents,
            )
        excess = self.total - 1
        if excess > SUM_TOLERANCE:
            raise TargetSumError(
                f"The target weights come to {plain(self.total * 100)} %, {plain(excess * 100)} points more than the whole. "
                "Lower one or more of them.",
                tuple(self.weights),
            )

    @property
    def total(self) -> Decimal:
        """The sum of the weights as given."""
        return sum(self.weights.values(), Decimal(0))

    @property
    def exact_weights(self) -> dict[str, Fraction]:
        """The weights as exact fractions; a sum within the tolerance of one is scaled to exactly one."""
        total = Fraction(self.total)
        whole = total if abs(self.total - 1) <= SUM_TOLERANCE else Fraction(1)
        return {s: Fraction(w) / whole for s, w in self.weights.items()}

    @property
    def cash_weight(self) -> Fraction:
        """The weight meant to stay in cash."""
        return 1 - sum(self.exact_weights.values(), Fraction(0))


@dataclass(frozen=True, slots=True)
class AssetClass:
    """A class of the target tree.

    Attributes:
        weight: the share of the class above (of the whole portfolio at the top), from 0 to 1.
        children: the classes below, among which it is divided; what is missing to 1 stays in cash.
        securities: what is traded for this class, in the order of preference; empty where any security exposed to it may be.
        within: weights of securities inside the class, where the user fixes them; they sum to 1.
    """

    name: str
    weight: Decimal
    children: tuple["AssetClass", ...] = ()
    securities: tuple[str, ...] = ()
    within: Mapping[str, Decimal] = field(default_factory=dict)

    def leaves(self, share: Fraction = Fraction(1)) -> Iterator[tuple["AssetClass", Fraction]]:
        """The classes without children, each with its exact weight of the whole portfolio."""
        own = share * Fraction(self.weight)
        if not self.children:
            yield self, own
        for child in self.children:
            yield from child.leaves(own)


@dataclass(frozen=True, slots=True)
class ClassTarget:
    """A tree of asset classes, and how far each security is exposed to which.

    Attributes:
        classes: the top of the tree; their weights sum to at most 1, what is missing is cash.
        exposures: by security, the fraction of its value in each class; they sum to 1.
    """

    classes: tuple[AssetClass, ...]
    exposures: Mapping[str, Mapping[str, Decimal]]
    locked: frozenset[str] = field(default=frozenset())
