"""How the C library gives memory out to this process.

Odd: glibc keeps a heap for each thread, and our lanes are threads that hardly ever work at the same time: one heap for all
of them is a quarter of a megabyte less on every VM. Other C libraries have no such thing.
"""

from __future__ import annotations

import ctypes

_ARENA_MAX = -8


def share_one_heap() -> None:
    """Before the first thread; where it cannot be asked for, nothing changes."""
    try:
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)
    except (OSError, AttributeError):
        pass
