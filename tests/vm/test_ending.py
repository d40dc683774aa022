"""A lab that is killed takes its virtual machine along and leaves the computer as it was, also when it has the disk mounted."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

from fabriclab.guests import assemble
from scenarios import labs
from scenarios import test_host_untouched as untouched
from vm import vm_labs

pytestmark = vm_labs.in_a_machine


def loops(process: int) -> dict[str, str]:
    """Loop devices that are mounted where this process is, and the file behind each."""
    lines = Path(f"/proc/{process}/mountinfo").read_text().splitlines()
    names = {found[1] for line in lines if (found := re.search(r" (/dev/loop\d+) ", line))}
    return {name: backing(name) for name in names}


def backing(loop: str) -> str:
    """File system and inode: a name in a namespace that is gone says nothing."""
    command = ["losetup", "--noheadings", "--raw", "--output", "BACK-MAJ:MIN,BACK-INO", loop]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False).stdout.strip()


def half_made() -> list[Path]:
    return [path for path in (assemble.cache() / "vm").glob("**/.*.*") if path.is_dir()]


def test_nothing_outlives_a_lab_that_is_killed(tmp_path: Path) -> None:
    vm_labs.adapter_of()
    (tmp_path / "tmp").mkdir()
    before, making = untouched.state(), half_made()
    command = [sys.executable, "-m", "fabriclab.cli.main", "up", "--guest", "vm", "--agent", "none"]
    environment = {**labs.environment(), "TMPDIR": str(tmp_path / "tmp")}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, text=True, start_new_session=True
    ) as lab:
        try:
            said = untouched.read_until(lab, "End:")
            page = re.search(r"http://127\.0\.0\.1:\d+/\S+", said)
            assert page is not None, said
            inside = subprocess.run(
                [sys.executable, "-m", "fabriclab.cli.main", "shell", "--lab", str(lab.pid), "guest", "hostname"],
                capture_output=True,
                env=labs.environment(),
                text=True,
                timeout=120,
                check=False,
            )
            assert (inside.returncode, inside.stdout) == (0, "image\n"), inside.stderr
            with urlopen(f"{page[0].rstrip('/')}/tree", timeout=vm_labs.PATIENCE) as answer:
                assert answer.status == 200  # for which the machine's disk is mounted
            processes = {number: os.pidfd_open(number) for number in untouched.below(lab.pid)}
            names = {number: Path(f"/proc/{number}/comm").read_text() for number in processes}
            assert [name for name in names.values() if name.startswith("qemu-system")], names
            mounted = loops(next(number for number, name in names.items() if name.startswith("qemu-system")))
            assert mounted
        finally:
            os.kill(lab.pid, signal.SIGKILL)
    untouched.assert_nothing_is_left(untouched.Had(processes, {}))
    left = labs.settled(lambda: [name for name, file in mounted.items() if backing(name) == file], lambda found: not found)
    assert left == []
    assert os.listdir(tmp_path / "tmp") == []
    assert half_made() == making
    assert untouched.state() == before
