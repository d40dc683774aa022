"""Random identifiers as RFC 9562 writes its version 4: for correlation, names of scopes and of directories.

The standard library's ``uuid`` makes the same text, but brings ``platform`` with it: 260 KB that stay.
"""

from __future__ import annotations

import os
from collections.abc import Callable


def new_identifier(random: Callable[[int], bytes] = os.urandom) -> str:
    """Like ``0f8fad5b-d9cb-469f-a165-70867728950e``. ``random`` gives so many random bytes."""
    number = int.from_bytes(random(16), "big")
    number = number & ~(0xF << 76) | 4 << 76  # the version
    number = number & ~(0x3 << 62) | 2 << 62  # the variant
    text = f"{number:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
