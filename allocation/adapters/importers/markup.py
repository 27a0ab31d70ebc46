"""XML as a small tree that knows its lines; document types, and with them entities of any kind, are refused unread."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from allocation.errors import UploadRowsError, UploadTooLargeError, UploadTypeError

MOST_ELEMENTS = 200_000
DEEPEST = 60


@dataclass(slots=True)
class Element:
    """One element: its name, its attributes, the text directly in it, and what it contains."""

    name: str
    line: int = 0
    attributes: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    children: list["Element"] = field(default_factory=list)

    def all(self, name: str) -> Iterator["Element"]:
        """Every element of this name below this one, in the order of the document."""
        for child in self.children:
            if child.name == name:
                yield child
            yield from child.all(name)

    def first(self, *path: str) -> "Element | None":
        """The first child of a child of this one, by their names."""
        found: Element | None = self
        for name in path:
            found = next((child for child in found.children if child.name == name), None) if found else None
        return found

    def told(self, *path: str) -> str:
        """The text at a path of names; empty where there is none."""
        found = self.first(*path)
        return found.text.strip() if found else ""


def read_xml(text: str, what: str, deepest: int = DEEPEST) -> Element:
    """The document's root.

    Raises:
        ImportFileError: no well-formed XML, one with a document type, or more than any statement holds.
    """
    tree = _Tree(what, deepest)
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, attributes: tree.open(name, attributes, parser.CurrentLineNumber)
    parser.EndElementHandler = lambda _: tree.close()
    parser.CharacterDataHandler = tree.say
    parser.StartDoctypeDeclHandler = lambda *_: tree.refuse_doctype(parser.CurrentLineNumber)
    try:
        parser.Parse(text.lstrip().encode(), True)
    except expat.ExpatError as fault:
        raise UploadRowsError(
            f"Line {fault.lineno}: the {what} is no well-formed XML ({expat.ErrorString(fault.code)}). It may have been cut "
            "short or edited; export it again.",
            (f"line {fault.lineno}",),
        ) from None
    return tree.root.children[0]


class _Tree:
    """The elements that are open while the parser goes through the text."""

    def __init__(self, what: str, deepest: int) -> None:
        self.what = what
        self.deepest = deepest
        self.root = Element("")
        self._open = [self.root]
        self._count = 0

    def open(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        """Begin an element."""
        self._count += 1
        if self._count > MOST_ELEMENTS or len(self._open) > self.deepest:
            raise UploadTooLargeError(
                f"Line {line}: the {self.what} has more than {MOST_ELEMENTS:,} elements, or {self.deepest} levels of them. "
                "Export a shorter period.",
                (f"line {line}",),
            )
        element = Element(name, line, dict(attributes))
        self._open[-1].children.append(element)
        self._open.append(element)

    def close(self) -> None:
        """End the element that is open."""
        self._open.pop()

    def say(self, text: str) -> None:
        """Text of the element that is open."""
        self._open[-1].text += text

    def refuse_doctype(self, line: int) -> None:
        """No statement has a document type; what it could declare is never read."""
        raise UploadTypeError(
            f"Line {line}: the {self.what} declares a document type, which no broker's file has and which is never read. "
            "Export the file again at the broker.",
            (f"line {line}",),
        )
