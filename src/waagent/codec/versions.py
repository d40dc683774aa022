"""The protocol versions a wire server speaks, ``?comp=versions`` (fabric.md 1.5).

Odd: real lists hold dates that are none (``2010-28-10``), so versions are opaque text.
"""

from __future__ import annotations

from waagent.codec.element import children, first, text, tree

DOCUMENT = "Versions"


def parse(data: bytes) -> tuple[str, ...]:
    """The preferred version first, then the supported ones, each once. Errors: ``DocumentFailure``."""
    root = tree(data, DOCUMENT, "Versions")
    listed = (text(each) for parent in ("Preferred", "Supported") for each in children(first(root, parent), "Version"))
    return tuple(dict.fromkeys(version for version in listed if version))
