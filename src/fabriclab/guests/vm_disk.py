"""Disks of a virtual machine as files, and how one is looked at from outside: converted to a plain image, mounted read-only.

The files lie in the work file system of the fabric's namespaces, where the machine's QEMU sees them; they are gone with it.
Entries of two mounted states of one file system are the same where inode and change time are: nothing in a machine can set a
change time, so that only what was touched has to be read.
"""

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

from fabriclab.guests.control import ControlError
from fabriclab.guests.diff import ADDED, CHANGED, REMOVED, Change, look
from fabriclab.guests.namespace import FabricNamespace


def do(namespace: FabricNamespace, *command: str, timeout: float = 120.0) -> None:
    """Runs a program of this machine where the namespaces' file system and network are."""
    done = subprocess.run(
        ["nsenter", "--target", str(namespace.process), "--mount", "--net", "--", *command],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=timeout,
        check=False,
    )
    if done.returncode != 0:
        raise ControlError(f"{command[0]}: {done.stderr.strip()[-500:]}")


def overlay(namespace: FabricNamespace, path: str, below: str, kind: str) -> None:
    """A new file that takes what is written, over one that stays as it is."""
    do(namespace, "qemu-img", "create", "-q", "-f", "qcow2", "-b", below, "-F", kind, path)


class Mounted:
    """Disks that are looked at now, by name, below one directory of the work file system."""

    def __init__(self, namespace: FabricNamespace, name: str) -> None:
        self._namespace = namespace
        self._name = name
        self._there: set[str] = set()

    def place(self, name: str) -> Path:
        return self._namespace.work / self._name / name

    def has(self, name: str) -> bool:
        return name in self._there

    def mount(self, name: str, disk: str) -> Path:
        """`disk`: a qcow2 file that nobody writes to now."""
        self.unmount(name)
        place = f"{self._namespace.place}/{self._name}/{name}"
        self.place(name).mkdir(parents=True, exist_ok=True)
        do(self._namespace, "qemu-img", "convert", "-q", "-U", "-O", "raw", disk, f"{place}.raw")
        do(self._namespace, "mount", "-t", "ext4", "-o", "ro,loop,nosuid,nodev,noexec", f"{place}.raw", place)
        self._there.add(name)
        return self.place(name)

    def unmount(self, name: str) -> None:
        if name in self._there:
            do(self._namespace, "umount", f"{self._namespace.place}/{self._name}/{name}")
            self.place(f"{name}.raw").unlink()
            self._there.discard(name)


def compare(before: Path, after: Path) -> tuple[Change, ...]:
    """What differs between two states of one file system, sorted by path."""
    return tuple(sorted(_changes(before, after, ""), key=lambda change: change.path))


def _changes(before: Path, after: Path, inside: str) -> Iterator[Change]:
    old, new = _entries(before), _entries(after)
    for name in sorted({*old, *new}):
        path, was, now = f"{inside}/{name}", old.get(name), new.get(name)
        if was is not None and now is not None and _is_untouched(was, now):
            if stat.S_ISDIR(was.st_mode):
                yield from _changes(before / name, after / name, path)
            continue
        first, second = look(before / name), look(after / name)
        if first != second:
            yield Change(path, ADDED if first is None else REMOVED if second is None else CHANGED, first, second)
        if any(one is not None and stat.S_ISDIR(one.st_mode) for one in (was, now)):
            yield from _changes(before / name, after / name, path)


def _entries(directory: Path) -> dict[str, os.stat_result]:
    if directory.is_symlink() or not directory.is_dir():
        return {}
    with os.scandir(directory) as found:
        return {one.name: one.stat(follow_symlinks=False) for one in found}


def _is_untouched(was: os.stat_result, now: os.stat_result) -> bool:
    return (was.st_ino, was.st_ctime_ns, was.st_mode) == (now.st_ino, now.st_ctime_ns, now.st_mode)
