"""Text for XML that we write: escaped, and without the characters that XML cannot hold at all."""

from __future__ import annotations

import re

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_SPACES = {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
_CONTENT = str.maketrans(_ENTITIES)
_ATTRIBUTE = str.maketrans({**_ENTITIES, **_SPACES})


def content(text: str) -> str:
    """``text`` as the content of an element."""
    return legal(text).translate(_CONTENT)


def attribute(text: str) -> str:
    """``text`` as an attribute, its quotes included.

    Quoted by ``"``; by ``'`` when the text has ``"`` and no ``'``; with both by ``"``, and ``&quot;`` inside.
    """
    escaped = legal(text).translate(_ATTRIBUTE)
    if '"' not in escaped:
        return f'"{escaped}"'
    if "'" not in escaped:
        return f"'{escaped}'"
    return '"{}"'.format(escaped.replace('"', "&quot;"))


def legal(text: str) -> str:
    """``text`` with U+FFFD for each character that XML 1.0 does not allow."""
    return _FORBIDDEN.sub("\ufffd", text)
