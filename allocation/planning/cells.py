"""What the target speaks of, in whole parts: securities, or the leaves of a class tree, and how each security counts there."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm

from allocation.planning.exact import common_denominator, in_units
from allocation.rules import Band, Combine, Rules
from allocation.targets import SUM_TOLERANCE, AssetClass, ClassTarget, TargetAllocation

Exposure = tuple[tuple[int, int], ...]

# A leaf and a security with a weight inside it, or "" for all others.
_Key = tuple[str, str]
_OUTSIDE = ("outside the target", "")


@dataclass(frozen=True, slots=True)
class Aim:
    """Cells and their target weights, counted in parts of 1/`whole`.

    Attributes:
        names: of the cells: a symbol, a class, or "class: symbol" for a security with a weight inside its class.
        weights: of the cells; what is missing to `whole` is cash.
        exposures: by symbol, the cells that its value belongs to and how many parts of 1/`whole` in each.
        outside: held securities that the target does not speak of.
        buyable: securities that it may want more of, the rules about buying apart.
        classes: by class, inner ones included, the cells below it; empty where the target names securities.
    """

    names: tuple[str, ...]
    weights: tuple[int, ...]
    whole: int
    exposures: Mapping[str, Exposure]
    outside: tuple[str, ...]
    buyable: frozenset[str]
    classes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def cash(self) -> int:
        """What is meant to stay in cash, in parts."""
        return self.whole - sum(self.weights)

    def finer(self, parts: int) -> "Aim":
        """The same with every part divided into so many."""
        return Aim(
            self.names,
            tuple(w * parts for w in self.weights),
            self.whole * parts,
            {s: tuple((cell, n * parts) for cell, n in exposure) for s, exposure in self.exposures.items()},
            self.outside,
            self.buyable,
            self.classes,
        )


def aim_at(
    target: TargetAllocation | ClassTarget,
    held: Iterable[str],
    priced: Iterable[str],
    rules: Rules,
    excluding: bool,
    moved: Mapping[str, Fraction] | None = None,
) -> Aim:
    """The cells of a target for what is held.

    Args:
        priced: securities whose price is known; a class target may choose among them.
        excluding: leave out what the target does not speak of, instead of giving it a cell of weight zero.
        moved: other weights than the target of securities gives.
    """
    if isinstance(target, TargetAllocation):
        return _at_securities(target, set(held), excluding) if moved is None else _at(*_parts(moved), held, excluding)
    return _Tree(target).aim(set(held), set(priced), rules, excluding)


def half_widths(aim: Aim, band: Band) -> list[Fraction]:
    """How far each cell may stray from its weight, as fractions of the whole."""
    choose = min if band.combine == Combine.NARROWER else max
    absolute = [] if band.absolute is None else [Fraction(band.absolute)]
    relative = None if band.relative is None else Fraction(band.relative) / aim.whole
    return [choose([*absolute, *([] if relative is None else [relative * w])]) for w in aim.weights]


def _at_securities(target: TargetAllocation, held: set[str], excluding: bool) -> Aim:
    unit = common_denominator(target.weights.values())
    parts = {s: in_units(w, unit) for s, w in target.weights.items()}
    total = sum(parts.values())
    return _at(parts, total if abs(total - unit) <= SUM_TOLERANCE * unit else unit, held, excluding)


def _parts(weights: Mapping[str, Fraction]) -> tuple[dict[str, int], int]:
    """Weights in common parts, and how many of these are the whole."""
    whole = lcm(*(w.denominator for w in weights.values()))
    return {s: int(w * whole) for s, w in weights.items()}, whole


def _at(parts: Mapping[str, int], whole: int, held: Iterable[str], excluding: bool) -> Aim:
    outside = set(held) - parts.keys()
    symbols = sorted((set(held) - outside if excluding else set(held)) | {s for s, n in parts.items() if n})
    return Aim(
        names=tuple(symbols),
        weights=tuple(parts.get(s, 0) for s in symbols),
        whole=whole,
        exposures={s: ((cell, whole),) for cell, s in enumerate(symbols)},
        outside=tuple(sorted(outside)),
        buyable=frozenset(s for s, n in parts.items() if n),
    )


class _Tree:
    """A class target with exact weights: sums within the tolerance of one are one, at every level of the tree."""

    def __init__(self, target: ClassTarget) -> None:
        self.weight: dict[str, Fraction] = {}
        self.leaf: dict[str, AssetClass] = {}
        self.below: dict[str, tuple[str, ...]] = {}
        self._enter(target.classes, Fraction(1))
        self.parts = {s: self._over_leaves(told) for s, told in target.exposures.items()}

    def aim(self, held: set[str], priced: set[str], rules: Rules, excluding: bool) -> Aim:
        """The cells, their weights and exposures in common parts."""
        outside = {s for s in held if not any(self.parts.get(s, {}).values())}
        buyable = frozenset(s for s in self.parts if s in priced and self._is_wanted(s, rules))
        symbols = sorted((held - outside if excluding else held) | buyable)
        cells = [*self._cells(), (_OUTSIDE, Fraction(0))]
        place = {key: i for i, (key, _) in enumerate(cells)}
        exposed = {s: self._exposure(s, place) for s in symbols}
        fractions = [*(w for _, w in cells), *(part for each in exposed.values() for part in each.values())]
        whole = lcm(*(f.denominator for f in fractions))
        return Aim(
            names=tuple(f"{leaf}: {symbol}" if symbol else leaf for (leaf, symbol), _ in cells),
            weights=tuple(int(w * whole) for _, w in cells),
            whole=whole,
            exposures={s: tuple((c, int(part * whole)) for c, part in each.items()) for s, each in exposed.items()},
            outside=tuple(sorted(outside)),
            buyable=buyable,
            classes={name: tuple(self._places(name, place)) for name in self.below},
        )

    def _enter(self, classes: tuple[AssetClass, ...], share: Fraction) -> tuple[str, ...]:
        leaves: list[str] = []
        for each, weight in zip(classes, _to_one([Fraction(c.weight) for c in classes]), strict=True):
            if each.children:
                self.below[each.name] = self._enter(each.children, share * weight)
            else:
                self.leaf[each.name], self.weight[each.name] = each, share * weight
                self.below[each.name] = (each.name,)
            leaves += self.below[each.name]
        return tuple(leaves)

    def _over_leaves(self, told: Mapping[str, object]) -> dict[str, Fraction]:
        """The part of a security in each leaf; an inner class is spread over its leaves by their targets."""
        parts: dict[str, Fraction] = {}
        for name, part in zip(told, _to_one([Fraction(str(p)) for p in told.values()]), strict=True):
            leaves = self.below.get(name, ())
            together = sum((self.weight[leaf] for leaf in leaves), Fraction(0))
            for leaf in leaves:
                share = self.weight[leaf] / together if together else Fraction(1, len(leaves))
                parts[leaf] = parts.get(leaf, Fraction(0)) + part * share
        return parts

    def _cells(self) -> Iterator[tuple[_Key, Fraction]]:
        """A leaf is a cell; one with weights inside it is a cell for each of them and one of weight zero for the rest."""
        for name, leaf in self.leaf.items():
            weights = _to_one([Fraction(w) for w in leaf.within.values()])
            for symbol, part in zip(leaf.within, weights, strict=True):
                yield (name, symbol), self.weight[name] * part
            yield (name, ""), Fraction(0) if leaf.within else self.weight[name]

    def _exposure(self, symbol: str, place: Mapping[_Key, int]) -> dict[int, Fraction]:
        parts = {leaf: part for leaf, part in self.parts.get(symbol, {}).items() if part}
        found = {place.get((leaf, symbol), place[leaf, ""]): part for leaf, part in parts.items()}
        rest = 1 - sum(found.values(), Fraction(0))
        return {**found, place[_OUTSIDE]: rest} if rest else found

    def _places(self, name: str, place: Mapping[_Key, int]) -> Iterator[int]:
        for leaf in self.below[name]:
            yield from (place[leaf, s] for s in (*self.leaf[leaf].within, ""))

    def _is_wanted(self, symbol: str, rules: Rules) -> bool:
        """Whether some leaf with a weight would be filled with this security."""
        return any(part and self._takes(leaf, symbol, rules) for leaf, part in self.parts[symbol].items())

    def _takes(self, name: str, symbol: str, rules: Rules) -> bool:
        leaf = self.leaf[name]
        if not self.weight[name]:
            return False
        if leaf.within:
            return bool(leaf.within.get(symbol))
        free = [s for s in leaf.securities if s not in rules.lock | rules.do_not_buy]
        return not leaf.securities or free[:1] == [symbol]


def _to_one(weights: list[Fraction]) -> list[Fraction]:
    """The same, or scaled to exactly one where the sum is within the tolerance of it."""
    total = sum(weights, Fraction(0))
    return [w / total for w in weights] if weights and abs(total - 1) <= Fraction(SUM_TOLERANCE) else weights
