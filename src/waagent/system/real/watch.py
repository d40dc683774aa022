"""The ``Watch`` port: inotify for directories, and short looks where the kernel tells nothing.

A directory that is not there yet is watched through its nearest ancestor until it is. Odd: the standard library knows no
inotify, so that the C library is asked; where it has none (FreeBSD, an old libc) the wait is cut into glances instead.
What the kernel says of networks, devices and the host name is heard in ``kernel_news``.
"""

from __future__ import annotations

import ctypes
import os
import select
from collections.abc import Callable, Iterable, Sequence

from waagent.system.real.ending import Ending

GLANCE = 0.5
"""Seconds between two looks where the kernel tells nothing."""

_CREATED, _MOVED_TO, _MOVED_FROM, _DELETED, _WRITTEN = 0x100, 0x80, 0x40, 0x200, 0x8
_ENTRIES = _CREATED | _MOVED_TO | _MOVED_FROM | _DELETED
_ONLY_DIRECTORIES = 0x01000000


class Glances:
    """Lets the caller look again in short turns."""

    def __init__(self, ending: Ending) -> None:
        self._ending = ending

    def wait(self, seconds: float) -> bool:
        return not self._ending.wait(max(0.0, min(seconds, GLANCE)))

    def fileno(self) -> None:
        """Nothing tells of a change."""

    def drain(self) -> None:
        """Nothing was said."""

    def close(self) -> None:
        """There is nothing to close."""


class Polled:
    """Waits until a descriptor has something to say. ``look`` True: something is new already, so do not wait."""

    def __init__(
        self, ending: Ending, descriptor: int, close: Callable[[], object], look: Callable[[], bool] = lambda: False
    ) -> None:
        self._ending = ending
        self._descriptor = descriptor
        self._close = close
        self._look = look
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        self._poll.register(ending.fileno(), select.POLLIN)

    def wait(self, seconds: float) -> bool:
        if self._ending.is_set():
            return False
        if self._look():
            return True
        ready = [descriptor for descriptor, _ in self._poll.poll(max(0.0, seconds) * 1000)]
        if self._ending.is_set():
            return False
        if self._descriptor in ready:
            self._empty()
        return True

    def fileno(self) -> int:
        return self._descriptor

    def drain(self) -> None:
        self._empty()
        self._look()

    def close(self) -> None:
        self._close()

    def _empty(self) -> None:
        try:
            while os.read(self._descriptor, 65536):
                pass
        except OSError:
            pass  # empty; or more was said than the kernel could keep, and then it counts as a change too


class _Directories:
    """inotify on directories, or on their nearest ancestors while they are missing."""

    def __init__(self, directories: Iterable[str], writes: bool) -> None:
        self._library = ctypes.CDLL(None, use_errno=True)
        self.descriptor: int = self._library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify")
        self._directories = tuple(directories)
        self._mask = _ONLY_DIRECTORIES | _ENTRIES | (_WRITTEN if writes else 0)
        self._watched: frozenset[int] = frozenset()
        self.is_news()

    def close(self) -> None:
        os.close(self.descriptor)

    @property
    def is_blind(self) -> bool:
        """Whether the kernel refuses to watch: there is a limit for each user."""
        return any(number < 0 for number in self._watched)

    def is_news(self) -> bool:
        """Watch what is there now; whether that is more than before: what happened in between went unseen."""
        before = self._watched
        self._watched = frozenset(self._nearest(directory) for directory in self._directories)
        return bool(self._watched - before)

    def _nearest(self, directory: str) -> int:
        place = directory
        while (number := self._add(place)) < 0 and place not in ("/", ""):
            place = os.path.dirname(place)
        if place == directory:
            return number
        again = self._add(directory)  # made while its ancestor was not watched yet
        return again if again >= 0 else number

    def _add(self, directory: str) -> int:
        return int(self._library.inotify_add_watch(self.descriptor, os.fsencode(directory), self._mask))


def directories(ending: Ending, paths: Sequence[str], *, writes: bool) -> Polled | Glances:
    """Entries that come and go in these directories and, with ``writes``, files there that were written."""
    try:
        found = _Directories(paths, writes)
    except (OSError, AttributeError):
        return Glances(ending)
    if found.is_blind:
        found.close()
        return Glances(ending)
    return Polled(ending, found.descriptor, found.close, found.is_news)
