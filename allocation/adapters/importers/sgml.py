"""OFX as a tree: version 1 (SGML, where values need no end tag) and version 2 (XML) alike; no entity is ever declared or expanded."""

import html
import re

from allocation.adapters.importers.markup import DEEPEST, MOST_ELEMENTS, Element
from allocation.errors import UploadEmptyError, UploadRowsError, UploadTooLargeError

_TOKEN = re.compile(r"<(?P<end>/?)(?P<name>[A-Za-z0-9._]{1,40})\s*(?P<empty>/?)>(?P<text>[^<]*)")
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)


def read_ofx(text: str) -> Element:
    """The element OFX with everything in it.

    Raises:
        ImportFileError: no such element, one that is not closed, or an end without a beginning.
    """
    begin = text.upper().find("<OFX>")
    if begin < 0:
        raise UploadEmptyError("The OFX file has a header but no statement. Download it again.", ("<OFX>",))
    line = text.count("\n", 0, begin) + 1
    body = _CDATA.sub(lambda found: html.escape(found[1]), text[begin:])
    root = Element("", line)
    stack = [root]
    for number, token in enumerate(_TOKEN.finditer(body)):
        if number > MOST_ELEMENTS or len(stack) > DEEPEST:
            raise UploadTooLargeError(
                f"Line {line}: the OFX file has more elements than any statement. Choose a shorter period."
            )
        name = token["name"].upper()
        if token["end"]:
            _close(stack, name, line)
        else:
            _open(stack, Element(name, line, text=html.unescape(token["text"].strip())), bool(token["empty"]))
        line += token[0].count("\n")
    if len(stack) > 1:
        raise UploadRowsError(
            f"The OFX file ends before {stack[1].name}, begun on line {stack[1].line}, is closed: it was cut short. "
            "Download it again.",
            (f"line {stack[1].line}",),
        )
    return root.children[0]


def _open(stack: list[Element], element: Element, empty: bool) -> None:
    """A value stands alone; an element without one stays open, for others may be in it."""
    stack[-1].children.append(element)
    if not element.text and not empty:
        stack.append(element)


def _close(stack: list[Element], name: str, line: int) -> None:
    """Close an element; what is open inside it was an empty value, and what seemed to be in that belongs beside it."""
    if stack[-1].name != name and any(child.name == name for child in stack[-1].children):
        return  # the end tag of a value, or one that stands twice
    if name not in [element.name for element in stack[1:]]:
        raise UploadRowsError(
            f"Line {line}: </{name[:20]}> closes nothing that is open. The OFX file is damaged; download it again.",
            (f"line {line}",),
        )
    while stack[-1].name != name:
        unclosed = stack.pop()
        stack[-1].children.extend(unclosed.children)
        unclosed.children = []
    stack.pop()
