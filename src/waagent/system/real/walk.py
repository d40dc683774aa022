"""From a guest path to a directory handle: every link is resolved inside the root, component by component.

The kernel's own resolution would leave the root at the first absolute link, and would let whoever may write in a
directory lead us anywhere. So that each component is opened relative to the one before, never following a link, and
links are read and walked here. A walk on behalf of a *change* goes through a link only when root (or we ourselves) made
it: ``/var/run`` works, a link planted in somebody's home or in an extension's directory is refused (promises.md, "links").
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

_HOPS = 40
_DIRECTORY = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Walk:
    """Directory handles from the root to where we are; ``..`` never leaves the root."""

    def __init__(self, root: str, change: bool) -> None:
        self._handles = [os.open(root, (_DIRECTORY & ~os.O_NOFOLLOW))]
        self._change = change
        self._hops = 0

    @property
    def handle(self) -> int:
        return self._handles[-1]

    def close(self) -> None:
        self._back_to(0)

    def enter(self, components: list[str]) -> None:
        """Go down along ``components``, through links."""
        pending = components[::-1]
        while pending:
            part = pending.pop()
            if part == "..":
                self._back_to(max(1, len(self._handles) - 1))
                continue
            try:
                self._handles.append(os.open(part, _DIRECTORY, dir_fd=self.handle))
            except OSError as error:
                if error.errno not in (errno.ENOTDIR, errno.ELOOP, errno.EMLINK):
                    raise
                pending += self.link(part, error)[::-1]

    def link(self, part: str, error: OSError | None = None) -> list[str]:
        """The components a link leads to, seen from here (an absolute target starts again at the root).

        Raises ``error`` when ``part`` is no link, ELOOP after too many, EPERM for a link we must not trust.
        """
        facts = os.stat(part, dir_fd=self.handle, follow_symlinks=False)
        if not stat.S_ISLNK(facts.st_mode):
            raise error or OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._hops += 1
        if self._hops > _HOPS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if self._change and facts.st_uid not in (0, os.geteuid()):
            raise OSError(errno.EPERM, f"{part} is a link made by user {facts.st_uid}, which is not followed")
        target = os.readlink(part, dir_fd=self.handle)
        if target.startswith("/"):
            self._back_to(1)
        return split(target)

    def _back_to(self, depth: int) -> None:
        while len(self._handles) > depth:
            os.close(self._handles.pop())


def split(path: str) -> list[str]:
    """The components of a path, without empty ones and ``.``."""
    return [part for part in path.split("/") if part not in ("", ".")]


@contextmanager
def parent(root: str, path: str, change: bool) -> Iterator[tuple[Walk, str]]:
    """The directory of ``path`` and the last component; the name is ``.`` for the root itself."""
    components = split(path)
    if not path.startswith("/") or "\0" in path or ".." in components[-1:]:
        raise OSError(errno.EINVAL, "not an absolute path with a name at its end")
    walk = Walk(root, change)
    try:
        walk.enter(components[:-1])
        yield walk, components[-1] if components else "."
    finally:
        walk.close()


@contextmanager
def target(root: str, path: str) -> Iterator[tuple[Walk, str]]:
    """Like ``parent`` for reading: a link in the last component is followed too, inside the root."""
    with parent(root, path, change=False) as (walk, name):
        while name != ".":
            try:
                onwards = walk.link(name)
            except OSError as error:
                if error.errno not in (errno.EINVAL, errno.ENOENT):
                    raise
                break
            name = "."
            if onwards and onwards[-1] != "..":
                name = onwards.pop()
            walk.enter(onwards)
        yield walk, name
