"""Control groups as this machine has them: where a process is, and what its group has used (extensions.md 7.1, 7.7).

Reads only; systemd is asked to change something. Odd: in the second version one directory has everything, in the first
each controller its own; time comes in ticks, nanoseconds or microseconds; and a machine may have both versions, half and
half, which is not for us when the second has any controllers.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

from waagent.model.failure import SystemFailure
from waagent.system.port import Files

ROOT = "/sys/fs/cgroup"
SYSTEMD = "/run/systemd/system"
EXTENSIONS = "azure.slice/azure-vmextensions.slice"
COLLECTOR = "azure-walinuxagent-logcollector.slice"
"""The slice of the log collector, which looks for itself there."""
_CPU = ("cpu,cpuacct", "cpuacct,cpu", "cpu")
_TICKS = 100.0
"""Ticks of a second in ``cpuacct.stat``: USER_HZ, the same on every Linux we know."""
_LIMIT = 1024 * 1024
_CHILDREN = 500
"""Groups in one group that are looked at."""


@dataclass(frozen=True)
class Group:
    """The directories of one group's controllers; None where it has none. ``path`` is seen from the hierarchy's root."""

    version: int
    path: str
    cpu: str | None = None
    """Where its share of the CPU is held down."""
    memory: str | None = None
    time: str | None = None
    """Where its time on the CPU is counted, which needs no controller in the second version."""
    tree: str | None = None
    """Where its processes are listed."""

    @property
    def unit(self) -> str:
        """The last part: the unit, where systemd made the group."""
        return posixpath.basename(self.path)


@dataclass(frozen=True)
class Usage:
    """What a group has used. Seconds and bytes; None where nobody counts."""

    cpu: float | None = None
    throttled: float | None = None
    anonymous: int | None = None
    cache: int | None = None
    swap: int | None = None
    peak: int | None = None
    reclaims: int | None = None
    """How often it was slowed down because of its memory (version 2)."""

    @property
    def memory(self) -> int | None:
        return None if self.anonymous is None or self.cache is None else self.anonymous + self.cache


def own(files: Files) -> Group | None:
    """The group of this process; None where there are no control groups that tell anything."""
    return parse(files, _text(files, "/proc/self/cgroup"))


def parse(files: Files, text: str) -> Group | None:
    """The group that the text of a ``/proc/<pid>/cgroup`` names: where systemd has put the process."""
    places: dict[str, str] = {}
    for line in text.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        places.update(dict.fromkeys((controllers, *controllers.split(",")), path))
    if "cpu" in places or "memory" in places:
        path = places.get("name=systemd") or places.get("memory") or places["cpu"]
        return _of_one(files, path, {name for name, its in places.items() if its == path})
    if "" not in places or not files.exists(f"{ROOT}/cgroup.controllers"):
        return None
    return _of_two(files, places[""])


def below(group: Group, files: Files, path: str) -> Group:
    """Another group of the same machine: ``path`` from the root, as ``group`` has its own."""
    trimmed = f"/{path.strip('/')}"
    return _of_two(files, trimmed) if group.version == 2 else _of_one(files, trimmed, {*_CPU, "memory", "cpuacct"})


def limits_cpu(files: Files, group: Group) -> bool:
    """Whether this machine can hold a group's share of the CPU down at all."""
    if group.version == 2:
        return "cpu" in _text(files, f"{ROOT}/cgroup.controllers").split()
    return any(files.exists(f"{ROOT}/{each}/cgroup.procs") for each in _CPU)


def _of_one(files: Files, path: str, member: set[str]) -> Group:
    def place(*names: str) -> str | None:
        return next((f"{ROOT}/{each}{path}" for each in names if each in member and files.exists(f"{ROOT}/{each}{path}")), None)

    tree = next((f"{ROOT}/{each}{path}" for each in ("systemd", "memory", *_CPU) if files.exists(f"{ROOT}/{each}{path}")), None)
    unified = f"{ROOT}/unified{path}"
    time = place("cpu,cpuacct", "cpuacct,cpu", "cpuacct") or (unified if files.exists(f"{unified}/cpu.stat") else None)
    return Group(1, path, cpu=place(*_CPU), memory=place("memory"), time=time, tree=tree)


def _of_two(files: Files, path: str) -> Group:
    place = f"{ROOT}{path}".rstrip("/")
    if not files.exists(f"{place}/cgroup.procs"):
        return Group(2, path)
    counted = _text(files, f"{place}/cgroup.controllers").split()
    cpu, memory = (place if name in counted else None for name in ("cpu", "memory"))
    return Group(2, path, cpu=cpu, memory=memory, time=place, tree=place)


def objection(files: Files, group: Group | None) -> str | None:
    """Why the agent's own group is not to be watched or limited; None when it is what systemd makes for a service."""
    if not files.exists(SYSTEMD):
        return "systemd does not run here"
    if group is None:
        return "there are no control groups"
    if group.version == 1 and _text(files, f"{ROOT}/unified/cgroup.controllers").strip():
        return "both versions of control groups have controllers"
    slice_, unit = posixpath.split(group.path)
    if slice_ not in ("/azure.slice", "/system.slice") or not unit.endswith(".service"):
        return f"the agent runs in {group.path}, not as a service of its own"
    return None


def processes(files: Files, group: Group) -> tuple[int, ...]:
    """The numbers of the processes in a group, those of its children not counted."""
    text = _text(files, f"{group.tree}/cgroup.procs") if group.tree else ""
    return tuple(int(line) for line in text.split() if line.isdecimal())


def children(files: Files, group: Group) -> tuple[str, ...]:
    """The names of the groups in a group."""
    if group.tree is None:
        return ()
    return tuple(name for name in files.names(group.tree, _CHILDREN) if name.endswith((".slice", ".scope", ".service")))


def usage(files: Files, group: Group) -> Usage:
    """What a group has used so far; what cannot be read is None."""
    return _usage_of_two(files, group) if group.version == 2 else _usage_of_one(files, group)


def _usage_of_two(files: Files, group: Group) -> Usage:
    cpu = _numbers(files, f"{group.time}/cpu.stat") if group.time else {}
    used, throttled = cpu.get("usage_usec"), cpu.get("throttled_usec")
    memory = _numbers(files, f"{group.memory}/memory.stat") if group.memory else {}
    return Usage(
        cpu=None if used is None else used / 1e6,
        throttled=None if throttled is None else throttled / 1e6,
        anonymous=memory.get("anon"),
        cache=memory.get("file"),
        swap=_number(files, f"{group.memory}/memory.swap.current") if group.memory else None,
        peak=_number(files, f"{group.memory}/memory.peak") if group.memory else None,
        reclaims=_numbers(files, f"{group.memory}/memory.events").get("high") if group.memory else None,
    )


def _usage_of_one(files: Files, group: Group) -> Usage:
    throttled = (_numbers(files, f"{group.cpu}/cpu.stat") if group.cpu else {}).get("throttled_time")
    memory = _numbers(files, f"{group.memory}/memory.stat") if group.memory else {}
    return Usage(
        cpu=_seconds(files, group.time) if group.time else None,
        throttled=None if throttled is None else throttled / 1e9,
        anonymous=memory.get("rss"),
        cache=memory.get("cache"),
        swap=memory.get("swap"),
        peak=_number(files, f"{group.memory}/memory.max_usage_in_bytes") if group.memory else None,
    )


def _seconds(files: Files, place: str) -> float | None:
    """Of the first version's own counter, else of the second's, which counts beside it."""
    ticks = _numbers(files, f"{place}/cpuacct.stat")
    if "user" in ticks and "system" in ticks:
        return (ticks["user"] + ticks["system"]) / _TICKS
    used = _numbers(files, f"{place}/cpu.stat").get("usage_usec")
    return None if used is None else used / 1e6


def _numbers(files: Files, path: str) -> Mapping[str, int]:
    pairs = (line.partition(" ") for line in _text(files, path).splitlines())
    return {name: int(number) for name, _, number in pairs if number.isdecimal()}


def _number(files: Files, path: str) -> int | None:
    text = _text(files, path).strip()
    return int(text) if text.isdecimal() else None


def _text(files: Files, path: str) -> str:
    try:
        return (files.read_if_there(path, _LIMIT) or b"").decode("utf-8", "replace")
    except SystemFailure:
        return ""
