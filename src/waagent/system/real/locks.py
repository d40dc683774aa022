"""Both kinds of file lock, in the order that everybody who takes both takes them (fabric.md 12.2, trap 62).

The key-value daemon uses record locks, provisioning agents use flock, and neither sees the other's. Open-file-description
locks belong to the descriptor, so that threads do not undo each other's; the BSDs have none, and there flock must do.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import time

PATIENCE = 5.0
"""Seconds to wait for other writers, who hold their locks for a record's time."""
_GLANCE = 0.02
_SET_DESCRIPTION_LOCK = getattr(fcntl, "F_OFD_SETLK", 37 if os.uname().sysname == "Linux" else None)
_WHOLE_FILE = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
_BUSY = frozenset({errno.EAGAIN, errno.EACCES})


def both(handle: int) -> None:
    """Take both locks; closing the descriptor gives them back. Errors: ``OSError`` EAGAIN after ``PATIENCE`` seconds."""
    end = time.monotonic() + PATIENCE
    while not _taken(handle):
        if time.monotonic() > end:
            raise OSError(errno.EAGAIN, f"locked by another program for {PATIENCE:g} s")
        time.sleep(_GLANCE)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _BUSY:
            return False
        raise
    if _SET_DESCRIPTION_LOCK is None:
        return True
    try:
        fcntl.fcntl(handle, _SET_DESCRIPTION_LOCK, _WHOLE_FILE)
    except OSError as error:
        fcntl.flock(handle, fcntl.LOCK_UN)
        if error.errno in _BUSY:
            return False
        raise
    return True
