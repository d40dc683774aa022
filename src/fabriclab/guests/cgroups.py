"""Control groups of a guest that has a service manager: one below this process's own in each hierarchy, and gone with the lab.

Guests recipe, part B. Version 1 controllers are each mounted alone and can be written in the guest, which sees its group as the
root of a namespace of its own. Odd: a new cpuset group has neither processors nor memory until it is told which; a group of
version 2 is made at the top, because one that holds processes (ours does) hands no controller on. Standard library only.
"""

import os
import time
from dataclasses import dataclass

from fabriclab.guests import kernel

ALL = "/sys/fs/cgroup"
PATIENCE = 2.0
"""Seconds until the groups of processes that have just died can be removed."""


@dataclass(frozen=True)
class Hierarchy:
    """`controllers` as /proc/self/cgroup names them, empty for version 2. `place`: the directory in which groups are made."""

    controllers: str
    place: str


def hierarchies() -> tuple[Hierarchy, ...]:
    """Those that are mounted here; none where this process may not make groups in every one."""
    with open("/proc/self/cgroup") as file:
        own = dict(line.rstrip("\n").split(":", 2)[1:] for line in file)
    with open("/proc/self/mountinfo") as file:
        mounted = [line.split() for line in file]
    found = []
    for fields in mounted:
        end = fields.index("-")
        kind, options = fields[end + 1], fields[end + 3].split(",")
        if kind == "cgroup2" and "" in own:
            found.append(Hierarchy("", fields[4]))
        elif kind == "cgroup":
            controllers = next((name for name in own if name and set(name.split(",")) <= set(options)), None)
            if controllers is not None:
                inside = os.path.relpath(own[controllers], fields[3])
                found.append(Hierarchy(controllers, os.path.normpath(os.path.join(fields[4], inside))))
    return tuple(found) if all(os.access(one.place, os.W_OK) for one in found) else ()


def make(among: tuple[Hierarchy, ...], name: str) -> None:
    remove(among, name)
    for one in among:
        group = f"{one.place}/{name}"
        os.mkdir(group, 0o755)
        if "cpuset" in one.controllers.split(","):
            for setting in ("cpuset.cpus", "cpuset.mems"):
                _write(f"{group}/{setting}", _read(f"{one.place}/{setting}"))
            _write(f"{group}/cgroup.clone_children", "1")


def join(among: tuple[Hierarchy, ...], name: str) -> None:
    """Moves this process, and so what it starts from now on."""
    for one in among:
        _write(f"{one.place}/{name}/cgroup.procs", "0")


def leaving(among: tuple[Hierarchy, ...]) -> list[int]:
    """Descriptors by which a process comes back out of a group, also when it no longer sees the directories."""
    return [os.open(f"{one.place}/cgroup.procs", os.O_WRONLY | os.O_CLOEXEC) for one in among]


def leave(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.write(descriptor, b"0")
        os.close(descriptor)


def join_as_init() -> None:
    """In the guest: this process is where the service manager is, as far as that has a group of its own."""
    tops = [ALL] if os.path.exists(f"{ALL}/cgroup.procs") else [f"{ALL}/{name}" for name in os.listdir(ALL)]
    for top in tops:
        places = (f"{top}/init.scope/cgroup.procs", f"{top}/cgroup.procs")
        for place in [place for place in places if os.path.exists(place)][:1]:
            _write(place, "0")


def remove(among: tuple[Hierarchy, ...], name: str) -> None:
    """The groups with all below them. Their processes have ended; the kernel may need a moment to notice."""
    end = time.monotonic() + PATIENCE
    while left := [one for one in among if os.path.isdir(f"{one.place}/{name}")]:
        for one in left:
            for directory, _, _ in os.walk(f"{one.place}/{name}", topdown=False):
                try:
                    os.rmdir(directory)
                except OSError:
                    break
        if time.monotonic() > end:
            return
        if any(os.path.isdir(f"{one.place}/{name}") for one in left):
            time.sleep(0.01)


def mount(root: str, among: tuple[Hierarchy, ...], *, unified: bool = False) -> None:
    """In the guest, whose namespace has its group as root: each hierarchy below /sys/fs/cgroup, or version 2 alone there.

    `unified`: version 2 alone whatever there is, for a service manager that knows no other.
    """
    quiet = kernel.NO_SUID | kernel.NO_DEVICES | kernel.NO_EXEC
    at = f"{root}{ALL}"
    if unified or all(not one.controllers for one in among):
        kernel.mount("cgroup2", at, "cgroup2", quiet)
        return
    kernel.mount("tmpfs", at, "tmpfs", quiet, "mode=0755")
    for one in among:
        place = f"{at}/{one.controllers.removeprefix('name=') or 'unified'}"
        os.mkdir(place, 0o755)
        if one.controllers:
            named = "none," if one.controllers.startswith("name=") else ""
            kernel.mount("cgroup", place, "cgroup", quiet, f"{named}{one.controllers}")
        else:
            kernel.mount("cgroup2", place, "cgroup2", quiet)


def _read(path: str) -> str:
    with open(path) as file:
        return file.read().strip()


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
