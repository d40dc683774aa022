"""The temporary disk of FreeBSD and OpenBSD (guest.md 4.4, 4.5): found by their tools, mounted, and formatted when it is new.

New is a disk whose partition is the platform's NTFS, or has nothing on it that fstyp or disklabel knows; these kernels have no
driver for NTFS, so that its label has to do. Where the mount fails although there is a file system, nothing is formatted.
"""

from __future__ import annotations

from dataclasses import dataclass

from waagent.config.paths import Paths
from waagent.config.sections import ResourceDisk
from waagent.guest import block, geom, swap
from waagent.model.disk import Mount
from waagent.model.failure import CommandFailure, SystemFailure
from waagent.resourcedisk import claims
from waagent.resourcedisk.observe import record, record_path
from waagent.resourcedisk.plan import Decision, Verdict, warning
from waagent.resourcedisk.run import carry_out, complain, told
from waagent.resourcedisk.search import Outcome
from waagent.system.action import MakeDirectory, Plan, Remove, WriteFile
from waagent.system.apply import apply
from waagent.system.port import System


@dataclass(frozen=True)
class BsdFacts:
    """``kind``: the type of the partition, as the tool calls it. ``content``, ``label``: what fstyp sees; None without it."""

    disk: str
    partition: str
    kind: str = ""
    content: str | None = None
    label: str = ""
    mounts: tuple[Mount, ...] = ()
    claim: str = ""
    begun: bool = False


@dataclass(frozen=True)
class BsdSwapFacts:
    """``unit``: the memory disk over our file, None without one."""

    size: int | None = None
    mode: int = 0o600
    unit: int | None = None
    free_unit: int = 99
    active: tuple[str, ...] = ()
    free: int = 0
    draft: bool = False


def activate(system: System, settings: ResourceDisk, paths: Paths, *, openbsd: bool) -> Outcome:
    """As on Linux: a complaint, not an error."""
    kinds = geom.FFS if openbsd else geom.UFS
    if settings.filesystem not in kinds:
        what = f"ResourceDisk.Filesystem={settings.filesystem}: only {' and '.join(kinds)} can be had on this system"
        return Outcome(complaint=complain(system, "the temporary disk", what))
    try:
        facts = observe_openbsd(system, paths) if openbsd else observe_freebsd(system, paths)
        if facts is None:
            system.log.info("this VM has no temporary disk")
            return Outcome()
        decision = decide(settings, paths, facts, openbsd=openbsd)
        carry_out(system, facts.disk, decision)
    except SystemFailure as failure:
        return Outcome(complaint=complain(system, "the temporary disk", told(failure)))
    refused = decision.verdict is Verdict.REFUSED
    complaint = complain(system, facts.disk, decision.why) if refused else ""
    return Outcome((decision.mount_point,) if decision.mount_point else (), complaint)


def decide(settings: ResourceDisk, paths: Paths, facts: BsdFacts, *, openbsd: bool) -> Decision:
    """Pure. Errors: ``SystemFailure`` when the mount point is taken."""
    device, place = f"/dev/{facts.partition}", settings.mount_point.rstrip("/")
    mounted = [mount.mount_point for mount in facts.mounts if mount.device == device]
    if mounted:
        why = f"it is mounted at {mounted[0]} already"
        return Decision(Verdict.MOUNTED, why, mount_point=mounted[0], finish=warning(mounted[0]))
    if facts.claim:
        return Decision(Verdict.LEFT, f"{facts.claim} in /etc/fstab is for it: whoever wrote that line has it")
    busy = [mount.device for mount in facts.mounts if mount.mount_point == place]
    if busy:
        raise SystemFailure(f"{place} is taken: {busy[-1]} is mounted there", hint="choose another mount point")
    new = is_new(facts)
    if not new and not _has_ufs(facts):
        label = f' "{facts.label}"' if facts.label else ""
        what = f"there is {facts.content or facts.kind}{label} on {facts.partition}"
        return Decision(Verdict.REFUSED, f"{what}: it may be somebody's data, and nothing is formatted")
    make = geom.make_ffs(facts.disk, place, settings.swap_size_mb if settings.enable_swap else 0)
    begun: Plan = (WriteFile(record_path(paths), record(0), mode=0o600, why="know at the next start that this was begun here"),)
    return Decision(
        Verdict.FORMAT if new else Verdict.MOUNT,
        f"{facts.partition} is formatted if it cannot be mounted" if new else f"{facts.partition} has a file system",
        target=device,
        mount_point=place,
        prepare=(MakeDirectory(place, why="have a place for it"),),
        mount=(geom.mount_ffs(device, place) if openbsd else geom.mount_ufs(device, place),),
        last_resort=(*begun, *(make if openbsd else geom.make_ufs(device))) if new else (),
        finish=(*warning(place), Remove(record_path(paths), why="know that it is done")),
    )


def is_new(facts: BsdFacts) -> bool:
    """Whether nothing is lost when it is formatted."""
    if facts.begun:
        return True
    if facts.content is None:
        return facts.kind in ("", "ntfs", "ms-basic-data", "NTFS", "unused")
    fresh = facts.content == "ntfs" and facts.label.lower() in ("", block.FRESH_LABEL)
    return fresh or (facts.content == "" and facts.kind in ("", "ntfs", "ms-basic-data", "fat32", "!7"))


def _has_ufs(facts: BsdFacts) -> bool:
    if facts.content is not None:
        return facts.content == "ufs"
    return facts.kind in ("freebsd", "freebsd-ufs", "4.2BSD")


def observe_freebsd(system: System, paths: Paths) -> BsdFacts | None:
    """None where there is no disk. Errors: ``SystemFailure`` when it has no partition that counts."""
    schemes = geom.schemes(_said(system, "gpart", "list"))
    disk = _freebsd_disk(system)
    if disk not in schemes:
        candidates = (name for place in geom.PERIPHERALS for name in _peripherals(system, place))
        disk = next((name for name in candidates if name in schemes), "")
    if not disk:
        return None
    partition = geom.partition(disk, schemes[disk])
    types = geom.partition_types(_said(system, "gpart", "show", "-p", disk))
    if not partition or partition not in types:
        raise SystemFailure(f"{disk} ({schemes[disk]}) has no partition as the platform hands a disk over")
    content, label = _fstyp(system, f"/dev/{partition}")
    mounts, claim = _mounts_and_claim(system, disk)
    return BsdFacts(disk, partition, types[partition], content, label, mounts, claim, _is_begun(system, paths))


def observe_openbsd(system: System, paths: Paths) -> BsdFacts | None:
    disk = geom.OPENBSD_DISK
    if not geom.has_disk(_said(system, "sysctl", "-n", "hw.disknames"), disk):
        return None
    types = geom.label_types(_said(system, "disklabel", disk))
    real = {letter: kind for letter, kind in types.items() if letter != "c" and kind != "unused"}
    kind = real.get("a") or next((kind for kind in real.values()), "unused")
    mounts, claim = _mounts_and_claim(system, disk)
    return BsdFacts(disk, f"{disk}a", kind, None, "", mounts, claim, _is_begun(system, paths))


def _freebsd_disk(system: System) -> str:
    number = geom.storvsc_number(_said(system, "sysctl", "dev.storvsc"))
    on = geom.bus(_said(system, "camcontrol", "devlist", "-b"), number) if number else ""
    return geom.disk_on(_said(system, "camcontrol", "devlist"), on) if on else ""


def _peripherals(system: System, place: str) -> tuple[str, ...]:
    return geom.peripherals(_said(system, "camcontrol", "periphlist", place))


def _fstyp(system: System, device: str) -> tuple[str | None, str]:
    """The kind and the label; status 1 says that nothing was recognized."""
    if not system.commands.find("fstyp"):
        return None, ""
    said = system.commands.run(("fstyp", "-l", device), ok=None, timeout=60.0)
    kind, _, label = said.stdout.strip().partition(" ")
    return ("", "") if said.exit_code == 1 else (kind, label.strip()) if kind else (None, "")


def _mounts_and_claim(system: System, disk: str) -> tuple[tuple[Mount, ...], str]:
    """``mount -p`` prints in the form of /etc/fstab; on OpenBSD, which has no such flag, ``mount`` does not."""
    text = _said(system, "mount", "-p") or _in_columns(_said(system, "mount"))
    fstab = (system.files.read_if_there(claims.FSTAB) or b"").decode("utf-8", "surrogateescape")
    rows = [line.split()[0] for line in fstab.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return block.mounts(text), next((word for word in rows if word.startswith(f"/dev/{disk}")), "")


def _in_columns(text: str) -> str:
    """``/dev/wd0a on / type ffs (local)`` in the order of /etc/fstab."""
    rows = (line.split() for line in text.splitlines())
    return "\n".join(f"{row[0]} {row[2]} {row[4]} rw" for row in rows if len(row) >= 5 and row[1] == "on" and row[3] == "type")


def _is_begun(system: System, paths: Paths) -> bool:
    return system.files.exists(record_path(paths))


def _said(system: System, *argv: str) -> str:
    """What a command prints; nothing when it is missing or fails."""
    if not system.commands.find(argv[0]):
        return ""
    try:
        return system.commands.run(argv, timeout=60.0).stdout
    except CommandFailure:
        return ""


# swap


def enable_swap(system: System, settings: ResourceDisk, outcome: Outcome, *, openbsd: bool) -> None:
    """Errors: ``SystemFailure``."""
    if not outcome.mount_points:
        raise SystemFailure("there is no temporary disk for the swap space")
    place = outcome.mount_points[0]
    active = swap.bsd_devices(_said(system, "swapctl", "-l"))
    if openbsd:
        apply(system, openbsd_swap(settings, active))
    else:
        apply(system, freebsd_swap(settings, place, observe_freebsd_swap(system, place, active)))


def openbsd_swap(settings: ResourceDisk, active: tuple[str, ...]) -> Plan:
    """A partition of the disk, no file."""
    device = f"/dev/{geom.OPENBSD_DISK}b"
    if settings.swap_size_mb <= 0:
        raise SystemFailure("ResourceDisk.EnableSwap=y needs ResourceDisk.SwapSizeMB above 0")
    return () if device in active else swap.openbsd_turn_on(device)


def observe_freebsd_swap(system: System, place: str, active: tuple[str, ...]) -> BsdSwapFacts:
    text = _said(system, "mdconfig", "-lv")
    file = swap.path(place)
    facts = system.files.facts(file)
    unit = next((int(name[2:]) for name, of in swap.memory_disks(text).items() if of == file), None)
    return BsdSwapFacts(
        size=None if facts is None else facts.size,
        mode=0o600 if facts is None else facts.mode,
        unit=unit,
        free_unit=swap.free_unit(text),
        active=active,
        free=system.files.space(place),
        draft=system.files.facts(swap.draft_path(place)) is not None,
    )


def freebsd_swap(settings: ResourceDisk, place: str, facts: BsdSwapFacts) -> Plan:
    """Pure. Errors: ``SystemFailure`` before anything is changed."""
    size, file = settings.swap_size_mb * swap.MEBIBYTE, swap.path(place)
    if size <= 0:
        raise SystemFailure("ResourceDisk.EnableSwap=y needs ResourceDisk.SwapSizeMB above 0")
    suffix = ".eli" if settings.enable_swap_encryption else ""
    unit = facts.free_unit if facts.unit is None else facts.unit
    device = f"/dev/md{unit}{suffix}"
    attached, active = facts.unit is not None, [one for one in facts.active if one in (f"/dev/md{unit}", f"/dev/md{unit}.eli")]
    if facts.size == size and attached and device in facts.active:
        return swap.close_to_others(file) if facts.mode & 0o077 else ()
    if facts.size != size and facts.free + (facts.size or 0) < size + swap.RESERVE:
        free = facts.free // swap.MEBIBYTE
        raise SystemFailure(f"there is no room for {settings.swap_size_mb} MB of swap space on {place}: {free} MB are free")
    away: Plan = tuple(action for one in active for action in swap.turn_off(one)) if attached else ()
    if attached and facts.size != size:
        away = (*away, *swap.bsd_detach(unit))
        attached = False
    made: Plan = swap.close_to_others(file) if facts.mode & 0o077 else ()
    if facts.size != size:
        gone: Plan = (Remove(file, why="have it in its new size"),) if facts.size is not None else ()
        made = (*gone, *swap.bsd_make(place, size))
    return (
        *(swap.give_up(place) if facts.draft else ()),
        *away,
        *made,
        *(() if attached else swap.bsd_attach(file, unit)),
        *(swap.bsd_encrypt(unit) if settings.enable_swap_encryption else ()),
        *swap.turn_on(device),
    )
