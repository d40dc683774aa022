"""guests.workshop: a lab that is killed while it makes a root leaves no process, no mount, and nothing that stays for ever."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fabriclab.guests import root
from fabriclab.guests.root import DebianRoot

PROJECT = Path(__file__).resolve().parents[4]
MAKER = """#!/bin/sh
for place; do :; done
mkdir -p "$place" && mount -t tmpfs lab-maker "$place" && touch "$place/half"
setsid sleep 4711 &
echo "$$" >"${0%/*}/begun"
wait
"""
MAKE = (
    "import sys; from pathlib import Path; from fabriclab.guests import root; root.obtain(root.DebianRoot(), Path(sys.argv[1]))"
)


def has_sleepers() -> bool:
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    return any(line == b"sleep\x004711\0" for line in lines)


def settled(wanted: bool) -> bool:
    end = time.monotonic() + 10
    while has_sleepers() != wanted and time.monotonic() < end:
        time.sleep(0.05)
    return has_sleepers() == wanted


@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces of the machine itself are root's")
@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed")
def test_a_root_that_was_being_made_goes_with_its_maker(tmp_path: Path) -> None:
    programs, cache = tmp_path / "programs", tmp_path / "cache"
    programs.mkdir()
    maker = programs / "mmdebstrap"
    maker.write_text(MAKER)
    maker.chmod(0o755)
    os.mkfifo(programs / "begun")
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(PROJECT / "src")}
    with subprocess.Popen([sys.executable, "-c", MAKE, str(cache)], env=environment) as lab:
        try:
            assert (programs / "begun").read_text()  # the program is in the middle of it
            assert settled(True)
            assert "lab-maker" not in Path("/proc/mounts").read_text()
        finally:
            os.kill(lab.pid, signal.SIGKILL)
    assert settled(False), "the program lives on"
    (left,) = [path for path in cache.iterdir() if path.is_dir()]  # what the next one to make this root removes
    assert left.name.startswith(f".{DebianRoot().name}.")

    maker.write_text('#!/bin/sh\nfor place; do :; done\nmkdir -p "$place"\n')
    done = subprocess.run([sys.executable, "-c", MAKE, str(cache)], env=environment, timeout=60, check=False)
    assert done.returncode == 0
    assert [path.name for path in cache.iterdir() if path.is_dir()] == [DebianRoot().name]
    assert root.obtain(DebianRoot(), cache).is_dir()
