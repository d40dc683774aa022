"""The machine that runs a lab is afterwards as it was: after a run, and after a lab that was killed in the middle of one.

Other labs may run on this machine meanwhile, so what the kernel numbers for all (processes, loop devices) is told apart by what
this lab had: its processes by their descriptors, its disks by their content.
"""

import hashlib
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from fabriclab.guests import presence
from scenarios import labs

pytestmark = labs.in_a_guest

FILES = (
    "/etc/passwd*",
    "/etc/shadow*",
    "/etc/group*",
    "/etc/gshadow*",
    "/etc/sub?id*",
    "/etc/sudoers",
    "/etc/sudoers.d/*",
    "/etc/ssh/*",
    "/etc/ssh/sshd_config.d/*",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/fstab",
    "/etc/waagent.conf",
    "/etc/logrotate.d/waagent*",
    "/usr/sbin/waagent*",
    "/usr/lib/python3/dist-packages/waagent*",
    "/var/lib/waagent",
    "/var/lib/waagent/*",
    "/var/log/waagent*",
    "/var/log/azure*",
    "/run/waagent.pid",
    "/home/*",
    "/mnt/*",
    "/root/.ssh/*",
)
COMMANDS = (
    ("ip", "-o", "addr"),
    ("ip", "-o", "route", "show", "table", "all"),
    ("ip", "-o", "link"),
    ("ip", "rule"),
    ("ip", "netns"),
    ("iptables-save",),
    ("nft", "list", "ruleset"),
    ("swapon", "--show", "--noheadings"),
)
PASSING = re.compile(r"(valid_lft|preferred_lft|expires) \S+|\[\d+:\d+\]|^#.*$|packets \d+ bytes \d+", re.MULTILINE)


@dataclass(frozen=True)
class Had:
    """What one lab had on this machine: descriptors of its processes, and its disks with a digest of their content."""

    processes: dict[int, int]
    disks: dict[Path, str]


def state() -> dict[str, object]:
    """What a lab must leave alone. Times of directories, counters and leases go on by themselves."""
    found: dict[str, object] = {}
    for pattern in FILES:
        found |= {str(path): look(path) for path in sorted(Path("/").glob(pattern.lstrip("/")))}
    for command in COMMANDS:
        if shutil.which(command[0]):
            done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
            found[" ".join(command)] = PASSING.sub("", done.stdout)
    found["host name"] = os.uname().nodename
    found["mounts"] = [line.split()[1:3] for line in Path("/proc/self/mounts").read_text().splitlines()]
    groups = [where for where, _, _ in os.walk("/sys/fs/cgroup") if re.search("waagent|azure|Lab[.]", where)]
    found["control groups"] = [where for where in groups if "/fabriclab-" not in where]  # those are inside of other guests
    return found


def look(path: Path) -> tuple[object, ...]:
    entry = path.lstat()
    own: tuple[object, ...] = (oct(entry.st_mode), entry.st_uid, entry.st_gid)
    if path.is_symlink():
        return (*own, os.readlink(path))
    return (*own, entry.st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest()) if path.is_file() else own


def start(place: Path, *options: str) -> subprocess.Popen[str]:
    """`fabriclab run first-boot`, as a person starts it, with a directory of its own for temporary files."""
    (place / "tmp").mkdir()
    return subprocess.Popen(
        [sys.executable, "-m", "fabriclab.cli.main", "run", "first-boot", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**labs.environment(), "TMPDIR": str(place / "tmp")},
        preexec_fn=labs.heed_interrupts,
    )


def read_until(running: subprocess.Popen[str], text: str) -> str:
    """Its lines up to the one with `text`."""
    assert running.stdout is not None
    said = ""
    for line in running.stdout:
        said += line
        if text in line:
            return said
    pytest.fail(f"it ended before it said {text!r}:\n{said}")


def had(running: subprocess.Popen[str]) -> Had:
    """What the lab has at this moment."""
    (lab,) = [lab for lab in presence.labs() if lab.lab == running.pid]
    assert lab.guest is not None
    processes = {number: os.pidfd_open(number) for number in below(running.pid)}
    assert {lab.fabric, lab.guest} <= set(processes)
    drive = os.stat(f"/proc/{lab.guest}/root/dev/sr0")
    disk = Path(f"/dev/loop{os.minor(drive.st_rdev)}")
    return Had(processes, {disk: digest(disk)})


def below(process: int) -> list[int]:
    """All descendants."""
    found, front = [], [process]
    while front:
        told = [Path(f"/proc/{number}/task/{number}/children").read_text().split() for number in front]
        front = [int(number) for numbers in told for number in numbers]
        found += front
    return found


def digest(disk: Path) -> str:
    """Of what a loop device shows; empty where none is behind it. Each lab's disk differs by the key on it."""
    try:
        return hashlib.sha256(disk.read_bytes()).hexdigest()
    except OSError:
        return ""


def assert_nothing_is_left(of: Had) -> None:
    end = time.monotonic() + 10
    for number, descriptor in of.processes.items():
        patience = max(0.0, end - time.monotonic())
        assert select.select([descriptor], [], [], patience)[0], f"process {number} is still there"
        os.close(descriptor)
    for disk, content in of.disks.items():
        assert content, "the guest had no disk"
        assert labs.settled(lambda disk=disk: digest(disk), lambda now, content=content: now != content) != content


def test_a_run_leaves_the_machine_as_it_was(tmp_path: Path) -> None:
    before = state()
    running = start(tmp_path)
    read_until(running, "reported Ready")
    of = had(running)
    groups = {Path(f"/proc/{number}/cgroup").read_text() for number in (running.pid, *of.processes) if alive(number)}
    assert len(groups) == 1, "a process of the lab is in another control group of this machine"
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 0, said
    assert_nothing_is_left(of)
    assert os.listdir(tmp_path / "tmp") == []
    assert state() == before


@pytest.mark.parametrize("moment", ["agent started", "reported NotReady", "uploaded status: Lab.Good"])
def test_a_lab_killed_in_the_middle_of_a_run_leaves_the_machine_as_it_was(tmp_path: Path, moment: str) -> None:
    before = state()
    running = start(tmp_path)
    read_until(running, moment)
    of = had(running)
    os.kill(running.pid, signal.SIGKILL)
    assert running.wait(10) == -signal.SIGKILL
    assert_nothing_is_left(of)
    assert os.listdir(tmp_path / "tmp") == []
    assert state() == before


def test_an_interrupted_lab_ends_everything_and_says_so_by_its_status(tmp_path: Path) -> None:
    before = state()
    running = start(tmp_path)
    read_until(running, "reported NotReady")
    of = had(running)
    running.send_signal(signal.SIGINT)
    assert running.wait(30) == 130
    assert_nothing_is_left(of)
    assert state() == before


def alive(number: int) -> bool:
    return Path(f"/proc/{number}").exists()
