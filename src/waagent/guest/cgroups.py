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
_CPU = ("cpu,cpuacct", "cpuacct,cpu", "cpu")
_TICKS = 100.0
"""Ticks of a second in ``cpuacct.stat``: USER_HZ, the same on every Linux we know."""
_LIMIT = 1024 * 1024


@dataclass(frozen=True)
class Group:
    """The directories of one group's controllers; None where it has none. ``path`` is seen from the hierarchy's root."""

    version: int
    path: str
    cpu: str | None = None
    memory: str | None = None

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
    """The group that the text of a ``/proc/<pid>/cgroup`` names."""
    places = {}
    for line in text.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        places.update(dict.fromkeys(controllers.split(","), (controllers, path)))
    if "cpu" in places or "memory" in places:
        (names, path), (_, memory) = places.get("cpu", ("", "")), places.get("memory", ("", ""))
        found = [f"{ROOT}/{each}{path}" for each in (names, *_CPU) if names and files.exists(f"{ROOT}/{each}{path}")]
        place = f"{ROOT}/memory{memory}"
        return Group(1, path or memory, found[0] if found else None, place if memory and files.exists(place) else None)
    if "" not in places or not files.exists(f"{ROOT}/cgroup.controllers"):
        return None
    place = f"{ROOT}{places[''][1]}".rstrip("/")
    counted = _text(files, f"{place}/cgroup.controllers").split()
    return Group(2, places[""][1], place if "cpu" in counted else None, place if "memory" in counted else None)


def below(group: Group, files: Files, path: str) -> Group:
    """Another group of the same machine: ``path`` from the root, as ``group`` has its own."""
    trimmed = f"/{path.strip('/')}"
    if group.version == 2:
        place = f"{ROOT}{trimmed}"
        there = place if files.exists(place) else None
        return Group(2, trimmed, there, there)
    cpu = next((f"{ROOT}/{each}{trimmed}" for each in _CPU if files.exists(f"{ROOT}/{each}{trimmed}")), None)
    memory = f"{ROOT}/memory{trimmed}"
    return Group(1, trimmed, cpu, memory if files.exists(memory) else None)


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
    if group.cpu is None and group.memory is None:
        return "no controller counts for the agent's service"
    return None


def processes(files: Files, group: Group) -> tuple[int, ...]:
    """The numbers of the processes in a group, those of its children not counted."""
    for place in (group.cpu, group.memory):
        text = _text(files, f"{place}/cgroup.procs") if place else ""
        if text:
            return tuple(int(line) for line in text.split() if line.isdecimal())
    return ()


def usage(files: Files, group: Group) -> Usage:
    """What a group has used so far; what cannot be read is None."""
    return _usage_of_two(files, group) if group.version == 2 else _usage_of_one(files, group)


def _usage_of_two(files: Files, group: Group) -> Usage:
    place = group.cpu or group.memory
    if place is None:
        return Usage()
    cpu, memory = _numbers(files, f"{place}/cpu.stat"), _numbers(files, f"{place}/memory.stat")
    used, throttled = cpu.get("usage_usec"), cpu.get("throttled_usec")
    return Usage(
        cpu=None if used is None else used / 1e6,
        throttled=None if throttled is None else throttled / 1e6,
        anonymous=memory.get("anon"),
        cache=memory.get("file"),
        swap=_number(files, f"{place}/memory.swap.current"),
        peak=_number(files, f"{place}/memory.peak"),
        reclaims=_numbers(files, f"{place}/memory.events").get("high"),
    )


def _usage_of_one(files: Files, group: Group) -> Usage:
    ticks = _numbers(files, f"{group.cpu}/cpuacct.stat") if group.cpu else {}
    throttled = (_numbers(files, f"{group.cpu}/cpu.stat") if group.cpu else {}).get("throttled_time")
    memory = _numbers(files, f"{group.memory}/memory.stat") if group.memory else {}
    return Usage(
        cpu=(ticks["user"] + ticks["system"]) / _TICKS if "user" in ticks and "system" in ticks else None,
        throttled=None if throttled is None else throttled / 1e9,
        anonymous=memory.get("rss"),
        cache=memory.get("cache"),
        swap=memory.get("swap"),
        peak=_number(files, f"{group.memory}/memory.max_usage_in_bytes") if group.memory else None,
    )


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
