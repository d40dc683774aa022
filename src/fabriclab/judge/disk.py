"""The guest's writable layer, read from outside. Whatever in it may be a link that the handler made: none is followed."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@dataclass(frozen=True)
class Found:
    """A regular file. `path` begins with "/". `open`: its mode and those of the directories above let others read it."""

    path: str
    size: int
    open: bool
    content: bytes


def read(upper: Path, path: str, limit: int) -> bytes | None:
    """A file's beginning; None when there is none, or a link on the way."""
    *directories, name = path.strip("/").split("/")
    at = os.open(upper, FLAGS | os.O_DIRECTORY)
    try:
        for part in directories:
            below = os.open(part, FLAGS | os.O_DIRECTORY, dir_fd=at)
            os.close(at)
            at = below
        return _content(at, name, limit)
    except OSError:
        return None
    finally:
        os.close(at)


def walk(upper: Path, limit: int) -> Iterator[Found]:
    """Every regular file of at most `limit` bytes."""
    passable: dict[str, bool] = {}
    for directory, names, files, descriptor in os.fwalk(upper, follow_symlinks=False):
        inside = directory[len(str(upper)) :]
        above = passable.get(inside.rpartition("/")[0], True)
        passable[inside] = above and bool(os.fstat(descriptor).st_mode & stat.S_IXOTH)
        names.sort()
        for name in sorted(files):
            with suppress(OSError):
                found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                if stat.S_ISREG(found.st_mode) and found.st_size <= limit:
                    readable = passable[inside] and bool(found.st_mode & stat.S_IROTH)
                    yield Found(f"{inside}/{name}", found.st_size, readable, _content(descriptor, name, limit))


def _content(directory: int, name: str, limit: int) -> bytes:
    with os.fdopen(os.open(name, FLAGS, dir_fd=directory), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(f"{name} is no regular file")
        return file.read(limit)
