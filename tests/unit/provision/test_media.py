"""Reading the provisioning medium (guest.md 1.2, 1.3; traps 1 to 4)."""

from __future__ import annotations

import io
from typing import Any

import pytest

from unit.fakes import FrozenClock, MemoryFiles, ScriptedCommands
from unit.fakes import system as fake_system
from waagent.config.sections import Config
from waagent.guest.families.bsd import FREEBSD
from waagent.guest.profile import Guest
from waagent.model.failure import ProvisionFailure
from waagent.provision import media

OVF = "\ufeff<?xml version='1.0'?><Environment/>".encode()
MOUNT = ("mount", "-o", "ro", "-t", "udf,iso9660,vfat")
TARGET = "/mnt/cdrom/secure"


class Drives:
    """A machine whose drives hold what a test says."""

    def __init__(self, **contents: dict[str, bytes] | None) -> None:
        self.files = MemoryFiles({"/proc/mounts": "/dev/sda1 / ext4 rw 0 0\n"})
        self.commands = ScriptedCommands(["eject", "umount", "mount", "modprobe"])
        self.clock = FrozenClock()
        self.commands.on(
            "umount", TARGET, effect=lambda _: [self.files.remove(f"{TARGET}/{n}") for n in self.files.names(TARGET)]
        )
        self.commands.on("modprobe", ...).on("eject", ...)
        for name, held in contents.items():
            self.attach(name, held)
        self.system = fake_system(files=self.files, commands=self.commands, clock=self.clock)

    def attach(self, name: str, held: dict[str, bytes] | None, error: str = "no medium found") -> None:
        self.files.put_other(f"/dev/{name}")
        if held is None:
            self.commands.on(*MOUNT, f"/dev/{name}", TARGET, exit_code=32, stderr=error)
        else:
            fill = lambda _: [self.files.put(f"{TARGET}/{file}", content) for file, content in held.items()]  # noqa: E731
            self.commands.on(*MOUNT, f"/dev/{name}", TARGET, effect=fill)

    def read(self, guest: Guest = Guest()) -> media.Medium:  # noqa: B008
        return media.read(self.system, guest, Config())


def test_the_document_is_read_as_bytes_and_the_drive_unmounted() -> None:
    drives = Drives(sr0={"ovf-env.xml": OVF})
    medium = drives.read()
    assert (medium.ovf, medium.device) == (OVF, "/dev/sr0")
    assert ("umount", TARGET) in drives.commands.lines
    facts = drives.files.facts(TARGET)
    assert facts is not None and facts.mode == 0o700


def test_every_drive_is_tried_until_one_holds_the_document() -> None:
    drives = Drives(sr1={"OVF-ENV.XML": OVF}, sr0={"readme": b""}, cdrom0=None)
    assert drives.read().device == "/dev/sr1"
    assert drives.clock.pauses == []


def test_a_drive_mounted_elsewhere_is_read_there_and_left_mounted() -> None:
    drives = Drives(sr0=None)
    drives.files.put("/proc/mounts", "/dev/sr0 /run/media/rd\\040rdfe udf ro 0 0\n").put("/run/media/rd rdfe/ovf-env.xml", OVF)
    assert drives.read().ovf == OVF
    assert not [line for line in drives.commands.lines if line[0] in ("mount", "umount")]


def test_something_foreign_in_our_own_place_is_unmounted_first() -> None:
    drives = Drives(sr0={"ovf-env.xml": OVF})
    drives.files.put("/proc/mounts", f"fuseiso {TARGET} udf ro 0 0\n")
    assert drives.read().ovf == OVF
    said = [line[0] for line in drives.commands.lines if line[0] in ("mount", "umount")]
    assert said == ["umount", "mount", "umount"]


def test_the_drive_that_is_mounted_in_our_own_place_is_read_there_and_unmounted() -> None:
    drives = Drives(sr0=None)
    drives.files.put("/proc/mounts", f"/dev/sr0 {TARGET} udf ro 0 0\n").put(f"{TARGET}/ovf-env.xml", OVF)
    assert drives.read().ovf == OVF
    assert [line[0] for line in drives.commands.lines if line[0] in ("mount", "umount")] == ["umount"]


def test_a_drive_that_appears_late_ends_the_wait_at_once() -> None:
    drives = Drives()
    drives.files.later(1.0, lambda: drives.files.put_other("/dev/tty9"))
    drives.files.later(17.3, lambda: drives.attach("sr0", {"ovf-env.xml": OVF}))
    assert drives.read().device == "/dev/sr0"
    assert sum(drives.clock.pauses) == pytest.approx(17.3)


def test_a_medium_put_into_a_drive_that_was_there_before_is_found_at_the_next_attempt() -> None:
    drives = Drives(sr0=None)
    drives.commands.on(*MOUNT, "/dev/sr0", TARGET, effect=lambda _: drives.files.put(f"{TARGET}/ovf-env.xml", OVF))
    assert drives.read().ovf == OVF
    assert drives.clock.pauses == [media.PERIOD]


def test_a_machine_without_a_drive_is_given_the_driver_of_old_virtual_machines_once() -> None:
    drives = Drives()
    drives.commands.on("modprobe", "-b", "ata_piix", effect=lambda _: drives.attach("sr0", {"ovf-env.xml": OVF}))
    assert drives.read().device == "/dev/sr0"
    assert [line[-1] for line in drives.commands.lines if line[0] == "modprobe"] == ["ata_piix", "udf", "isofs"]
    assert drives.clock.pauses == []


def test_a_driver_that_cannot_be_loaded_is_not_fatal() -> None:
    drives = Drives(sr0=None)
    drives.commands.on("modprobe", "-b", "udf", timed_out=True)
    drives.commands.on(*MOUNT, "/dev/sr0", TARGET, effect=lambda _: drives.files.put(f"{TARGET}/ovf-env.xml", OVF))
    assert drives.read().ovf == OVF


def test_without_any_drive_the_failure_names_patterns_and_listing() -> None:
    drives = Drives()
    drives.files.put_other("/dev/null")
    with pytest.raises(ProvisionFailure, match=r"no provisioning medium was found .*sr\[0-9\]") as caught:
        drives.read()
    assert caught.value.facts["dev"] == "null"
    assert sum(drives.clock.pauses) == pytest.approx(media.PATIENCE)


def test_every_drives_answer_is_kept_as_a_cause() -> None:
    drives = Drives(sr0=None, sr1={"linuxosconfiguration.xml": b""})
    with pytest.raises(ProvisionFailure) as caught:
        drives.read()
    assert "no medium found" in str(caught.value) and "System Center" in str(caught.value)


def test_the_end_of_the_program_ends_the_wait() -> None:
    drives = Drives()
    drives.clock.ends_after_pauses = 1
    with pytest.raises(ProvisionFailure):
        drives.read()
    assert len(drives.clock.pauses) == 1


def test_freebsd_tries_one_type_after_the_other_and_then_raw_sectors() -> None:
    drives = Drives()
    image = b"\0" * (295 * 2048) + b"<?xml version='1.0'?><Environment></Environment>" + b"\0" * 70000
    drives.files.put("/dev/cd0", image)
    drives.commands.on("mount", ..., exit_code=1, stderr="cd0: Invalid argument")
    medium = drives.read(FREEBSD)
    assert medium.ovf == b"<?xml version='1.0'?><Environment></Environment>"
    assert ("mount", "-t", "udf", "-o", "ro", "/dev/cd0", TARGET) in drives.commands.lines
    assert ("mount", "-t", "cd9660", "-o", "ro", "/dev/cd0", TARGET) in drives.commands.lines


def _image(**options: Any) -> bytes:
    import io

    pycdlib = pytest.importorskip("pycdlib")
    image = pycdlib.PyCdlib()
    image.new(**options)
    where = {"udf_path": "/ovf-env.xml"} if options.get("udf") else {}
    image.add_fp(io.BytesIO(OVF), len(OVF), iso_path="/OVF_ENV.XML;1", **where)
    out = io.BytesIO()
    image.write_fp(out)
    image.close()
    return out.getvalue()


@pytest.mark.parametrize("options", [{"udf": "2.60"}, {}])
def test_a_kernel_without_file_systems_is_helped_out(options: dict[str, Any]) -> None:
    drives = Drives()
    drives.attach("sr0", None, error="mount: unknown filesystem type 'iso9660'.")
    drives.files.put("/dev/sr0", _image(**options))
    assert drives.read().ovf == OVF


def test_a_failed_eject_is_only_a_warning() -> None:
    drives = Drives()
    drives.commands = ScriptedCommands().on("eject", "/dev/sr0", exit_code=1)
    system = fake_system(files=drives.files, commands=drives.commands)
    media.eject(system, Guest(), "/dev/sr0")
    assert system.log.of("warning")  # type: ignore[attr-defined]
    media.eject(system, Guest(), "/dev/vdb")
    assert drives.commands.lines == [("eject", "/dev/sr0")]


def test_what_is_no_drive_of_the_kernels_cannot_be_ejected_and_nobody_is_warned() -> None:
    files = MemoryFiles({"/sys/block/sr1": ""})
    commands = ScriptedCommands().on("eject", "/dev/sr0", exit_code=1).on("eject", "/dev/sr1", exit_code=1)
    system = fake_system(files=files, commands=commands)
    media.eject(system, Guest(), "/dev/sr0")
    assert not system.log.of("warning")  # type: ignore[attr-defined]
    media.eject(system, Guest(), "/dev/sr1")
    assert system.log.of("warning")  # type: ignore[attr-defined]


def test_a_fat_file_system_without_a_driver_is_named() -> None:
    drives = Drives()
    drives.attach("vdb", None, error="mount: unknown filesystem type 'vfat'.")
    drives.files.put("/dev/vdb", bytes(54) + b"FAT12   " + bytes(448) + b"\x55\xaa")
    with pytest.raises(ProvisionFailure) as caught:
        drives.read()
    assert "/dev/vdb holds a FAT file system, and this kernel has no driver for it" in str(caught.value)


def test_a_drive_that_cannot_be_read_is_one_cause_among_others() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    drives = Drives(sr0=None)
    drives.files.open = lambda path: Broken()  # type: ignore[method-assign]
    with pytest.raises(ProvisionFailure, match=r"no provisioning medium with .* could be read") as caught:
        drives.read()
    assert "cannot read /dev/sr0: Input/output error" in str(caught.value)
