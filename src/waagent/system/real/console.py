"""The machine's console, written to without ever waiting for it; a machine may have none (guest.md 6.5)."""

from __future__ import annotations

import os

CONSOLE = "/dev/console"


def write(text: str) -> None:
    """Show ``text``; what the console does not take at once is lost."""
    try:
        handle = os.open(CONSOLE, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    try:
        os.write(handle, text.encode("ascii", "replace"))
    except OSError:
        pass
    finally:
        os.close(handle)
