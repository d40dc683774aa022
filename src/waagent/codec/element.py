"""XML documents from outside: bytes to elements, and looking things up in them.

Elements are named by their local name, whatever their namespace or prefix. Tolerated around a document: a byte order mark,
white space, NULs. A document type is refused, and with it every entity of its own. The text of an element is its plain text
and CDATA together, comments left out (fabric.md 14, traps 4, 8 and 12).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from waagent.model.failure import DocumentFailure

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_UTF8_MARK = b"\xef\xbb\xbf"


def tree(data: bytes, document: str, root: str | None = None) -> Element:
    """The root element of a document. Errors: ``DocumentFailure`` when it is not well formed or its root is not ``root``."""
    from xml.etree.ElementTree import ParseError

    from defusedxml.ElementTree import fromstring

    try:
        found: Element = fromstring(clean(data), forbid_dtd=True)
    except (ParseError, ValueError, LookupError) as error:
        raise DocumentFailure(document, "", f"not a well-formed XML document: {error}") from error
    if root is not None and local(found) != root:
        raise DocumentFailure(document, "", f"the root element is {local(found)[:60]}, not {root}")
    return found


def clean(data: bytes) -> bytes:
    """The document without what may surround it."""
    if wide_encoding(data):
        return data
    return data.removeprefix(_UTF8_MARK).strip(b"\0 \t\r\n")


def wide_encoding(data: bytes) -> str | None:
    """The name of the encoding of a UTF-16 document; None for any other."""
    if data.startswith((b"\xff\xfe", b"<\0")):
        return "utf-16-le"
    return "utf-16-be" if data.startswith((b"\xfe\xff", b"\0<")) else None


def local(element: Element) -> str:
    """The name of an element without its namespace."""
    name: str = element.tag
    return name.rpartition("}")[2]


def first(parent: Element | None, name: str) -> Element | None:
    """The first such element anywhere below ``parent``, in document order (fabric.md 3.1)."""
    if parent is None:
        return None
    return next((each for each in parent.iter() if each is not parent and local(each) == name), None)


def children(parent: Element | None, name: str) -> Iterator[Element]:
    """The direct children of that name."""
    return (each for each in (parent if parent is not None else ()) if local(each) == name)


def text(element: Element | None) -> str | None:
    """The stripped text of an element; None when there is no element, or nothing in it."""
    return ((element.text or "").strip() or None) if element is not None else None


def value(parent: Element | None, name: str) -> str | None:
    """The text of the first such element below ``parent``."""
    return text(first(parent, name))


def attribute(element: Element | None, name: str) -> str | None:
    """The stripped value of an attribute; None when it is missing or empty."""
    return ((element.get(name) or "").strip() or None) if element is not None else None


def require(parent: Element, name: str, document: str, path: str) -> str:
    """As ``value``. Errors: ``DocumentFailure`` when it is missing or empty."""
    found = value(parent, name)
    if found is None:
        raise DocumentFailure(document, path, f"the element {name} is missing or empty")
    return found
