"""What the kernel is told, on a kernel of its own: SCSI disks that are there and one that is attached, and a real GRUB."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fabriclab.guests import adapter, assemble
from fabriclab.guests.machine import Seat
from fabriclab.guests.root import RootUnavailable
from fabriclab.guests.sandbox import Disk
from fabriclab.journal.journal import Journal
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
packages = ["grub-common", "grub2-common"]
"""
SEEN = "grep -H . /sys/block/sd*/device/timeout"
LINES = r"grep -E '^\s*linux\s' /boot/grub/grub.cfg"
ADDED = "console=ttyS0 earlyprintk=ttyS0"


def timeouts(lab: Lab) -> dict[str, str]:
    """By disk, as the kernel tells them."""
    return dict(re.findall(r"^/sys/block/(\w+)/device/timeout:(\d+)$", lab.guest.shell(SEEN).output, re.MULTILINE))


def await_timeouts(lab: Lab, disks: int) -> dict[str, str]:
    return labs.settled(lambda: timeouts(lab), lambda seen: [*seen.values()] == ["300"] * disks, vm_labs.PATIENCE)


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
