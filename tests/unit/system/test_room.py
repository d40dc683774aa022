"""Files without holes, as the kernel wants them for swap space (guest.md 4.3)."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from unit.system.file_systems import World, refused
from waagent.model.failure import SystemFailure
from waagent.system.real.files import RealFiles

SIZE = (9 << 20) + 4096
"""No multiple of what is written at once."""


@pytest.mark.parametrize("written", [True, False])
def test_a_file_has_its_exact_size_its_mode_and_room_for_every_byte(tmp_path: Path, written: bool) -> None:
    RealFiles().allocate(f"{tmp_path}/swapfile", SIZE, 0o600, written=written)
    found = os.stat(tmp_path / "swapfile")
    assert (found.st_size, stat.S_IMODE(found.st_mode)) == (SIZE, 0o600)
    assert found.st_blocks * 512 >= SIZE
    with open(tmp_path / "swapfile", "rb") as file:
        assert not any(file.read())


def test_what_is_there_is_emptied_and_keeps_its_attributes(world: World) -> None:
    world.files.write("/swap", b"old content", 0o644)
    world.files.allocate("/swap", 8192, 0o600, written=True)
    assert world.files.read("/swap") == bytes(8192)
    assert world.files.facts("/swap").mode == 0o600  # type: ignore[union-attr]


def test_the_file_itself_is_used_again_and_not_another_of_its_name(tmp_path: Path) -> None:
    files = RealFiles()
    files.write(f"{tmp_path}/swap", b"", 0o600)
    before = os.stat(tmp_path / "swap").st_ino
    files.allocate(f"{tmp_path}/swap", 4096, 0o600, written=False)
    assert os.stat(tmp_path / "swap").st_ino == before


def test_what_does_not_fit_is_refused_and_leaves_nothing(world: World) -> None:
    assert "No space left on device" in refused(lambda: world.files.allocate("/swap", 1 << 60, 0o600, written=True))
    assert world.files.facts("/swap") is None


def test_a_link_is_not_followed(world: World) -> None:
    world.files.write("/precious", b"precious")
    world.link("/swap", "/precious")
    refused(lambda: world.files.allocate("/swap", 4096, 0o600, written=True))
    assert world.files.read("/precious") == b"precious"


def test_a_file_with_a_second_name_is_somebodys_too(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    os.link(tmp_path / "precious", tmp_path / "swap")
    with pytest.raises(SystemFailure):
        RealFiles().allocate(f"{tmp_path}/swap", 4096, 0o600, written=True)
    assert (tmp_path / "precious").read_bytes() == b"precious"


FULL = """
import resource, signal, sys
from waagent.system.real.files import RealFiles
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5 << 20, 5 << 20))
try:
    RealFiles().allocate(sys.argv[1], 20 << 20, 0o600, written=True)
except Exception as failure:
    print(failure)
"""


def test_what_cannot_be_written_to_its_end_leaves_nothing(tmp_path: Path) -> None:
    source = str(Path(__file__).parents[3] / "src")
    done = subprocess.run(
        [sys.executable, "-c", FULL, f"{tmp_path}/swap"], capture_output=True, text=True, env={"PYTHONPATH": source}, timeout=60
    )
    assert "File too large" in done.stdout, done.stderr
    assert os.listdir(tmp_path) == []
