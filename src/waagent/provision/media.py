"""Reading the provisioning medium: a conversation with drives, ``mount`` and time (guest.md 1.1 to 1.3).

The virtual DVD is there on the first boot only and may appear some seconds late. Every drive is a candidate; the first
that mounts *and* holds the document wins. A drive that something else mounted is read where it is.
"""

from __future__ import annotations

import importlib
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from waagent.config.sections import Config
from waagent.guest import media as drives
from waagent.guest.profile import Guest
from waagent.model.failure import CommandFailure, Failure, ProvisionFailure, SystemFailure
from waagent.system.port import System, Watch

DOCUMENT = "ovf-env.xml"
PATIENCE = 25.0
"""Seconds in all for a medium that appears late."""
PERIOD = 5.0
"""Seconds between two attempts at a drive that is there; a drive that comes or goes is looked at in the same moment."""
LIMIT = 1024 * 1024
SCVMM_FILE = "linuxosconfiguration.xml"


@dataclass(frozen=True)
class Medium:
    """What was read, and from which device; the device is None where the document came from somewhere else."""

    ovf: bytes
    device: str | None = None


def read(system: System, guest: Guest, config: Config) -> Medium:
    """The provisioning document's bytes; nothing stays mounted that was not mounted before.

    Errors: ``ProvisionFailure`` naming the device patterns, what /dev held and what every drive answered.
    """
    deadline = system.clock.monotonic() + PATIENCE
    first = True
    with closing(system.files.watch(("/dev",), writes=False)) as watch:
        while True:
            found = devices(system, guest)
            medium, causes = _try(system, guest, config, found)
            if medium is not None:
                return medium
            if first:
                _load(system, guest.media_modules if found else ("ata_piix", *guest.media_modules))
                system.log.info(f"waiting for the provisioning medium ({_tried(causes)})")
            first = False
            if system.clock.monotonic() >= deadline or not _wait(system, guest, watch, found, deadline):
                return _last_resort(system, guest, causes)


def _try(system: System, guest: Guest, config: Config, found: tuple[str, ...]) -> tuple[Medium | None, dict[str, Failure]]:
    """The document of the first drive that holds it, or what every drive answered."""
    causes: dict[str, Failure] = {}
    for device in found:
        try:
            return Medium(_read_device(system, guest, config.dvd.mount_point, device), device), causes
        except Failure as failure:
            causes[device] = failure
            system.log.verbose(f"{device}: {failure.reason}")
    return None, causes


def _tried(causes: dict[str, Failure]) -> str:
    return "; ".join(f"{device}: {failure.reason}" for device, failure in causes.items()) or "there is no drive"


def devices(system: System, guest: Guest) -> tuple[str, ...]:
    return drives.candidates(system.files.names("/dev"), guest.media_patterns)


def eject(system: System, guest: Guest, device: str | None) -> None:
    """Send the medium away so that its secrets are gone; a failure is only a warning, and none where there is no drive."""
    if device is None or not drives.ejectable(guest, device):
        return
    try:
        system.commands.run(drives.eject_command(guest, device), timeout=30.0)
    except CommandFailure as failure:
        tell = system.log.warning if _is_drive(system, device) else system.log.verbose
        tell(f"cannot eject {device}: {failure.reason}")


def _is_drive(system: System, device: str) -> bool:
    """Whether the kernel knows a drive of that name. In a container the name may be a file, or any other device's node."""
    name = device.rpartition("/")[2]
    return not system.files.exists("/sys/block") or system.files.exists(f"/sys/block/{name}")


def _wait(system: System, guest: Guest, watch: Watch, seen: tuple[str, ...], deadline: float) -> bool:
    """Wait for a change among the drives, at most one period; False when the program is ending."""
    end = min(system.clock.monotonic() + PERIOD, deadline)
    while system.clock.monotonic() < end and devices(system, guest) == seen:
        if not watch.wait(end - system.clock.monotonic()):
            return False
    return True


def _read_device(system: System, guest: Guest, mount_point: str, device: str) -> bytes:
    mounts = _mounts(system)
    ready = False
    for mounted in mounts:
        if mounted.mount_point == mount_point and mounted.device == device:
            ready = True  # an agent that was killed left it there, or whoever made this machine
        elif mounted.mount_point == mount_point:
            _unmount(system, mount_point)
        elif mounted.device == device:
            system.log.info(f"{device} is already mounted at {mounted.mount_point}; reading it there")
            return _document(system, mounted.mount_point)
    if not ready:
        system.files.make_directory(mount_point, mode=0o700)
        _mount(system, guest, mount_point, device)
    try:
        return _document(system, mount_point)
    finally:
        _unmount(system, mount_point)


def _unmount(system: System, mount_point: str) -> None:
    try:
        system.commands.run(("umount", mount_point), timeout=30.0)
    except CommandFailure as failure:
        system.log.warning(f"cannot unmount {mount_point}: {failure.reason}")


def _mounts(system: System) -> tuple[drives.Mounted, ...]:
    content = system.files.read_if_there("/proc/mounts")
    if content is not None:
        return drives.mounts(content.decode("utf-8", "surrogateescape"))
    return drives.mounts(system.commands.run(("mount",), ok=None).stdout)


def _mount(system: System, guest: Guest, mount_point: str, device: str) -> None:
    failures = []
    for command in guest.mount:
        try:
            system.commands.run((*command, device, mount_point), timeout=30.0)
            return
        except CommandFailure as failure:
            failures.append(failure)
    said = "; ".join(f.stderr.strip() or f.reason for f in failures)
    raise SystemFailure(f"cannot mount {device}: {said}", causes=failures)


def _document(system: System, directory: str) -> bytes:
    names = {name.lower(): name for name in system.files.names(directory)}
    if DOCUMENT in names:
        return system.files.read(f"{directory}/{names[DOCUMENT]}", limit=LIMIT)
    if SCVMM_FILE in names:
        raise SystemFailure(f"{directory} holds a System Center configuration, not {DOCUMENT}")
    raise SystemFailure(f"{directory} holds no {DOCUMENT}, only: {', '.join(sorted(names)) or 'nothing'}")


def _load(system: System, modules: tuple[str, ...]) -> None:
    if not modules or not system.commands.find("modprobe"):
        return
    for module in modules:
        try:
            system.commands.run(("modprobe", "-b", module), ok=None, timeout=30.0)
        except CommandFailure as failure:
            system.log.verbose(f"{module}: {failure.reason}")


def _last_resort(system: System, guest: Guest, causes: dict[str, Failure]) -> Medium:
    """Where mounting failed: read the drive ourselves (no driver in the kernel), or its raw sectors (old FreeBSD)."""
    failures: list[Failure] = list(causes.values())
    for device, cause in causes.items():
        if not str(cause).startswith("cannot mount"):
            continue
        try:
            _refuse_fat(system, device)
            if drives.lacks_filesystem(str(cause)):
                return Medium(_read_image(system, device), device)
            return Medium(_read_sectors(system, device), device)
        except Failure as failure:
            failures.append(failure)
        except OSError as error:  # of the open drive: the port explains only what it opens
            failures.append(SystemFailure(f"cannot read {device}: {error.strerror or error}"))
    listing = " ".join(system.files.names("/dev"))
    patterns = ", ".join(guest.media_patterns)
    what = "no provisioning medium was found" if not causes else f"no provisioning medium with {DOCUMENT} could be read"
    raise ProvisionFailure(
        f"{what} (devices like {patterns})",
        hint="the platform attaches the medium on the first boot only",
        facts={"patterns": patterns, "dev": listing[:2000], "tried": ", ".join(causes)},
        causes=failures,
    )


def _read_sectors(system: System, device: str) -> bytes:
    with system.files.open(device) as drive:
        drive.seek(drives.RAW_START * drives.RAW_SECTOR)
        found = drives.carve(drive.read(drives.RAW_COUNT * drives.RAW_SECTOR))
    if found is None:
        raise SystemFailure(f"{device} holds no document in its raw sectors")
    return found


def _refuse_fat(system: System, device: str) -> None:
    """Some virtio disks carry FAT, which nothing here reads but the kernel."""
    with system.files.open(device) as drive:
        boot = drive.read(drives.RAW_SECTOR)
    if drives.is_fat(boot):
        raise SystemFailure(
            f"{device} holds a FAT file system, and this kernel has no driver for it (vfat)",
            hint="load the vfat module, install the kernel package that brings it, or give the medium as UDF or ISO 9660",
        )


def _read_image(system: System, device: str) -> bytes:
    """Read the file system on a drive in Python, for kernels without udf and iso9660 (trap 3)."""
    try:
        pycdlib: Any = importlib.import_module("pycdlib")
    except ImportError as error:
        raise SystemFailure(
            f"the kernel can mount neither UDF nor ISO 9660, and pycdlib, which could read {device} instead, is not installed",
            hint="load the udf or isofs module, or install the Python package pycdlib",
        ) from error
    import io

    image = pycdlib.PyCdlib()
    content = io.BytesIO()
    with system.files.open(device) as drive:
        for way in ({"udf_path": f"/{DOCUMENT}"}, {"joliet_path": f"/{DOCUMENT}"}, {"iso_path": "/OVF_ENV.XML;1"}):
            try:
                image.open_fp(drive)
                image.get_file_from_iso_fp(content, **way)
                return content.getvalue()
            except importlib.import_module("pycdlib.pycdlibexception").PyCdlibException as error:
                system.log.verbose(f"{device}: {error}")
                content = io.BytesIO()
            finally:
                if getattr(image, "_initialized", False):
                    image.close()
    raise SystemFailure(f"{device} cannot be mounted, and pycdlib finds no {DOCUMENT} on it")
