"""Everything the plan needs to know about one disk, read from the kernel and from the disk itself (guest.md 4.2).

The table and the volumes are read here, in Python: what the tools print differs from version to version, and some of them have
the kernel read the table again, which takes the partitions away for a moment (trap 31).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from waagent.codec import partition_table, volume
from waagent.config.paths import Paths
from waagent.config.sections import ResourceDisk
from waagent.guest import block, swap
from waagent.model.disk import Mount, Swap, Table, Volume
from waagent.model.failure import CommandFailure, SystemFailure
from waagent.resourcedisk import claims, ntfs
from waagent.system.port import Files, Kind, System

EDGE = 1 << 20
SAMPLES = 64
SAMPLE = 4096
TABLE_AREA = 64 * 1024
"""Bytes at both ends of a disk that hold tables and nothing else."""


@dataclass(frozen=True)
class Facts:
    """``device`` is the whole disk. ``volumes``: what lies on it and on each of its partitions, by path."""

    device: str
    size: int = 0
    read_only: bool = False
    table: Table | None = None
    volumes: tuple[tuple[str, Volume], ...] = ()
    mounts: tuple[Mount, ...] = ()
    swaps: tuple[Swap, ...] = ()
    holders: tuple[str, ...] = ()
    """What the kernel has built on the disk or a partition: encryption, RAID, LVM."""
    claim: str = ""
    begun: bool = False
    """Formatting it was begun by us and cut off: nothing on it is anybody's."""
    tools: frozenset[str] = frozenset()
    part_type: bool = True

    def volume(self, path: str) -> Volume:
        return dict(self.volumes).get(path, Volume())


@dataclass(frozen=True)
class SwapFacts:
    """``size`` of the file, None where there is none; ``plain`` False: the name belongs to something else than a file."""

    size: int | None = None
    mode: int = 0o600
    plain: bool = True
    whole: bool = False
    """It carries mkswap's signature."""
    draft: bool = False
    filesystem: str = ""
    free: int = 0
    active: tuple[Swap, ...] = ()


def record_path(paths: Paths, serial: str = "") -> str:
    """Says that a disk is being formatted; written before anything is changed on it, removed when it is mounted.

    There is one SCSI disk, whatever the kernel calls it on the next boot; local NVMe disks have serial numbers.
    """
    return f"{paths.lib}/resource_disk_unfinished{f'.{serial}' if serial else ''}"


def record(size: int) -> bytes:
    return f"{size} bytes\n".encode()


def look_place(paths: Paths) -> str:
    return f"{paths.lib}/resource_disk_look"


def observe(system: System, settings: ResourceDisk, paths: Paths, name: str, unfinished: str) -> Facts:
    """Read one disk; nothing is changed on it. ``unfinished``: its record. Errors: ``SystemFailure`` when it cannot be read."""
    files = system.files
    device = f"/dev/{name}"
    place = f"/sys/block/{name}"
    _leave_look(system, paths)
    size = _number(files, f"{place}/size") * 512
    mounts = block.mounts(_text(files, "/proc/mounts"))
    mounted = any(block.is_part_of(mount.device, device) for mount in mounts)
    table, volumes = (None, ()) if mounted else _content(system, device, place, size, settings.filesystem, paths)
    return Facts(
        device=device,
        size=size,
        read_only=_text(files, f"{place}/ro") == "1",
        table=table,
        volumes=volumes,
        mounts=mounts,
        swaps=swap.swaps(_text(files, "/proc/swaps")),
        holders=_holders(files, place),
        claim=claims.claim(_text(files, claims.FSTAB), device, volumes),
        begun=files.read_if_there(unfinished, 4096) == record(size),
        tools=frozenset(tool for tool in (*block.TOOLS, f"mkfs.{settings.filesystem}") if system.commands.find(tool)),
        part_type=_has_part_type(system),
    )


def observe_swap(system: System, mount_point: str) -> SwapFacts:
    """What there is of a swap file on a mounted disk."""
    files = system.files
    path = swap.path(mount_point)
    found = files.facts(path)
    mounts = [mount for mount in block.mounts(_text(files, "/proc/mounts")) if mount.mount_point == mount_point]
    plain = found is None or found.kind is Kind.FILE
    return SwapFacts(
        size=None if found is None else found.size,
        mode=0o600 if found is None else found.mode,
        plain=plain,
        whole=found is not None and plain and _head_volume(files, path).filesystem == "swap",
        draft=files.facts(swap.draft_path(mount_point)) is not None,
        filesystem=mounts[-1].filesystem if mounts else "",
        free=files.space(mount_point),
        active=swap.swaps(_text(files, "/proc/swaps")),
    )


def _leave_look(system: System, paths: Paths) -> None:
    """An agent that was killed while it looked into a volume left it mounted."""
    place = look_place(paths)
    if any(mount.mount_point == place for mount in block.mounts(_text(system.files, "/proc/mounts"))):
        system.commands.run(("umount", place), timeout=60.0)
    if system.files.exists(place):
        system.files.remove(place)


def _content(
    system: System, device: str, place: str, size: int, filesystem: str, paths: Paths
) -> tuple[Table | None, tuple[tuple[str, Volume], ...]]:
    head = _read(system.files, device, 0, partition_table.HEAD)
    table = partition_table.parse(head, _number(system.files, f"{place}/queue/logical_block_size") or 512)
    if table is None:
        whole = volume.identify(head)
        blank = not whole.filesystem and _is_blank(system.files, device, 0, size)
        return None, ((device, Volume(whole.filesystem, whole.label, blank)),)
    found = [(device, Volume(blank=not table.partitions and _is_blank(system.files, device, TABLE_AREA, size - TABLE_AREA)))]
    for partition in table.partitions[:16]:
        path = block.partition_path(device, partition.number)
        found.append((path, _volume(system, device, path, partition.start, partition.size, filesystem, paths)))
    return table, tuple(found)


def _volume(system: System, device: str, path: str, start: int, size: int, filesystem: str, paths: Paths) -> Volume:
    """What lies on a partition, read through the whole disk: its own node may not be there yet."""
    files = system.files
    head = _read(files, device, start, min(volume.HEAD, size))
    found = volume.identify(head)
    if found.filesystem == "ntfs" and filesystem != "ntfs":
        names, unreadable = (None, "") if not files.exists(path) else ntfs.look(system, path, look_place(paths))
        at = volume.ntfs_volume_record(head)
        label = volume.ntfs_label(_read(files, device, start + at[0], at[1])) if at and at[0] < size else ""
        return Volume("ntfs", label, names=names, unreadable=unreadable)
    blank = not found.filesystem and _is_blank(files, device, start, start + size)
    return Volume(found.filesystem, found.label, blank)


def _head_volume(files: Files, path: str) -> Volume:
    return volume.identify(_read(files, path, 0, volume.HEAD))


def _is_blank(files: Files, device: str, start: int, end: int) -> bool:
    """Nothing but zeros at both ends and in samples between them: what any file system leaves would be seen."""
    if end <= start:
        return False
    edges = ((start, min(EDGE, end - start)), (max(start, end - EDGE), min(EDGE, end - start)))
    step = max((end - start) // SAMPLES // SAMPLE * SAMPLE, SAMPLE)
    places = [(at, min(SAMPLE, end - at)) for at in range(start, end, step)]
    return all(not any(_read(files, device, at, length)) for at, length in (*edges, *places))


def _read(files: Files, path: str, start: int, length: int) -> bytes:
    try:
        with files.open(path) as stream:
            stream.seek(start)
            return stream.read(length)
    except OSError as error:  # of the open device: the port explains only what it opens
        raise SystemFailure(f"cannot read {path}: {error.strerror or error}", facts={"path": path}) from error


def _holders(files: Files, place: str) -> tuple[str, ...]:
    found = [*files.glob(f"{place}/holders/*"), *files.glob(f"{place}/*/holders/*")]
    return tuple(sorted({path.rpartition("/")[2] for path in found}))


def _has_part_type(system: System) -> bool:
    if not system.commands.find("sfdisk"):
        return True
    try:
        said = system.commands.run(("sfdisk", "--help"), ok=None, timeout=20.0)
    except CommandFailure:
        return True
    return block.has_fast_types(said.stdout + said.stderr)


def _text(files: Files, path: str) -> str:
    return (files.read_if_there(path, 4 * 1024 * 1024) or b"").decode("utf-8", "surrogateescape").strip()


def _number(files: Files, path: str) -> int:
    """A number of the kernel's; 0 where there is none."""
    text = _text(files, path)
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else 0
