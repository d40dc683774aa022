"""Disks as values: partition tables, what lies on a device, and what is mounted or swapped to where (guest.md 4)."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Scheme(enum.Enum):
    MSDOS = "msdos"
    GPT = "gpt"


@dataclass(frozen=True)
class Partition:
    """``kind``: two hexadecimal digits of an MBR (``07``), the upper-case type GUID of a GPT. ``start``, ``size``: bytes."""

    number: int
    kind: str
    start: int
    size: int


@dataclass(frozen=True)
class Table:
    """The partition table of a disk, in the order of its entries."""

    scheme: Scheme
    partitions: tuple[Partition, ...] = ()


@dataclass(frozen=True)
class Volume:
    """What lies on a device. ``filesystem`` empty: nothing that we know by its looks; ``blank``: nothing but zeros."""

    filesystem: str = ""
    label: str = ""
    blank: bool = False
    names: tuple[str, ...] | None = None
    """Entries of the root directory, of NTFS only. None: they could not be listed, because no driver is there for it."""
    unreadable: str = ""
    """Why a volume of a kind that this kernel has a driver for cannot be read."""


@dataclass(frozen=True)
class Mount:
    """One line of the table of mounted file systems."""

    device: str
    mount_point: str
    filesystem: str = ""


@dataclass(frozen=True)
class Swap:
    """Space that is in use; ``size`` in bytes, without the first page of the file."""

    path: str
    size: int = 0
