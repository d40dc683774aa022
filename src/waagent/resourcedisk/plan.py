"""What is to become of the temporary disk: pure, from facts to a decision and its actions (guest.md 4.2).

::

    prepare   the mount point, and the record that formatting has begun
    table     one partition, of the right type; then its node is waited for (run.py)
    format    the file system
    mount     tried twice, with the table read again in between (trap 31); one of several ways
    finish    the warning for whoever finds the disk; the record goes

Only three things are ever formatted: what is blank, a fresh NTFS volume of the platform, and what we ourselves had begun to
format. Everything else is somebody's data, and is left alone with a word.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from waagent.codec.partition_table import MICROSOFT_RESERVED, has_extended
from waagent.codec.volume import EXT
from waagent.guest import block
from waagent.model.disk import Mount, Partition, Scheme, Table, Volume
from waagent.model.failure import SystemFailure
from waagent.resourcedisk import ntfs
from waagent.resourcedisk.observe import Facts, record
from waagent.system.action import MakeDirectory, Plan, Remove, Run, WriteFile

WARNING_FILE = "DATALOSS_WARNING_README.txt"
WARNING = b"""THIS IS A TEMPORARY DISK. WHATEVER IS STORED ON IT CAN BE LOST AT ANY TIME.

The platform hands over a new, empty disk when the virtual machine is moved, resized, redeployed, or stopped and started
again. Nothing on the old one can be recovered. Do not keep anything here that you cannot do without.

https://learn.microsoft.com/azure/virtual-machines/managed-disks-overview#temporary-disk
"""
SYSTEM_PLACES = ("/", "/boot", "/boot/efi", "/usr", "/var", "/etc", "/home", "/opt", "/srv", "/root")


class Verdict(enum.Enum):
    LEFT = "left"
    """Not touched, and nothing is wrong with that."""
    REFUSED = "refused"
    """Not touched, because it may hold somebody's data."""
    MOUNTED = "mounted"
    MOUNT = "mount"
    FORMAT = "format"


@dataclass(frozen=True)
class Decision:
    """``last_resort``: the plan to format what cannot be mounted, where that is ours; empty where it may not be."""

    verdict: Verdict
    why: str
    target: str = ""
    mount_point: str = ""
    prepare: Plan = ()
    table: Plan = ()
    format: Plan = ()
    mount: tuple[Run, ...] = ()
    reread: Plan = ()
    last_resort: Plan = ()
    finish: Plan = ()


@dataclass(frozen=True)
class Aim:
    """What the configuration wants of one disk. ``partitioned`` False: the disk is to have no table (a local NVMe disk)."""

    filesystem: str
    options: str | None
    mount_point: str
    record: str
    """Where it is written down that formatting has begun."""
    partitioned: bool = True


def decide(aim: Aim, facts: Facts) -> Decision:
    """What to do with one disk. Errors: ``SystemFailure`` before anything is changed."""
    ours = [mount for mount in facts.mounts if block.is_part_of(mount.device, facts.device)]
    if ours:
        return _mounted(ours, facts, aim)
    if facts.claim:
        return Decision(Verdict.LEFT, f"{facts.claim} in /etc/fstab is for it: whoever wrote that line has it")
    used = [*facts.holders, *(one.path for one in facts.swaps if block.is_part_of(one.path, facts.device))]
    if used:
        return Decision(Verdict.LEFT, f"it is in use by {', '.join(used)}")
    busy = [mount.device for mount in facts.mounts if mount.mount_point == aim.mount_point]
    if busy:
        raise SystemFailure(f"{aim.mount_point} is taken: {busy[-1]} is mounted there", hint="choose another mount point")
    if aim.filesystem == "ntfs":
        return _only_mount(aim, facts)
    return _partitioned(aim, facts) if aim.partitioned else _whole(aim, facts)


def warning(mount_point: str) -> Plan:
    path = f"{mount_point.rstrip('/')}/{WARNING_FILE}"
    return (WriteFile(path, WARNING, mode=0o644, optional=True, why="warn whoever finds the disk"),)


def _mounted(ours: list[Mount], facts: Facts, aim: Aim) -> Decision:
    places = [mount.mount_point for mount in ours]
    bad = [place for place in places if place in SYSTEM_PLACES]
    if bad:
        return Decision(Verdict.LEFT, f"it is mounted at {bad[0]}: it is no temporary disk to this system")
    place = aim.mount_point if aim.mount_point in places else places[0]
    claimed = f" ({facts.claim} in /etc/fstab is for it)" if facts.claim else ""
    why = f"it is mounted at {place} already{claimed}"
    finish = (*(() if facts.claim else warning(place)), *(_done(aim) if facts.begun else ()))
    return Decision(Verdict.MOUNTED, why, mount_point=place, finish=finish)


def _only_mount(aim: Aim, facts: Facts) -> Decision:
    found = [path for path, volume in facts.volumes if volume.filesystem == "ntfs"]
    if not found:
        return Decision(Verdict.REFUSED, "there is no NTFS volume on it, and with ntfs nothing is formatted")
    return _mount(aim, facts, found[-1])


def _partitioned(aim: Aim, facts: Facts) -> Decision:
    table, whole = facts.table, facts.volume(facts.device)
    if table is None:
        if whole.blank or facts.begun:
            return _new(aim, facts, block.scheme_for(facts.size))
        return _refused(f"there is {_named(whole)} on it, without any partition")
    partition = _relevant(table)
    if partition is None:
        if facts.begun or (not table.partitions and whole.blank):
            return _new(aim, facts, Scheme.GPT if table.scheme is Scheme.GPT else block.scheme_for(facts.size))
        return _refused(f"it has {len(table.partitions) or 'no'} partitions, and is not as the platform hands a disk over")
    path = block.partition_path(facts.device, partition.number)
    volume = facts.volume(path)
    type_fix = _type_fix(table, partition, facts)
    if _carries(volume, aim.filesystem):
        return _mount(aim, facts, path, type_fix)
    if not (facts.begun or volume.blank or ntfs.is_fresh(volume)):
        return _refused(f"there is {_named(volume)} on {path}")
    if len(table.partitions) > 1:
        return _new(aim, facts, table.scheme)
    return _format(aim, facts, path, type_fix)


def _whole(aim: Aim, facts: Facts) -> Decision:
    volume = facts.volume(facts.device)
    if facts.table is None and _carries(volume, aim.filesystem):
        return _mount(aim, facts, facts.device)
    if facts.begun or (facts.table is None and volume.blank):
        return _format(aim, facts, facts.device)
    return _refused("it has partitions" if facts.table is not None else f"there is {_named(volume)} on it")


def _relevant(table: Table) -> Partition | None:
    """The one partition that counts: the only one, or the one behind a reserved one of Microsoft's."""
    if has_extended(table):
        return None
    counted = [one for one in table.partitions if one.kind != MICROSOFT_RESERVED]
    reserved_first = len(table.partitions) == 2 and table.partitions[0].kind == MICROSOFT_RESERVED
    return counted[0] if len(counted) == 1 and (len(table.partitions) == 1 or reserved_first) else None


def _carries(volume: Volume, filesystem: str) -> bool:
    """Whether it holds the file system that is wanted; the younger drivers of ext take the older kinds."""
    if filesystem in EXT and volume.filesystem in EXT:
        return EXT.index(volume.filesystem) <= EXT.index(filesystem)
    return volume.filesystem == filesystem


def _type_fix(table: Table, partition: Partition, facts: Facts) -> Plan:
    if table.scheme is not Scheme.MSDOS or partition.kind == block.LINUX or "sfdisk" not in facts.tools:
        return ()
    return block.set_type(facts.device, partition.number, part_type=facts.part_type)


def _new(aim: Aim, facts: Facts, scheme: Scheme) -> Decision:
    if not {"parted", "sfdisk"} & facts.tools:
        raise SystemFailure("neither parted nor sfdisk is installed", hint="one of them makes the partition")
    return _format(aim, facts, block.partition_path(facts.device, 1), block.make_table(facts.device, scheme, facts.tools))


def _format(aim: Aim, facts: Facts, target: str, table: Plan = ()) -> Decision:
    _check_formatting(aim, facts)
    why = "know at the next start that this was begun here"
    begin = WriteFile(aim.record, record(facts.size), mode=0o600, why=why)
    return Decision(
        Verdict.FORMAT,
        f"{target} is formatted: {_reason(facts)}",
        target=target,
        mount_point=aim.mount_point,
        prepare=(*_place(aim), begin),
        table=table,
        format=block.make_filesystem(aim.filesystem, target),
        mount=_ways(aim, target),
        reread=_reread(facts, target),
        finish=_finish(aim),
    )


def _mount(aim: Aim, facts: Facts, target: str, table: Plan = ()) -> Decision:
    return Decision(
        Verdict.MOUNT,
        f"{target} has a file system, which is kept",
        target=target,
        mount_point=aim.mount_point,
        prepare=_place(aim),
        table=table,
        mount=_ways(aim, target),
        reread=_reread(facts, target),
        last_resort=block.make_filesystem(aim.filesystem, target) if facts.begun and aim.filesystem != "ntfs" else (),
        finish=_finish(aim),
    )


def _check_formatting(aim: Aim, facts: Facts) -> None:
    if f"mkfs.{aim.filesystem}" not in facts.tools:
        raise SystemFailure(
            f"mkfs.{aim.filesystem} is not installed",
            hint=f"ResourceDisk.Filesystem={aim.filesystem} cannot be made without it",
        )
    if facts.read_only:
        raise SystemFailure(f"{facts.device} is read-only")


def _place(aim: Aim) -> Plan:
    return (MakeDirectory(aim.mount_point, why="have a place for it"),)


def _ways(aim: Aim, target: str) -> tuple[Run, ...]:
    kinds = ("ntfs", "ntfs3") if aim.filesystem == "ntfs" else (aim.filesystem,)
    return tuple(block.mount(kind, target, aim.mount_point, aim.options) for kind in kinds)


def _reread(facts: Facts, target: str) -> Plan:
    return () if target == facts.device else block.reread(facts.device, facts.tools)


def _finish(aim: Aim) -> Plan:
    return (*warning(aim.mount_point), *_done(aim))


def _done(aim: Aim) -> Plan:
    return (Remove(aim.record, why="know that it is done"),)


def _refused(what: str) -> Decision:
    return Decision(Verdict.REFUSED, f"{what}: it may be somebody's data, and nothing is formatted")


def _named(volume: Volume) -> str:
    label = f' "{volume.label}"' if volume.label else ""
    if volume.filesystem == "ntfs" and volume.unreadable:
        return f"an NTFS volume{label} that cannot be read ({volume.unreadable})"
    if volume.filesystem == "ntfs" and volume.names:
        return f"an NTFS volume{label} with {len(volume.names)} entries"
    return f"{volume.filesystem}{label}" if volume.filesystem else "something that is no file system known here"


def _reason(facts: Facts) -> str:
    return "an agent had begun with it" if facts.begun else "it is as the platform hands it over"
