"""The temporary disk on Linux, brought to its place at each start: a conversation with mount and /dev (guest.md 4).

What is decided is decided in plan.py; here are the two answers that have to be waited for: whether the partition's node is
there, and whether the mount succeeds.
"""

from __future__ import annotations

from contextlib import closing

from waagent.config.paths import Paths
from waagent.config.sections import ResourceDisk
from waagent.guest import block
from waagent.model.failure import CommandFailure, SystemFailure
from waagent.resourcedisk import claims, swapfile
from waagent.resourcedisk.observe import observe, observe_swap, record_path
from waagent.resourcedisk.plan import Aim, Decision, Verdict, decide
from waagent.resourcedisk.search import Disks, Outcome
from waagent.system.action import Run
from waagent.system.apply import apply
from waagent.system.port import System

FORMATTER_GLANCE = 0.5
CHANGERS = ("mkfs", "mke2fs", "newfs", "parted", "sfdisk")


def activate(system: System, settings: ResourceDisk, paths: Paths, disks: Disks) -> Outcome:
    """Format if that loses nothing, and mount. What goes wrong with a disk is a complaint, not an error."""
    claims.wait_for_cloud_init(system)
    complaints: list[str] = []
    places: list[str] = []
    if disks.doubt:
        complaints.append(complain(system, "the temporary disk", f"left alone: {disks.doubt}"))
    for name, aim in _aims(settings, paths, disks):
        try:
            decision = _activate(system, settings, paths, name, aim)
        except SystemFailure as failure:
            complaints.append(complain(system, name, told(failure)))
        else:
            places += [_place(system, decision)] if decision.mount_point else []
            complaints += [complain(system, name, decision.why)] if decision.verdict is Verdict.REFUSED else []
    return Outcome(tuple(places), "; ".join(complaints))


def _aims(settings: ResourceDisk, paths: Paths, disks: Disks) -> list[tuple[str, Aim]]:
    """Each disk and what is wanted of it: the first gets the configured place, the others the same with a number behind it."""
    base = settings.mount_point.rstrip("/")
    found: list[tuple[str, Aim]] = []
    for name, serial in [*([(disks.scsi, "")] if disks.scsi else []), *((one.name, one.serial) for one in disks.local)]:
        place = f"{base}-{len(found) + 1}" if found else base
        options = settings.mount_options
        found.append((name, Aim(settings.filesystem, options, place, record_path(paths, serial), partitioned=not serial)))
    return found


def _place(system: System, decision: Decision) -> str:
    """Where the kernel says that it is: the configured place may be a link."""
    text = (system.files.read_if_there("/proc/mounts") or b"").decode("utf-8", "surrogateescape")
    found = [mount.mount_point for mount in block.mounts(text) if mount.device == decision.target]
    return found[-1] if found else decision.mount_point


def _activate(system: System, settings: ResourceDisk, paths: Paths, name: str, aim: Aim) -> Decision:
    if system.files.exists(aim.record):
        _await_formatter(system, f"/dev/{name}")
    decision = decide(aim, observe(system, settings, paths, name, aim.record))
    carry_out(system, name, decision)
    return decision


def carry_out(system: System, name: str, decision: Decision) -> None:
    """Do what was decided. Errors: ``SystemFailure``."""
    if decision.verdict is not Verdict.REFUSED:
        say = system.log.warning if decision.verdict is Verdict.LEFT else system.log.info
        say(f"the temporary disk {name}: {decision.why}")
    apply(system, decision.prepare)
    apply(system, decision.table)
    if decision.target:
        _await_node(system, decision)
        apply(system, decision.format)
        _mount(system, decision)
    apply(system, decision.finish)
    if decision.target:
        system.log.info(f"the temporary disk {decision.target} is mounted at {decision.mount_point}")


def _mount(system: System, decision: Decision) -> None:
    """Twice at most, with the table read in between, and once more after formatting what is ours (steps 7 to 9)."""
    failure = _try(system, decision.mount)
    if failure is not None:
        system.log.warning(f"{decision.target} cannot be mounted yet: {told(failure)}")
        apply(system, decision.reread)
        _await_node(system, decision)
        failure = _try(system, decision.mount)
    if failure is not None and decision.last_resort:
        apply(system, decision.last_resort)
        failure = _try(system, decision.mount)
    if failure is not None:
        kept = "" if decision.verdict is Verdict.FORMAT else "; it has a file system, so that it is not formatted"
        raise SystemFailure(f"{decision.target} cannot be mounted: {told(failure)}{kept}", causes=[failure])


def _try(system: System, ways: tuple[Run, ...]) -> CommandFailure | None:
    last: CommandFailure | None = None
    for way in ways:
        try:
            apply(system, (way,))
            return None
        except CommandFailure as failure:
            if failure.exit_code is not None and block.is_mounted_already(failure.stderr):
                system.log.warning(f"mount: {failure.stderr.strip()}")
                return None
            last = failure
    return last


def _await_node(system: System, decision: Decision) -> None:
    """Until the kernel or udev has made the node, and it leads to a device. Errors: ``SystemFailure`` when it does not in time.

    Tools that change a table have the kernel read it, which takes nodes away and brings them back (trap 31). Where that came
    to nothing the kernel is asked once more.
    """
    path, clock = decision.target, system.clock
    begun = clock.monotonic()
    again = decision.reread
    with closing(system.files.watch(("/dev",), writes=False)) as watch:
        while not _is_there(system, path):
            waited = clock.monotonic() - begun
            if again and waited >= block.NODE_PATIENCE / 5:
                apply(system, again)
                again = ()
                continue
            left = (block.NODE_PATIENCE / 5 if again else block.NODE_PATIENCE) - waited
            if left <= 0 or not watch.wait(left):
                raise SystemFailure(f"{path} has not appeared within {block.NODE_PATIENCE:g} s")


def _is_there(system: System, path: str) -> bool:
    """A node may outlive its device for a moment."""
    if not system.files.exists(path):
        return False
    try:
        system.files.open(path).close()
    except SystemFailure:
        return False
    return True


def _await_formatter(system: System, device: str) -> None:
    """An agent that was killed while it formatted left mkfs behind. It is not our child, so that nothing tells its end."""
    end = system.clock.monotonic() + block.FORMATTING
    while system.clock.monotonic() < end and _is_formatting(system, device):
        if not system.clock.pause(FORMATTER_GLANCE):
            raise SystemFailure(f"stopped while {device} is being formatted")


def _is_formatting(system: System, device: str) -> bool:
    for path in system.files.glob("/proc/[0-9]*/cmdline"):
        try:
            words = (system.files.read_if_there(path, 65536) or b"").decode("utf-8", "replace").split("\0")
        except SystemFailure:
            continue  # it has ended meanwhile
        programs = [word.rpartition("/")[2] for word in words[:2]]  # a script stands behind its shell
        if any(name.startswith(CHANGERS) for name in programs) and any(block.is_part_of(word, device) for word in words):
            return True
    return False


def enable_swap(system: System, settings: ResourceDisk, outcome: Outcome) -> None:
    """The swap file on the first of the mounted disks. Errors: ``SystemFailure``."""
    if not outcome.mount_points:
        raise SystemFailure("there is no temporary disk for the swap file")
    place = outcome.mount_points[0]
    apply(system, swapfile.plan(place, settings.swap_size_mb, observe_swap(system, place)))


def complain(system: System, name: str, what: str) -> str:
    text = f"{name}: {what}"
    system.log.warning(f"temporary disk: {text}")
    return text


def told(failure: SystemFailure) -> str:
    said = failure.facts.get("stderr", "").strip()
    return f"{failure.reason} ({said[-300:]})" if said else failure.reason
