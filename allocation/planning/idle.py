"""What a request names to no effect: rules about unknown securities, classes that nothing can fill."""

from collections.abc import Iterator

from allocation.errors import listed
from allocation.planning.sheet import Sheet
from allocation.targets import AssetClass, ClassTarget
from allocation.trade_plan import Remark


def idle_names(sheet: Sheet) -> Iterator[Remark]:
    """A remark for each rule and each class that names what is not there, and for classes that stay empty."""
    known = {*sheet.excluded, *(line.symbol for line in sheet.lines)}
    yield from _idle_rules(sheet, known)
    target = sheet.facts.target
    if isinstance(target, ClassTarget):
        yield from _idle_preferences(target, known)
        yield from _empty_classes(sheet)


def _idle_rules(sheet: Sheet, known: set[str]) -> Iterator[Remark]:
    rules = sheet.rules
    named = (
        ("lock", rules.lock),
        ("do_not_buy", rules.do_not_buy),
        ("do_not_sell", rules.do_not_sell),
        ("location", frozenset(rules.location)),
    )
    for rule, symbols in named:
        idle = tuple(sorted(symbols - known))
        if idle:
            message = f"The rule {rule} names {listed(idle)}, which is neither held nor in the target."
            yield Remark("unused_rule", message, idle)


def _idle_preferences(target: ClassTarget, known: set[str]) -> Iterator[Remark]:
    for leaf in _leaves(target.classes):
        idle = tuple(s for s in dict.fromkeys((*leaf.within, *leaf.securities)) if s not in known)
        if idle:
            message = f"The class {leaf.name} names {listed(idle)}, which is not held and cannot be bought: give its price and its classes."
            yield Remark("unused_preference", message, idle)


def _empty_classes(sheet: Sheet) -> Iterator[Remark]:
    filled = {cell for line in sheet.lines for cell, _ in line.worth}
    empty = [
        name
        for place, (name, weight) in enumerate(zip(sheet.aim.names, sheet.aim.weights, strict=True))
        if weight and place not in filled
    ]
    if empty:
        message = f"{listed(empty)}: nothing that is held or has a price belongs here, so its weight stays empty."
        yield Remark("empty_class", message)


def _leaves(classes: tuple[AssetClass, ...]) -> Iterator[AssetClass]:
    for each in classes:
        if each.children:
            yield from _leaves(each.children)
        else:
            yield each
