"""From a guest path to a directory handle: every link is resolved inside the root, component by component.

The kernel's own resolution would leave the root at the first absolute link, and would let whoever may write in a
directory lead us anywhere. So that each component is opened relative to the one before, never following a link, and
links are read and walked here. A walk on behalf of a *change* goes through a link only when root (or we ourselves) made
it: ``/var/run`` works, a link planted in somebody's home is refused (promises.md, "links"). Below ``hostile`` directories,
where extensions keep house as root, a change goes through no link at all.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

_HOPS = 40
_DIRECTORY = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class LinkRefused(OSError):
    """A link that a change must not go through."""


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

    def enter(self, components: list[str], trusted: int | None = None) -> None:
        """Go down along ``components``, through links; those after the first ``trusted`` must be none."""
        pending = [(part, trusted is None or place < trusted) for place, part in enumerate(components)][::-1]
        while pending:
            part, follow = pending.pop()
            if part == "..":
                self._back_to(max(1, len(self._handles) - 1))
                continue
            try:
                self._handles.append(os.open(part, _DIRECTORY, dir_fd=self.handle))
            except OSError as error:
                if error.errno not in (errno.ENOTDIR, errno.ELOOP, errno.EMLINK):
                    raise
                onwards = self.link(part, error, follow)
                pending += [(each, True) for each in onwards[::-1]]

    def link(self, part: str, error: OSError | None = None, follow: bool = True) -> list[str]:
        """The components a link leads to, seen from here (an absolute target starts again at the root).

        Raises ``error`` when ``part`` is no link, ELOOP after too many, EPERM for a link we must not trust.
        """
        facts = os.stat(part, dir_fd=self.handle, follow_symlinks=False)
        if not stat.S_ISLNK(facts.st_mode):
            raise error or OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._hops += 1
        if self._hops > _HOPS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if not follow:
            raise LinkRefused(errno.EPERM, f"{part} is a link, which is not followed here")
        if self._change and facts.st_uid not in (0, os.geteuid()):
            raise LinkRefused(errno.EPERM, f"{part} is a link made by user {facts.st_uid}, which is not followed")
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


def trusted(components: list[str], hostile: tuple[str, ...]) -> int | None:
    """How many of the components may be links: those up to a hostile directory, itself included; None: all."""
    for directory in hostile:
        prefix = split(directory)
        if len(components) > len(prefix) and components[: len(prefix)] == prefix:
            return len(prefix)
    return None


@contextmanager
def parent(root: str, path: str, change: bool, hostile: tuple[str, ...] = ()) -> Iterator[tuple[Walk, str]]:
    """The directory of ``path`` and the last component; the name is ``.`` for the root itself."""
    components = split(path)
    if not path.startswith("/") or "\0" in path or ".." in components[-1:]:
        raise OSError(errno.EINVAL, "not an absolute path with a name at its end")
    walk = Walk(root, change)
    try:
        walk.enter(components[:-1], trusted(components, hostile) if change else None)
        yield walk, components[-1] if components else "."
    finally:
        walk.close()


@contextmanager
def target(root: str, path: str, wary: bool = False, hostile: tuple[str, ...] = ()) -> Iterator[tuple[Walk, str]]:
    """Like ``parent`` for reading: a link in the last component is followed too, inside the root.

    ``wary``: with the caution of a change, about links in the last component too.
    """
    with parent(root, path, wary, hostile) as (walk, name):
        follow = not wary or trusted(split(path), hostile) is None
        while name != ".":
            try:
                onwards = walk.link(name, follow=follow)
            except OSError as error:
                if error.errno not in (errno.EINVAL, errno.ENOENT):
                    raise
                break
            name = "."
            if onwards and onwards[-1] != "..":
                name = onwards.pop()
            walk.enter(onwards)
        yield walk, name
