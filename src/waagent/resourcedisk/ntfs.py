"""A look into an NTFS volume, to tell a fresh temporary disk from one that somebody has put data on (guest.md 4.2).

The kernel's driver lists the root directory, read-only, at a place of our own. Many kernels have none: the label has to do.
"""

from __future__ import annotations

from waagent.guest import block
from waagent.guest.media import lacks_filesystem
from waagent.model.disk import Volume
from waagent.model.failure import CommandFailure
from waagent.system.port import System

DRIVERS = ("ntfs3", "ntfs")
_QUIET = "ro,nosuid,nodev,noexec"


def is_fresh(volume: Volume) -> bool:
    """Whether this is an NTFS volume with which nothing is lost."""
    if volume.filesystem != "ntfs" or volume.unreadable:
        return False
    if volume.names is not None:
        return all(name.lower() in block.HARMLESS for name in volume.names)
    return volume.label.lower() in ("", block.FRESH_LABEL)


def look(system: System, device: str, place: str) -> tuple[tuple[str, ...] | None, str]:
    """The names in its root directory, None without a driver; and why a volume cannot be read although there is a driver."""
    system.files.make_directory(place, mode=0o700)
    try:
        for driver in DRIVERS:
            try:
                system.commands.run(("mount", "-t", driver, "-o", _QUIET, device, place), timeout=block.MOUNTING)
            except CommandFailure as failure:
                if failure.exit_code is not None and lacks_filesystem(failure.stderr):
                    continue
                return None, failure.stderr.strip() or failure.reason
            try:
                return system.files.names(place), ""
            finally:
                system.commands.run(("umount", place), timeout=60.0)
        return None, ""
    finally:
        system.files.remove(place)
