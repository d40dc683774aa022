"""Files whose every byte has room on the disk: no holes, so that the kernel can swap to them (guest.md 4.3).

Odd: what was written is handed to the disk piece by piece and not kept in memory, for such a file may be larger than it.
"""

from __future__ import annotations

import errno
import os
import stat

PIECE = 4 * 1024 * 1024
_FLAGS = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


def allocate(name: str, directory: int, size: int, mode: int, *, written: bool) -> None:
    """``action.AllocateFile`` on an entry of an open directory. Errors: ``OSError``; the file is gone then."""
    handle = _opened(name, directory)
    try:
        try:
            os.fchmod(handle, mode)
            os.ftruncate(handle, 0)
            _check_room(handle, size)
            if written or not _reserve(handle, size):
                _write_zeros(handle, size)
            os.fsync(handle)
        except OSError:
            os.unlink(name, dir_fd=directory)
            raise
    finally:
        os.close(handle)


def _opened(name: str, directory: int) -> int:
    try:
        handle = os.open(name, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=directory)
    except FileExistsError:
        handle = os.open(name, _FLAGS, dir_fd=directory)
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        os.close(handle)
        raise OSError(errno.EEXIST, "it is no file of its own")
    return handle


def _check_room(handle: int, size: int) -> None:
    """Hours of writing that must end badly are not begun."""
    figures = os.fstatvfs(handle)
    free = figures.f_bfree * figures.f_frsize
    if free < size:
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)} ({size} bytes wanted, {free} are free)")


def _reserve(handle: int, size: int) -> bool:
    """False where the file system reserves nothing."""
    if not size:
        return True
    try:
        os.posix_fallocate(handle, 0, size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise
        os.ftruncate(handle, 0)
        return False
    return True


def _write_zeros(handle: int, size: int) -> None:
    zeros = memoryview(bytes(PIECE))
    done = 0
    while done < size:
        begun = done
        while done < min(begun + PIECE, size):
            done += os.write(handle, zeros[: min(begun + PIECE, size) - done])
        os.fdatasync(handle)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(handle, begun, done - begun, os.POSIX_FADV_DONTNEED)
