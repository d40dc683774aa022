"""What the lab promises of disks and swap space: the kernel's stays the machine's, and a killed lab leaves no disk behind."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fabriclab.scenario.lab import Lab
from scenarios import labs

pytestmark = [*labs.in_a_guest, pytest.mark.xdist_group("disks of the lab")]

MACHINE = """
[machine]
[[machine.disk]]
mib = 160
content = "btrfs"
[configuration]
"ResourceDisk.Format" = "n"
[[expect]]
health = "Ready"
"""
MADE = "dd if=/dev/zero of={file} bs=1M count=8 2>/dev/null; chmod 600 {file}; mkswap -q {file}"


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with labs.begun(labs.scenario_of(tmp_path_factory.mktemp("scenario"), MACHINE)) as lab:
        assert lab.guest.shell("mkdir /mnt/b && mount /dev/sdb1 /mnt/b").ok
        yield lab


CALLS = """
import ctypes, os
library = ctypes.CDLL(None, use_errno=True)
for call in (lambda: library.swapon(b"/mnt/b/file", 0), lambda: library.swapoff(b"/mnt/b/file")):
    print(call(), os.strerror(ctypes.get_errno()))
"""


def test_no_program_of_a_guest_can_turn_the_machines_swap_space_on_or_off(guest: Lab) -> None:
    done = guest.guest.run(["/usr/bin/python3", "-c", CALLS])
    assert done.output == "-1 Operation not permitted\n-1 Operation not permitted\n"


@pytest.mark.parametrize(
    ("file", "prepare", "said"),
    [
        ("/mnt/b/plain", MADE, "Invalid argument"),
        ("/mnt/b/unprepared", "touch {file}; chattr +C {file}; head -c 8M /dev/zero >{file}; chmod 600 {file}", "swap header"),
        ("/mnt/b/holes", "touch {file}; chattr +C {file}; truncate -s 8M {file}; chmod 600 {file}; mkswap -q {file}", "holes"),
        ("/run/memory", MADE, "Invalid argument"),
        ("/mnt/b/missing", "true", "No such file"),
    ],
)
def test_the_stand_in_refuses_what_the_kernel_refuses(guest: Lab, file: str, prepare: str, said: str) -> None:
    done = guest.guest.shell(f"{prepare.format(file=file)}; swapon {file}")
    assert not done.ok and said in done.errors
    assert guest.guest.shell("tail -n +2 /proc/swaps").output == ""


def test_the_stand_in_takes_what_the_kernel_takes_once(guest: Lab) -> None:
    file = "/mnt/b/good one"
    made = f"touch '{file}'; chattr +C '{file}'; {MADE.format(file=repr(file))}; swapon '{file}'"
    assert guest.guest.shell(made).ok
    assert guest.guest.shell("tail -n +2 /proc/swaps | cut -d' ' -f1").output == "/mnt/b/good\\040one\n"
    assert "busy" in guest.guest.shell(f"swapon '{file}'").errors
    assert guest.guest.shell(f"swapoff '{file}'").ok
    assert not guest.guest.shell(f"swapoff '{file}'").ok


KILLED = """
import os, sys
sys.path[:0] = [{source!r}, {tests!r}]
from fabriclab.scenario import document
from scenarios import labs
with labs.begun(document.find("swap")) as lab:
    labs.await_ready(lab)
    labs.settled(lambda: lab.guest.shell("grep -q swapfile /proc/swaps").ok, bool, 30)
    print(lab.guest.shell("tail -n +2 /proc/swaps | cut -d' ' -f1").output)
    print(lab.guest.namespace.process, flush=True)
    os.kill(os.getpid(), 9)
"""


@pytest.mark.slow
def test_a_killed_lab_leaves_no_swap_space_and_no_disk_behind() -> None:
    source, tests = str(labs.PROJECT / "src"), str(labs.PROJECT / "tests")
    before = Path("/proc/swaps").read_text()
    code = KILLED.format(source=source, tests=tests)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    file, process = done.stdout.split()
    assert (done.returncode, file) == (-9, "/mnt/resource/swapfile"), done.stderr
    end = time.monotonic() + 10
    while Path(f"/proc/{process}").exists() and time.monotonic() < end:
        time.sleep(0.05)  # nobody tells the end of a process that is not ours
    assert not Path(f"/proc/{process}").exists()
    assert Path("/proc/swaps").read_text() == before


WITNESS = """
[machine]
[[machine.disk]]
name = "sdc"
on = "{seat}"
content = "{content}"
mib = 96
[[machine.disk]]
name = "sdb"
on = "data"
lun = 1
[configuration]
"ResourceDisk.Format" = "y"
"ResourceDisk.Filesystem" = "ext4"
"Provisioning.SshHostKeyPairType" = "ed25519"
[ovf]
hostname = "web-1"
username = "maria"
password = "Tr&nsit-91-quay"
[[step]]
do = "run"
command = "sha256sum /dev/sdb >/run/data-disk"
[[expect]]
health = "Ready"
within = 60
[[expect]]
command = "grep -c '^/dev/sdc1 /mnt/resource ext4 ' /proc/mounts; sha256sum -c --status /run/data-disk && echo same"
prints = "1\\nsame"
within = 40
"""


@pytest.mark.slow
@pytest.mark.parametrize("agent", ["ours", "debian"])
@pytest.mark.parametrize(("seat", "content"), [("gen1", "ntfs"), ("gen2", "gpt-ntfs")])
def test_debians_own_agent_finds_the_same_disk_as_ours(tmp_path: Path, agent: str, seat: str, content: str) -> None:
    scenario = labs.scenario_of(tmp_path, WITNESS.format(seat=seat, content=content))
    assert labs.not_held(labs.run(scenario, agent)) == []
