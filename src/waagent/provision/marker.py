"""The ``provisioned`` marker and the VM's id (guest.md 2.12).

The DMI id has its first three groups byte-swapped relative to the platform's, on generation 1. Agents stored swapped,
unswapped and empty ids over time, so both forms are compared (trap 44). An id that cannot be read changes nothing.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from waagent.config.paths import Paths
from waagent.guest.profile import Guest
from waagent.model.failure import CommandFailure
from waagent.system.action import Plan, WriteFile
from waagent.system.port import System

FIRMWARE = "/sys/firmware/efi"
_UUID = re.compile(r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}")


class Verdict(enum.Enum):
    ABSENT = "absent"
    """Never provisioned: do it."""
    SAME = "same"
    """Provisioned; nothing is reported now."""
    UNNAMED = "unnamed"
    """Provisioned by a very old agent: write the id, report Ready."""
    CHANGED = "changed"
    """A clone of an image that was not generalized: clean up, write the id, report Ready; nothing is provisioned."""


@dataclass(frozen=True)
class Marker:
    """``current`` is the id in the form to store, empty when it cannot be read."""

    verdict: Verdict
    stored: str | None
    current: str


def swapped(vm_id: str) -> str:
    """The id with the bytes of its first three groups reversed; text that is no UUID stays as it is."""
    if not _UUID.fullmatch(vm_id):
        return vm_id
    groups = vm_id.split("-")
    turned = ["".join(reversed(re.findall("..", group))) for group in groups[:3]]
    return "-".join([*turned, *groups[3:]])


def judge(stored: str | None, current: str) -> Verdict:
    """Compare the marker's text (None: no marker) with the current id."""
    if stored is None:
        return Verdict.ABSENT
    if not current:
        return Verdict.SAME
    if not stored:
        return Verdict.UNNAMED
    same = current.lower() in (stored.lower(), swapped(stored).lower())
    return Verdict.SAME if same else Verdict.CHANGED


def vm_id(system: System, guest: Guest) -> str:
    """The id in the form to store; empty when this machine does not tell it.

    compat: always swapped, also on generation 2, because markers of the reference agent are.
    """
    raw = _dmi_id(system, guest)
    return swapped(raw) if guest.vm_id_swapped else raw


def platform_id(system: System, guest: Guest) -> str:
    """The id as the platform itself writes it: generation 2, which boots by UEFI, tells it unswapped."""
    raw = _dmi_id(system, guest)
    return raw if not guest.vm_id_swapped or system.files.exists(FIRMWARE) else swapped(raw)


def _dmi_id(system: System, guest: Guest) -> str:
    raw = ""
    content = system.files.read_if_there(guest.vm_id_file) if guest.vm_id_file else None
    if content is not None:
        raw = content.decode("ascii", "replace").strip()
    elif system.commands.find(guest.vm_id_command[0]):
        try:
            said = system.commands.run(guest.vm_id_command, timeout=30.0).stdout.strip()
        except CommandFailure as failure:
            system.log.verbose(f"no VM id: {failure.reason}")
            said = ""
        raw = said if _UUID.fullmatch(said) else ""
    return raw


def check(system: System, guest: Guest, paths: Paths) -> Marker:
    """Read the marker and the id, and compare them."""
    content = system.files.read_if_there(paths.provisioned)
    stored = None if content is None else content.decode("utf-8", "replace").strip()
    current = vm_id(system, guest)
    return Marker(judge(stored, current), stored, current)


def write(paths: Paths, current: str) -> Plan:
    """The id, and nothing else: no newline."""
    return (WriteFile(paths.provisioned, current.encode(), mode=0o644, why="never provision this VM again"),)
