"""A tree of asset classes, read afresh: its leaves as cells, and the part of each security that belongs to which."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction

from allocation.rules import Rules
from allocation.targets import AssetClass, ClassTarget

# Weights and exposures whose sum is this near to one are meant to be the whole.
_TOLERANCE = Fraction(1, 10**6)


class ClassTree:
    """The cells of a tree of classes.

    A leaf is one cell; a leaf with weights for its securities is one for each of them, and one of weight zero for what
    else belongs to it. What belongs to no class of the tree is in a last cell of weight zero.

    Attributes:
        weights: of each cell, as fractions of the whole portfolio.
        outside: the last cell.
        inside: the securities with exposure to any class of the tree.
    """

    def __init__(self, target: ClassTarget) -> None:
        self._leaves: dict[str, tuple[AssetClass, Fraction]] = {}
        self._below: dict[str, tuple[str, ...]] = {}
        self._walk(target.classes, Fraction(1))
        self.weights: list[Fraction] = []
        self._place: dict[tuple[str, str], int] = {}
        for name, (leaf, weight) in self._leaves.items():
            self._settle(name, leaf, weight)
        self.outside = len(self.weights)
        self.weights.append(Fraction(0))
        self._parts = {s: self._over_leaves(told) for s, told in target.exposures.items()}
        self.inside = frozenset(s for s, parts in self._parts.items() if any(parts.values()))
        self.securities = tuple(self._parts)

    def exposure(self, symbol: str) -> dict[int, Fraction]:
        """The part of a security's value in each cell; together one."""
        parts = self._parts[symbol]
        found = {self._place.get((leaf, symbol), self._place[leaf, ""]): part for leaf, part in parts.items() if part}
        rest = 1 - sum(found.values(), Fraction(0))
        return {**found, self.outside: rest} if rest else found

    def classes(self) -> dict[str, tuple[int, ...]]:
        """The cells in each class, inner classes included."""
        return {
            name: tuple(cell for (leaf, _), cell in self._place.items() if leaf in below)
            for name, below in self._below.items()
        }

    def buyable(self, rules: Rules, priced: frozenset[str]) -> frozenset[str]:
        """The securities that some leaf with a weight wants, and may be given."""
        wanted = (
            s
            for s in priced & self.inside
            if any(part and self._wants(leaf, s, rules) for leaf, part in self._parts[s].items())
        )
        return frozenset(wanted)

    def _walk(self, classes: tuple[AssetClass, ...], share: Fraction) -> tuple[str, ...]:
        """Enter these classes and all below them; the names of their leaves."""
        leaves: list[str] = []
        for each, part in zip(classes, _scaled([c.weight for c in classes]), strict=True):
            if each.children:
                self._below[each.name] = self._walk(each.children, share * part)
            else:
                self._leaves[each.name] = (each, share * part)
                self._below[each.name] = (each.name,)
            leaves += self._below[each.name]
        return tuple(leaves)

    def _settle(self, name: str, leaf: AssetClass, weight: Fraction) -> None:
        """Give a leaf its cells."""
        for symbol, part in zip(leaf.within, _scaled(list(leaf.within.values())), strict=True):
            self._place[name, symbol] = len(self.weights)
            self.weights.append(weight * part)
        self._place[name, ""] = len(self.weights)
        self.weights.append(Fraction(0) if leaf.within else weight)

    def _over_leaves(self, told: Mapping[str, Decimal]) -> dict[str, Fraction]:
        """The part of a security in each leaf; what is said of an inner class is spread by the targets of its leaves."""
        parts: dict[str, Fraction] = {}
        for name, part in zip(told, _scaled(list(told.values())), strict=True):
            for leaf, share in self._spread(name):
                parts[leaf] = parts.get(leaf, Fraction(0)) + part * share
        return parts

    def _spread(self, name: str) -> Iterator[tuple[str, Fraction]]:
        leaves = self._below.get(name, ())
        together = sum((self._leaves[leaf][1] for leaf in leaves), Fraction(0))
        for leaf in leaves:
            yield leaf, self._leaves[leaf][1] / together if together else Fraction(1, len(leaves))

    def _wants(self, name: str, symbol: str, rules: Rules) -> bool:
        leaf, weight = self._leaves[name]
        if leaf.within:
            return bool(weight and leaf.within.get(symbol))
        free = [s for s in leaf.securities if s not in rules.lock and s not in rules.do_not_buy]
        return bool(weight) and (not leaf.securities or free[:1] == [symbol])


def _scaled(told: list[Decimal]) -> list[Fraction]:
    """Exact parts; a sum within a millionth of one is one."""
    parts = [Fraction(part) for part in told]
    total = sum(parts, Fraction(0))
    return [part / total for part in parts] if parts and abs(total - 1) <= _TOLERANCE else parts
