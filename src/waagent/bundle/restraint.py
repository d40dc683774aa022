"""Giving up before anybody is hurt (extensions.md 9.6): the collector looks at itself every two seconds while it works.

In a scope of its own the group's figures count, elsewhere those of the process. Odd: it is asked between two pieces of
work and needs no thread; and a collector whose agent has gone gives up too.
"""

from __future__ import annotations

from collections.abc import Callable

from waagent.guest import cgroups
from waagent.guest.cgroups import Group, Usage
from waagent.model.failure import SystemFailure
from waagent.system.port import Files, System

NO_CONTROLLERS, TOO_MUCH, NOT_CONFINED = 2, 3, 4
"""Exit statuses that the agent understands."""
PERIOD = 2.0
MEMORY = 25 * 1024 * 1024
"""Bytes of our own, swapped ones included."""
CACHE = 155 * 1024 * 1024
RECLAIMS = 10


class GaveUp(Exception):
    """The collector stops without a bundle; ``status`` is what it exits with."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Restraint:
    """``group`` None: the process counts. ``watched`` False: a person runs the collector and nothing is too much."""

    def __init__(self, system: System, group: Group | None, has_agent: Callable[[], bool], *, watched: bool = True) -> None:
        self._system = system
        self._group = group
        self._has_agent = has_agent
        self._watched = watched
        self._next = system.clock.monotonic()

    def check(self) -> None:
        """Look, when it is time. Errors: ``GaveUp``."""
        now = self._system.clock.monotonic()
        if not self._watched or now < self._next:
            return
        self._next = now + PERIOD
        if not self._has_agent():
            raise GaveUp(1, "the agent that wanted the logs has ended")
        files = self._system.files
        used = cgroups.usage(files, self._group) if self._group is not None else _own(files)
        memory = (used.anonymous or 0) + (used.swap or 0)
        if memory > MEMORY:
            raise GaveUp(TOO_MUCH, f"more memory than allowed is in use: {memory} bytes")
        if (used.cache or 0) > CACHE:
            raise GaveUp(TOO_MUCH, f"more of the cache than allowed is in use: {used.cache} bytes")
        if (used.reclaims or 0) > RECLAIMS:
            raise GaveUp(TOO_MUCH, f"it was slowed down because of its memory {used.reclaims} times")


def confined(files: Files) -> Group:
    """The group that the agent has put us in. Errors: ``GaveUp`` when it is another one, or does not count."""
    group = cgroups.own(files)
    if group is None or f"/{cgroups.COLLECTOR}/" not in f"{group.path}/":
        raise GaveUp(
            NOT_CONFINED, f"it does not run in {cgroups.COLLECTOR}, but in {'nothing' if group is None else group.path}"
        )
    if group.cpu is None or group.memory is None:
        missing = "cpu" if group.cpu is None else "memory"
        raise GaveUp(NO_CONTROLLERS, f"the controller {missing} does not count for it")
    return group


def _own(files: Files) -> Usage:
    try:
        lines = (files.read_if_there("/proc/self/status", 65536) or b"").decode("ascii", "replace").splitlines()
    except SystemFailure:
        return Usage()
    figures = {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}

    def size(name: str) -> int | None:
        words = figures.get(name, [])
        return int(words[0]) * 1024 if words and words[0].isdecimal() else None

    return Usage(anonymous=size("RssAnon"), swap=size("VmSwap"))
