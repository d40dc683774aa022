"""Reading what others may have put there: plain files only, no link of a stranger's, and nothing kept of them in memory."""

from __future__ import annotations

import errno
import io
import itertools
import os
import stat
from typing import BinaryIO, cast

from waagent.system.real import walk

_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW


class ReadOnce(io.FileIO):
    """A file whose pages in the machine's cache are given back when it is closed: they count as ours until then."""

    def close(self) -> None:
        if not self.closed and hasattr(os, "posix_fadvise"):
            try:
                os.posix_fadvise(self.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            except OSError:
                pass  # advice only
        super().close()


def opened(root: str, path: str, hostile: tuple[str, ...]) -> BinaryIO:
    """A plain file below ``root``. Errors: ``OSError``.

    Below a ``hostile`` directory a second name counts as a link: a key could have been given one there.
    """
    with walk.target(root, path, True, hostile) as (place, name):
        # Looked at before it is opened: opening some devices does something.
        _require_plain(os.stat(name, dir_fd=place.handle, follow_symlinks=False).st_mode)
        handle = os.open(name, _READ, dir_fd=place.handle)
    try:
        found = os.fstat(handle)
        _require_plain(found.st_mode)
        if found.st_nlink > 1 and walk.trusted(walk.split(path), hostile) is not None:
            raise OSError(errno.EPERM, "it has a second name elsewhere")
        return cast(BinaryIO, ReadOnce(handle, "rb"))
    except BaseException:
        os.close(handle)
        raise


def some(handle: int, limit: int) -> list[str]:
    """Names in an open directory, at most ``limit``."""
    with os.scandir(handle) as entries:
        return [entry.name for entry in itertools.islice(entries, limit)]


def _require_plain(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "not a plain file")
