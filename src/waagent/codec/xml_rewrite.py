"""The same XML document with other content in some of its elements: byte for byte what it was everywhere else.

Works on what the document says, not on how it is spelt: prefixes, line breaks, CDATA, entities and the encoding do not
matter. Comments are left out, they could hold anything. For the copies that are kept (fabric.md 14, traps 36 to 38).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection

from waagent.codec import xml_text
from waagent.codec.element import clean, tree, wide_encoding

Token = tuple[int, str, str]
"""Where a piece begins, in bytes; start, end, text, comment or other; its local name or its text."""


def rewrite(data: bytes, document: str, names: Collection[str], change: Callable[[str, str], str]) -> bytes:
    """The document with ``change(name, text)`` as the content of each element of these names, given in lower case.

    Elements without any content are left alone. Errors: ``DocumentFailure`` when the document is not well formed.
    """
    whole = clean(data)
    tree(whole, document)
    encoding = wide_encoding(whole) or "ascii"
    kept: list[bytes] = []
    said: list[str] = []
    opened: str | None = None
    filled = False
    depth = opened_at = 0
    for (start, kind, value), (end, _, _) in itertools.pairwise(_tokens(whole)):
        if kind == "end":
            depth -= 1
            if opened is not None and depth == opened_at:
                if filled:
                    kept.append(xml_text.content(change(opened, "".join(said))).encode(encoding, "xmlcharrefreplace"))
                opened = None
        if opened is not None:
            filled = filled or kind != "comment"
            said.append(value if kind == "text" else "")
        elif kind != "comment":
            kept.append(whole[start:end])
        if kind == "start":
            if opened is None and value.lower() in names:
                opened, opened_at, filled = value.lower(), depth, False
                said.clear()
            depth += 1
    return b"".join(kept)


def _tokens(data: bytes) -> list[Token]:
    """Where each piece of markup or text begins. The document is known to be well formed and without a document type."""
    from xml.parsers.expat import ParserCreate

    parser = ParserCreate(namespace_separator="}")
    found: list[Token] = []

    def note(kind: str, value: str = "") -> None:
        found.append((parser.CurrentByteIndex, kind, value))

    parser.StartElementHandler = lambda name, attributes: note("start", name.rpartition("}")[2])
    parser.EndElementHandler = lambda name: note("end")
    parser.CommentHandler = lambda text: note("comment")
    parser.DefaultHandlerExpand = lambda text: note("other")
    parser.CharacterDataHandler = lambda text: note("text", text)
    parser.Parse(data, True)
    # The first token also covers a byte order mark; the end of the data closes the last one.
    return [(0, *found[0][1:]), *found[1:], (len(data), "", "")] if found else []
