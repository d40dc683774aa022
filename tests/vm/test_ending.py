"""A lab that is killed takes its virtual machine along, and leaves nothing."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from scenarios import labs
from vm import vm_labs

pytestmark = vm_labs.in_a_machine


def machines_of(lab: int) -> list[int]:
    """Process ids of QEMU below a process of this machine."""
    parents, names = {}, {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                name, _, rest = (path / "stat").read_text().partition("(")[2].rpartition(")")
            except OSError:
                continue
            parents[int(path.name)], names[int(path.name)] = int(rest.split()[1]), name

    def is_below(number: int) -> bool:
        return number == lab or (number in parents and is_below(parents[number]))

    return [number for number, name in names.items() if name.startswith("qemu-system") and is_below(number)]


def test_nothing_outlives_a_lab_that_is_killed() -> None:
    vm_labs.adapter_of()
    command = [sys.executable, "-m", "fabriclab.cli.main", "up", "--guest", "vm", "--agent", "none", "--no-page"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=labs.environment(), text=True, start_new_session=True
    ) as lab:
        assert lab.stdout is not None
        said = []
        for line in lab.stdout:
            said.append(line)
            if line.startswith("End:"):
                break
        found = machines_of(lab.pid)
        assert len(found) == 1, "".join(said)
        inside = subprocess.run(
            [sys.executable, "-m", "fabriclab.cli.main", "shell", "--lab", str(lab.pid), "guest", "hostname"],
            capture_output=True,
            env=labs.environment(),
            text=True,
            timeout=120,
            check=False,
        )
        assert (inside.returncode, inside.stdout) == (0, "image\n"), inside.stderr
        os.kill(lab.pid, signal.SIGKILL)
    end = time.monotonic() + 20
    while any(Path(f"/proc/{number}").exists() for number in found):
        assert time.monotonic() < end, "the virtual machine runs on"
        time.sleep(0.1)
    assert not [path for path in vm_leftovers() if "making" in path or "guest" in path]


def vm_leftovers() -> list[str]:
    """Mounts and loop devices of the lab that this machine sees."""
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    files = [path.read_text().strip() for path in Path("/sys/block").glob("loop*/loop/backing_file")]
    return [*(mount for mount in mounts if mount.endswith("/seen")), *(file for file in files if "/seen/" in file)]
