"""A request of the contract, read into exact fractions by its own reader: nothing here comes from the product."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

Json = Mapping[str, Any]
MILLIONTH = Fraction(1, 10**6)


def exact(number: object) -> Fraction:
    """The number that its text says."""
    return Fraction(str(number))


@dataclass(frozen=True)
class Lot:
    """Units bought together, in the order of the request."""

    acquired: date | None
    quantity: Fraction
    unit_cost: Fraction


@dataclass(frozen=True)
class Cell:
    """What the target speaks of, and by symbol which fraction of a security's value belongs to it."""

    name: str
    weight: Fraction
    exposure: Mapping[str, Fraction]


@dataclass(frozen=True)
class Account:
    """Cash stands after the cash flow."""

    id: str
    treatment: str
    cash: Fraction
    held: Mapping[str, Fraction]
    lots: Mapping[str, tuple[Lot, ...]]

    @property
    def taxable(self) -> bool:
        return self.treatment == "taxable"


class Question:
    """Accounts without excluded lines, the cells of the target, prices, rules: what the contract says about a request."""

    def __init__(self, request: Json) -> None:
        self.request = request
        self.rules: Json = request.get("rules", {})
        self.securities: Json = request.get("securities", {})
        self.price = {s: exact(told["price"]) for s, told in self.securities.items() if told.get("price") is not None}
        self.accounts = tuple(sorted(map(_account, request["accounts"]), key=lambda account: account.id))
        self.by_classes = request["target"].get("classes") is not None
        self.weights = {} if self.by_classes else _scaled(request["target"]["weights"])
        tree = ClassTree(request["target"]["classes"], self.securities) if self.by_classes else None
        self.named = frozenset(tree.exposed() if tree else self.weights)
        if self.rules.get("outside_target") == "exclude":
            self.accounts = tuple(_without(account, self.named) for account in self.accounts)
        self.held = frozenset(s for account in self.accounts for s in account.held)
        self.wanted = frozenset(tree.wanted(self) if tree else (s for s, w in self.weights.items() if w))
        self.symbols = tuple(sorted(self.held | self.wanted))
        self.cells = tuple(tree.cells(self.symbols)) if tree else tuple(self._line_cells())
        self.cash_weight = 1 - sum((cell.weight for cell in self.cells), Fraction(0))
        self.reserve = self.money("cash_reserve")
        worth = sum((self.price[s] * q for a in self.accounts for s, q in a.held.items()), Fraction(0))
        self.total = worth + sum(a.cash for a in self.accounts)
        self.whole = self.total - self.reserve

    def money(self, rule: str) -> Fraction:
        """A rule that is a number; 0 where it is not given."""
        return exact(self.rules.get(rule) or 0)

    def number(self, *path: str, default: Any = 0) -> Any:
        """A rule within a rule: number("costs", "rate"); the default where it is not given."""
        found: Any = self.rules
        for key in path:
            found = found.get(key, {}) if found else {}
        return default if found == {} else found

    def forbids(self, rule: str, symbol: str) -> bool:
        """Whether a list of symbols among the rules names this one."""
        return symbol in self.rules.get(rule, ())

    def increment(self, symbol: str) -> Fraction:
        return exact(self.securities.get(symbol, {}).get("increment", 1))

    def half_spread(self, symbol: str) -> Fraction:
        return exact(self.securities.get(symbol, {}).get("half_spread", 0))

    def value_in(self, cell: Cell) -> Fraction:
        """Money in a cell before trading, over all accounts."""
        held = ((s, q) for a in self.accounts for s, q in a.held.items())
        return sum((self.price[s] * q * cell.exposure.get(s, 0) for s, q in held), Fraction(0))

    def in_band(self, cell: Cell) -> bool:
        """Whether the cell is near enough to its target to be left alone."""
        return abs(self.value_in(cell) / self.whole - cell.weight) <= self.half_width(cell)

    def half_width(self, cell: Cell) -> Fraction:
        band = self.rules.get("band") or {}
        absolute, relative = band.get("absolute", "0.05"), band.get("relative", "0.25")
        widths = [] if absolute is None else [exact(absolute)]
        widths += [] if relative is None else [exact(relative) * cell.weight]
        return max(widths) if band.get("combine") == "wider" else min(widths)

    def aim(self, cell: Cell) -> Fraction:
        """The money that the objective wants in a cell: its target, or the nearer edge of its band."""
        weight, before = cell.weight, self.value_in(cell) / self.whole
        if self.rules.get("destination") == "edge" and not self.in_band(cell):
            weight += self.half_width(cell) * (1 if before > weight else -1)
        return weight * self.whole

    def _line_cells(self) -> Iterator[Cell]:
        for symbol in self.symbols:
            yield Cell(symbol, self.weights.get(symbol, Fraction(0)), {symbol: Fraction(1)})


class ClassTree:
    """The leaves of a tree of classes, and which part of each security belongs to which."""

    def __init__(self, classes: Json, securities: Json) -> None:
        self.leaves: dict[str, tuple[Fraction, Json]] = {}
        self.below: dict[str, list[str]] = {}
        for name, node in classes.items():
            self._walk(name, node, Fraction(1))
        self.exposures = {s: self._over_leaves(told.get("classes") or {}) for s, told in securities.items()}

    def exposed(self) -> set[str]:
        """Securities with any exposure inside the tree."""
        return {s for s, parts in self.exposures.items() if any(parts.get(leaf) for leaf in self.leaves)}

    def wanted(self, question: Question) -> Iterator[str]:
        """Securities that may be bought for some leaf of positive target."""
        for symbol, parts in self.exposures.items():
            if symbol not in question.price:
                continue
            if any(parts.get(leaf) and self._buys(leaf, symbol, question) for leaf in self.leaves):
                yield symbol

    def _buys(self, leaf: str, symbol: str, question: Question) -> bool:
        weight, node = self.leaves[leaf]
        named = node.get("securities")
        if not weight or named is None:
            return bool(weight)
        if isinstance(named, Mapping):
            return exact(named.get(symbol, 0)) > 0
        free = [s for s in named if not (question.forbids("lock", s) or question.forbids("do_not_buy", s))]
        return free[:1] == [symbol]

    def cells(self, symbols: tuple[str, ...]) -> Iterator[Cell]:
        """One cell for each leaf, or for each security with a weight inside it and the rest; and one for what is outside."""
        for leaf, (weight, node) in self.leaves.items():
            parts = {s: self.exposures.get(s, {}).get(leaf, Fraction(0)) for s in symbols}
            within = node.get("securities") if isinstance(node.get("securities"), Mapping) else None
            if within is None:
                yield Cell(leaf, weight, {s: part for s, part in parts.items() if part})
                continue
            for s in within:
                yield Cell(f"{leaf}/{s}", weight * exact(within[s]), {s: parts[s]} if parts.get(s) else {})
            yield Cell(f"{leaf}/rest", Fraction(0), {s: p for s, p in parts.items() if p and s not in within})
        inside = {s: sum(self.exposures.get(s, {}).get(leaf, Fraction(0)) for leaf in self.leaves) for s in symbols}
        yield Cell("outside", Fraction(0), {s: 1 - part for s, part in inside.items() if part != 1})

    def _walk(self, name: str, node: Json, share: Fraction) -> list[str]:
        weight, children = share * exact(node["weight"]), node.get("children")
        if not children:
            self.leaves[name] = (weight, node)
            self.below[name] = [name]
        else:
            self.below[name] = [leaf for child, below in children.items() for leaf in self._walk(child, below, weight)]
        return self.below[name]

    def _over_leaves(self, classes: Json) -> dict[str, Fraction]:
        """Exposure to an inner class is spread over its leaves by their targets."""
        parts: dict[str, Fraction] = {}
        for name, told in classes.items():
            leaves = self.below.get(name, [])
            together = sum((self.leaves[leaf][0] for leaf in leaves), Fraction(0))
            for leaf in leaves:
                share = self.leaves[leaf][0] / together if together else Fraction(1, len(leaves))
                parts[leaf] = parts.get(leaf, Fraction(0)) + exact(told) * share
        return parts


def _account(told: Json) -> Account:
    positions = [p for p in told.get("positions", ()) if exact(p["quantity"])]
    return Account(
        id=told.get("id", "main"),
        treatment=told.get("tax_treatment", "taxable"),
        cash=exact(told.get("cash", 0)) + exact(told.get("cash_flow", 0)),
        held={p["symbol"]: exact(p["quantity"]) for p in positions},
        lots={p["symbol"]: tuple(map(_lot, p.get("lots") or ())) for p in positions},
    )


def _lot(told: Json) -> Lot:
    acquired = told.get("acquired")
    day = date.fromisoformat(acquired) if acquired else None
    return Lot(day, exact(told["quantity"]), exact(told["unit_cost"]))


def _without(account: Account, named: frozenset[str]) -> Account:
    """The account without the lines that the target does not name."""
    held = {s: q for s, q in account.held.items() if s in named}
    return Account(account.id, account.treatment, account.cash, held, account.lots)


def _scaled(weights: Json) -> dict[str, Fraction]:
    """Weights; a sum within a millionth of one is one."""
    read = {s: exact(w) for s, w in weights.items()}
    total = sum(read.values(), Fraction(0))
    return {s: w / total for s, w in read.items()} if abs(total - 1) <= MILLIONTH else read
