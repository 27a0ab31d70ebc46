"""References within XML as XStream writes them: an object stands once, and every other mention is a path to it or its id."""

import re

from allocation.adapters.importers.markup import Element
from allocation.errors import UploadRowsError

_STEP = re.compile(r"(?P<name>[A-Za-z0-9_.-]+?)(\[(?P<place>\d{1,6})\])?")
_LONGEST_CHAIN = 50


class References:
    """Where the references of a document lead."""

    def __init__(self, root: Element) -> None:
        self._root = root
        self._above: dict[int, Element] = {}
        self._ids: dict[str, Element] = {}
        self._by_name: dict[tuple[int, str], list[Element]] = {}
        waiting = [root]
        while waiting:
            element = waiting.pop()
            if "id" in element.attributes:
                self._ids[element.attributes["id"]] = element
            for child in element.children:
                self._by_name.setdefault((id(element), child.name), []).append(child)
                self._above[id(child)] = element
                waiting.append(child)

    def resolve(self, element: Element) -> Element:
        """The element itself, or the one it refers to.

        Raises:
            ImportFileError: the reference leads nowhere, or round in a circle.
        """
        for _ in range(_LONGEST_CHAIN):
            reference = element.attributes.get("reference")
            if reference is None:
                return element
            found = self._ids.get(reference) if reference.isdigit() else self._follow(element, reference)
            if found is None:
                break
            element = found
        raise UploadRowsError(
            f"Line {element.line}: a reference of the file leads nowhere. The file is damaged; save it again in its program.",
            (f"line {element.line}",),
        )

    def _follow(self, element: Element, path: str) -> Element | None:
        here: Element | None = element
        steps = path.split("/")
        if path.startswith("/"):
            here, steps = self._root, steps[2:]
        for step in steps:
            if here is None:
                return None
            here = self._above.get(id(here)) if step == ".." else self._child(here, step)
        return here

    def _child(self, element: Element, step: str) -> Element | None:
        """The child a step names, counted from one among those of its name."""
        found = _STEP.fullmatch(step)
        if found is None:
            return None
        place = int(found["place"] or 1)
        same = self._by_name.get((id(element), found["name"]), [])
        return same[place - 1] if 1 <= place <= len(same) else None
