from __future__ import annotations

from unit.fakes import ListLog, MemoryFiles, ScriptedCommands, system
from waagent.guest.detect import detect
from waagent.guest.profile import Guest
from waagent.kernel.disks import Timeouts
from waagent.model.failure import SystemFailure
from waagent.system.port import System


def machine(**timeouts: str) -> MemoryFiles:
    files = MemoryFiles({"/sys/block/nvme0n1/size": "1\n", "/sys/block/loop0/device/timeout": "30\n"})
    for name, text in timeouts.items():
        files.put(f"/sys/devices/pci/{name}/device/timeout", text)
        files.put_link(f"/sys/block/{name}", f"../devices/pci/{name}")
    return files


def kept(system: System, seconds: int = 300, guest: Guest | None = None) -> Timeouts:
    timeouts = Timeouts(system, guest or Guest(), seconds)
    timeouts.keep()
    return timeouts


def test_every_scsi_disk_that_has_another_timeout_gets_the_configured_one_and_nothing_else_is_touched() -> None:
    files = machine(sda="30\n", sdb="300\n", sdaa="180\n")
    kept(system(files=files))
    assert files.changes == ["/sys/block/sda/device/timeout", "/sys/block/sdaa/device/timeout"]
    assert [files.text(f"/sys/block/{name}/device/timeout").strip() for name in ("sda", "sdb", "sdaa")] == ["300"] * 3
    assert files.text("/sys/block/loop0/device/timeout") == "30\n"


def test_a_disk_that_comes_later_and_one_that_somebody_changed_are_set_with_the_next_look() -> None:
    files = machine(sda="300\n")
    timeouts = kept(system(files=files))
    files.put("/sys/block/sdc/device/timeout", "30\n").put("/sys/block/sda/device/timeout", "60\n")
    timeouts.keep()
    timeouts.keep()
    assert files.changes == ["/sys/block/sda/device/timeout", "/sys/block/sdc/device/timeout"]
    assert files.text("/sys/block/sdc/device/timeout") == "300"


def test_a_machine_without_scsi_disks_says_so_once() -> None:
    log = ListLog()
    timeouts = kept(system(files=machine(), log=log))
    timeouts.keep()
    assert log.lines == [("info", "OS.RootDeviceScsiTimeout is not set on any disk: there is no SCSI disk here")]


def test_a_disk_that_refuses_is_warned_of_once_and_tried_again_when_it_comes_back() -> None:
    log = ListLog()
    files = machine(sda="30\n", sdb="30\n")
    broken = BrokenWrites(files, "/sys/block/sda/device/timeout")
    timeouts = kept(system(files=broken, log=log))
    timeouts.keep()
    assert len(log.of("warning")) == 1
    assert files.text("/sys/block/sdb/device/timeout") == "300"
    files.remove("/sys/block/sda")
    timeouts.keep()
    files.put_link("/sys/block/sda", "../devices/pci/sda")
    broken.broken = ""
    timeouts.keep()
    assert files.text("/sys/block/sda/device/timeout") == "300"


def test_freebsd_is_told_by_sysctl_once_in_the_life_of_the_process() -> None:
    commands = ScriptedCommands().on("sysctl", "kern.cam.da.default_timeout=120")
    guest = detect(MemoryFiles(), "FreeBSD", "14.0-RELEASE")
    timeouts = kept(system(commands=commands), 120, guest)
    timeouts.keep()
    assert commands.lines == [("sysctl", "kern.cam.da.default_timeout=120")]


def test_openbsd_has_nothing_to_set() -> None:
    files = MemoryFiles()
    kept(system(files=files), 120, detect(files, "OpenBSD", "7.4"))
    assert files.changes == []


class BrokenWrites:
    """Files of which one refuses to be written."""

    def __init__(self, files: MemoryFiles, broken: str) -> None:
        self._files = files
        self.broken = broken

    def __getattr__(self, name: str) -> object:
        return getattr(self._files, name)

    def write_through(self, path: str, content: bytes) -> None:
        if path == self.broken:
            raise SystemFailure(f"cannot write into {path}: Invalid argument")
        self._files.write_through(path, content)
