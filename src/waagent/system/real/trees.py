"""Whole trees by directory handles: synced, entered while they are made, removed. No link is ever followed."""

from __future__ import annotations

import errno
import os
import stat

from waagent.system.real import walk

_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW


def sync(directory: int) -> None:
    handle = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # file systems that cannot sync a directory
            raise
    finally:
        os.close(handle)


def sync_tree(name: str, directory: int) -> None:
    handle = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        for entry in os.listdir(handle):
            kind = os.stat(entry, dir_fd=handle, follow_symlinks=False).st_mode
            if stat.S_ISDIR(kind):
                sync_tree(entry, handle)
            elif stat.S_ISREG(kind):
                one = os.open(entry, _READ, dir_fd=handle)
                try:
                    os.fsync(one)
                finally:
                    os.close(one)
        sync(handle)
    finally:
        os.close(handle)


def make(name: str, place: walk.Walk, mode: int = 0o755, follow: bool = True) -> bool:
    """Enter a directory, making it when it is missing; True when it was made. It has its mode from the start.

    A process that is killed here must not leave a directory that nobody may enter. Where no link may be followed, the
    directory takes the place of one.
    """
    try:
        place.enter([name], None if follow else 0)
        return False
    except walk.LinkRefused:
        if follow:
            raise
        os.unlink(name, dir_fd=place.handle)
    except FileNotFoundError:
        pass
    os.mkdir(name, mode, dir_fd=place.handle)
    place.enter([name])
    os.chmod(".", mode, dir_fd=place.handle)
    return True


def remove(name: str, directory: int, device: int) -> None:
    """Remove a file, link or tree; never into another file system, never through a link."""
    try:
        os.unlink(name, dir_fd=directory)
        return
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno not in (errno.EISDIR, errno.EPERM):  # POSIX says EPERM for a directory
            raise
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if not stat.S_ISDIR(found.st_mode):
            raise
    if found.st_dev != device:
        raise OSError(errno.EBUSY, f"{name} is a mount point")
    handle = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        for entry in os.listdir(handle):
            remove(entry, handle, device)
    finally:
        os.close(handle)
    os.rmdir(name, dir_fd=directory)
