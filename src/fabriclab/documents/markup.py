"""XML as the fabric writes it: a declaration, two spaces of indentation, plain text nodes.

No CDATA and no comments: some guests read only the first plain text node of an element (fabric 14, trap 12). Odd: namespaces
are written as ordinary attributes, so that prefixes and their order are those of the real documents.
"""

import codecs
import xml.etree.ElementTree as ElementTree

Element = ElementTree.Element
XSI = "http://www.w3.org/2001/XMLSchema-instance"
DECLARATION = b'<?xml version="1.0" encoding="utf-8"?>\n'


def child(parent: Element, name: str, text: str | None = None, attributes: dict[str, str] | None = None) -> Element:
    """A new last child. `text` None and no children later: an empty element."""
    made = ElementTree.SubElement(parent, name, attributes or {})
    made.text = text
    return made


def document(root: Element, bom: bool = False) -> bytes:
    """The document's bytes. Text of elements that have no children stays as it is."""
    ElementTree.indent(root)
    body: bytes = DECLARATION + ElementTree.tostring(root, encoding="utf-8")
    return codecs.BOM_UTF8 + body if bom else body


def boolean(value: bool) -> str:
    return "true" if value else "false"


def address(text: str, padded: bool = False) -> str:
    """`padded`: with the white space that real documents sometimes have around addresses (trap 8)."""
    return f"\n      {text}\n    " if padded else text
