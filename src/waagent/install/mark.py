"""The last line of a file that was laid from source: it says so, and which new directory the file came with (guest.md 8.5).

What a package or a person has put there has no such line. So it is told from ours without a record that could be lost. Pure.
"""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import dataclass

_PACKED = b"\x1f\x8b"
_LINE = re.compile(rb"(?:\A|\n)[^\n]*laid by waagent -register-service(?: with (/[^\n;]+))?; [^\n]*\n\Z")


@dataclass(frozen=True)
class Mark:
    """``body`` is the file without its mark; ``made``: the topmost directory that was made for it, or empty."""

    body: bytes
    made: str = ""


def remark(made: str = "") -> str:
    """What the line says."""
    return f"laid by waagent -register-service{f' with {made}' if made else ''}; -unregister-service takes it away"


def read(content: bytes) -> Mark | None:
    """None for a file that somebody else has put there."""
    if content.startswith(_PACKED):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error):
            return None
    found = _LINE.search(content)
    if found is None:
        return None
    body = content[: found.start()] + (b"\n" if content[found.start() : found.start() + 1] == b"\n" else b"")
    return Mark(body, (found[1] or b"").decode("utf-8", "surrogateescape"))
