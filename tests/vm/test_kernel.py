"""What the kernel is told, on a kernel of its own: SCSI disks that are there and one that is attached, and a real GRUB."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fabriclab.guests import adapter, assemble, qemu, vm_disk
from fabriclab.guests.machine import Seat
from fabriclab.guests.root import RootUnavailable
from fabriclab.guests.sandbox import Disk
from fabriclab.guests.vm_machine import CONSOLE, VmMachine
from fabriclab.journal.journal import Journal
from fabriclab.scenario import document
from fabriclab.scenario.execution import execute
from fabriclab.scenario.lab import Lab, opened
from fabriclab.scenario.runner import Runner
from scenarios import labs
from vm import vm_labs
from vm.vm_labs import do

pytestmark = [*vm_labs.in_a_machine, pytest.mark.xdist_group("vm-kernel")]

TIMEOUTS = """
[configuration]
"Logs.Verbose" = "y"
"OS.RootDeviceScsiTimeoutPeriod" = "3600"
"ResourceDisk.Format" = "n"

[ovf]
hostname = "web-1"
username = "kofi"
ssh_keys = ["generated"]
"""
GRUB = """
starts_agent = false

[machine]
packages = ["grub-common", "grub2-common", "grub-pc-bin"]
"""
DEFAULTS = """
GRUB_TIMEOUT=0
GRUB_TERMINAL=console
GRUB_CMDLINE_LINUX_DEFAULT=""
"""
BOOT_DISK = """set -e
mkdir -p /boot/grub/i386-pc
cp /usr/lib/grub/i386-pc/*.mod /usr/lib/grub/i386-pc/*.lst /boot/grub/i386-pc
cat >/tmp/core.cfg <<'CORE'
search --no-floppy --set=root --file /boot/grub/grub.cfg
set prefix=($root)/boot/grub
configfile $prefix/grub.cfg
CORE
modules="biosdisk part_msdos ext2 search search_fs_file configfile normal linux"
grub-mkimage -O i386-pc -c /tmp/core.cfg -p /boot/grub -o /tmp/core.img $modules
cat /usr/lib/grub/i386-pc/boot.img /tmp/core.img >/tmp/boot.raw
"""
"""A disk that starts GRUB, which looks for its menu on the other disks; where its sectors are is what boot.img expects."""
SEEN = "grep -H . /sys/block/sd*/device/timeout"
LINES = r"grep -E '^\s*linux\s' /boot/grub/grub.cfg"
ADDED = "console=ttyS0 earlyprintk=ttyS0"


def timeouts(lab: Lab) -> dict[str, str]:
    """By disk, as the kernel tells them."""
    return dict(re.findall(r"^/sys/block/(\w+)/device/timeout:(\d+)$", lab.guest.shell(SEEN).output, re.MULTILINE))


def await_timeouts(lab: Lab, disks: int) -> dict[str, str]:
    return labs.settled(lambda: timeouts(lab), lambda seen: [*seen.values()] == ["300"] * disks, vm_labs.PATIENCE)


def test_the_librarys_scenario_of_disk_timeouts_holds() -> None:
    result = execute(document.find("scsi-timeout"), vm_labs.adapter_of(), Journal(), lambda event: None, lambda text: None)
    assert labs.not_held(result) == []


def test_scsi_disks_have_their_timeout_and_one_that_is_attached_has_it_at_once(tmp_path: Path) -> None:
    with opened(labs.scenario_of(tmp_path, TIMEOUTS), vm_labs.adapter_of(), Journal()) as lab:
        vm_labs.machine(lab).attach(Disk("first", "first.img", seat=Seat("data", lun=1)), b"", 1 << 20)
        there = len(timeouts(lab))
        assert there and set(timeouts(lab).values()) == {"30"}
        Runner(lab, lambda text: None).begin()
        assert set(await_timeouts(lab, there).values()) == {"300"}, labs.log(lab)
        vm_labs.machine(lab).attach(Disk("second", "second.img", seat=Seat("data", lun=2)), b"", 1 << 20)
        # the period is an hour: only the kernel's word of the disk can have told
        assert [*await_timeouts(lab, there + 1).values()] == ["300"] * (there + 1), labs.log(lab)


def test_a_real_grub_takes_the_serial_console_and_gives_it_back(tmp_path: Path) -> None:
    try:
        with vm_labs.begun(tmp_path, GRUB, assemble.on_vm(adapter.find("ours"))) as lab:
            given_and_taken_back(lab)
    except RootUnavailable as problem:
        pytest.skip(f"no image with GRUB: {problem}")


def test_the_kernels_first_words_reach_the_serial_port_through_a_real_grub(tmp_path: Path) -> None:
    try:
        with vm_labs.begun(tmp_path, GRUB, assemble.on_vm(adapter.find("ours"))) as lab:
            lab.guest.run(["tee", "/etc/default/grub"], given=DEFAULTS.encode())
            do(lab, f"{BOOT_DISK}\nupdate-grub")
            before = copied(lab, "before")
            do(lab, f"{' '.join(labs.AGENT)} -serialconsole")
            after = copied(lab, "after")
            lab.guest.stop()
            assert "Linux version" not in booted_by_grub(lab, before, 40.0)
            said = booted_by_grub(lab, after, vm_labs.PATIENCE)
            assert "Linux version" in said
            assert re.search(rf"command line: .*{ADDED}", said)
    except RootUnavailable as problem:
        pytest.skip(f"no image with GRUB: {problem}")


def copied(lab: Lab, name: str) -> str:
    """The disk as it is now, and beside it one that starts GRUB; the name of their place."""
    guest, space = vm_labs.machine(lab), lab.guest.namespace
    content = guest.read("/tmp/boot.raw")
    assert content is not None
    place = space.work / name
    place.mkdir()
    with open(place / "boot.raw", "wb") as file:
        file.write(content)
        file.truncate(1 << 20)
    do(lab, "sync")
    guest.pause()
    try:
        copy = f"{space.place}/{name}/system.qcow2"
        vm_disk.do(space, "qemu-img", "convert", "-q", "-U", "-O", "qcow2", guest.system_disk, copy)
    finally:
        guest.pause(over=True)
    return name


def booted_by_grub(lab: Lab, name: str, patience: float) -> str:
    """What a machine says on its serial line that GRUB boots from this copy. What its kernel finds there is of no account: the
    words are said before."""
    guest, space = vm_labs.machine(lab), lab.guest.namespace
    loader = f"driver=raw,node-name=loader,file.driver=file,file.filename={space.place}/{name}/boot.raw"
    arguments = [
        *(*qemu.arguments(guest.hardware), *qemu.disk(guest.hardware, f"{space.place}/{name}/system.qcow2")),
        *("-blockdev", loader, "-device", "ide-hd,bus=ide.0,drive=loader,bootindex=0"),
    ]
    running = VmMachine(space, name, arguments)
    try:
        return labs.settled(
            lambda: (space.work / name / CONSOLE).read_text(errors="replace"), lambda said: "command line:" in said, patience
        )
    finally:
        running.end()


def given_and_taken_back(lab: Lab) -> None:
    do(lab, "cp -n /usr/share/grub/default/grub /etc/default/grub; mkdir -p /boot/grub; update-grub")
    original, defaults = do(lab, LINES), lab.guest.read("/etc/default/grub")
    assert "/vmlinuz-" in original and "ttyS0" not in original
    done = lab.guest.run([*labs.AGENT, "-serialconsole"])
    assert (done.status, done.errors) == (0, "")
    ordinary = [line for line in do(lab, LINES).splitlines() if " single" not in line]
    assert ordinary and all(line.rstrip().endswith(f"quiet {ADDED}") for line in ordinary)
    undone = lab.guest.run([*labs.AGENT, "-serialconsole", "-undo"])
    assert (undone.status, undone.errors) == (0, "")
    assert (do(lab, LINES), lab.guest.read("/etc/default/grub")) == (original, defaults)
