"""The target, read afresh: what it speaks of (securities, or classes of them), and how each security counts there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm

from allocation.checks.exact import common_denominator, in_units
from allocation.checks.tree import ClassTree
from allocation.rules import Band, Combine, Destination, Rules, TradeScope
from allocation.targets import ClassTarget, TargetAllocation

# Weights whose sum is this near to one are meant to be the whole.
_TOLERANCE = 10**6

Exposure = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Cells:
    """What the target gives a weight, in whole numbers.

    Attributes:
        weights: of the whole portfolio, in units of 1/`whole`.
        cash: what is meant to stay in cash, in units of 1/`whole`.
        half_widths: of the bands, in units of 1/`whole`; empty where no rule asks for bands.
        share: how many parts a security's value is divided into among cells; 1 where each is its own.
        exposures: by security, pairs of cell and parts.
        classes: the cells in each class of a tree, inner classes included.
        outside: the cell for whatever belongs to no class; None where securities are their own cells.
        named: the securities that the target speaks of.
        buyable: the securities that it may want more of.
    """

    weights: tuple[int, ...]
    whole: int
    cash: int
    half_widths: tuple[int, ...]
    share: int
    exposures: Mapping[str, Exposure]
    classes: Mapping[str, tuple[int, ...]]
    outside: int | None
    named: frozenset[str]
    buyable: frozenset[str]

    def weight_of(self, symbol: str) -> int:
        """The target of a security that is its own cell, in units of 1/`whole`; 0 for any other."""
        exposure = self.exposures.get(symbol, ())
        return self.weights[exposure[0][0]] if self.outside is None and exposure else 0


def read_cells(target: TargetAllocation | ClassTarget, rules: Rules, priced: Iterable[str]) -> Cells:
    """The cells that either kind of target names."""
    if isinstance(target, TargetAllocation):
        return _of_weights(target)
    return _of_classes(ClassTree(target), rules, frozenset(priced))


def completed(cells: Cells, held: Iterable[str], rules: Rules) -> Cells:
    """The same with room for every security held, and with bands where a rule asks for them."""
    return _with_bands(_with_outsiders(cells, held), rules)


def _with_outsiders(cells: Cells, held: Iterable[str]) -> Cells:
    """The same, and a cell of weight zero for what the target says nothing of: one each, or the one beside all classes."""
    outside = [s for s in held if s not in cells.exposures]
    if not outside:
        return cells
    if cells.outside is not None:
        common = ((cells.outside, cells.share),)
        return replace(cells, exposures={**cells.exposures, **dict.fromkeys(outside, common)})
    first = len(cells.weights)
    added = {s: ((first + i, 1),) for i, s in enumerate(outside)}
    return replace(cells, weights=cells.weights + (0,) * len(outside), exposures={**cells.exposures, **added})


def cells_of(weights: Mapping[str, Fraction]) -> Cells:
    """A cell for each of these securities."""
    whole = lcm(*(weight.denominator for weight in weights.values()))
    return _each_its_own({symbol: int(weight * whole) for symbol, weight in weights.items()}, whole)


def _of_weights(target: TargetAllocation) -> Cells:
    unit = common_denominator(target.weights.values())
    weights = {symbol: in_units(w, unit) for symbol, w in target.weights.items()}
    total = sum(weights.values())
    return _each_its_own(weights, total if abs(total - unit) * _TOLERANCE <= unit else unit)


def _each_its_own(weights: Mapping[str, int], whole: int) -> Cells:
    return Cells(
        weights=tuple(weights.values()),
        whole=whole,
        cash=whole - sum(weights.values()),
        half_widths=(),
        share=1,
        exposures={s: ((i, 1),) for i, s in enumerate(weights)},
        classes={},
        outside=None,
        named=frozenset(weights),
        buyable=frozenset(s for s, w in weights.items() if w),
    )


def _of_classes(tree: ClassTree, rules: Rules, priced: frozenset[str]) -> Cells:
    exposures = {s: tree.exposure(s) for s in tree.securities}
    share = lcm(*(part.denominator for parts in exposures.values() for part in parts.values()))
    whole = lcm(*(w.denominator for w in tree.weights))
    weights = tuple(int(w * whole) for w in tree.weights)
    return Cells(
        weights=weights,
        whole=whole,
        cash=whole - sum(weights),
        half_widths=(),
        share=share,
        exposures={s: tuple((i, int(p * share)) for i, p in parts.items()) for s, parts in exposures.items()},
        classes=tree.classes(),
        outside=tree.outside,
        named=tree.inside,
        buyable=tree.buyable(rules, priced),
    )


def _with_bands(cells: Cells, rules: Rules) -> Cells:
    """The same in finer units, with the half widths of the bands where a rule asks for them."""
    if rules.trade == TradeScope.EVERYTHING and rules.destination == Destination.TARGET:
        return cells
    band = rules.band or Band()
    fine = common_denominator(w for w in (band.absolute, band.relative) if w is not None)
    whole, weights = cells.whole * fine, tuple(w * fine for w in cells.weights)
    widths = []
    if band.absolute is not None:
        widths.append([in_units(band.absolute, fine) * cells.whole] * len(weights))
    if band.relative is not None:
        widths.append([in_units(band.relative, fine) * w for w in cells.weights])
    choose = min if band.combine == Combine.NARROWER else max
    half_widths = tuple(choose(several) for several in zip(*widths, strict=True))
    return replace(cells, weights=weights, whole=whole, cash=cells.cash * fine, half_widths=half_widths)
