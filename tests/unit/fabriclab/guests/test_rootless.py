"""guests.rootless: what a caller without root is told, and a whole first boot as one.

For the first boot a user with a range of ids is made up in a mount namespace of the test's own; this machine's accounts stay as
they are.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fabriclab.guests import dvd
from fabriclab.guests.rootless import NOTICE, TOOLS, largest, missing

PROJECT = Path(__file__).resolve().parents[4]
NUMBER = 4242
RANGES = "ann:100000:65536\n4243:200000:65536\nbob:300000:1000\n"
AS_USER = """
mount --bind "$1/passwd" /etc/passwd && mount --bind "$1/subids" /etc/subuid && mount --bind "$1/subids" /etc/subgid &&
  mount --bind "$3" "$1/python" && cd "$1/copy" && home=$1 number=$2 && shift 3 || exit 99
exec setpriv --reuid=$number --regid=$number --clear-groups env -i HOME=$home PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$home/copy/src "$@"
"""


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    for tool in TOOLS:
        (tmp_path / tool).touch(mode=0o755)
    return tmp_path


def test_a_range_belongs_to_a_name_or_a_number() -> None:
    assert largest(RANGES, "ann", 1) == 65536
    assert largest(RANGES, "unknown", 4243) == 65536
    assert largest(RANGES, "bob", 1) == 1000
    assert largest(RANGES + "bob:x\n", "carol", 1) == 0


def test_with_ranges_and_tools_nothing_is_missing(tools: Path) -> None:
    assert missing(("ann", 1), RANGES, RANGES, str(tools)) is None


@pytest.mark.parametrize(
    ("user", "groups", "sentence"),
    [
        (("bob", 1), RANGES, "A guest needs root, or a range of 65535 or more ids for bob in /etc/subuid and /etc/subgid."),
        (("ann", 1), "", "A guest needs root, or a range of 65535 or more ids for ann in /etc/subgid."),
    ],
)
def test_a_missing_range_is_named_in_one_sentence(tools: Path, user: tuple[str, int], groups: str, sentence: str) -> None:
    assert missing(user, RANGES, groups, str(tools)) == sentence


def test_missing_programs_are_named_by_their_packages(tools: Path) -> None:
    (tools / "newuidmap").unlink()
    (tools / "mmdebstrap").unlink()
    assert missing(("ann", 1), RANGES, RANGES, str(tools)) == (
        "A guest needs root, or what these Debian packages bring: mmdebstrap, uidmap."
    )


def test_a_mediums_files_come_back_out_of_its_image() -> None:
    files = {"ovf-env.xml": b"<Environment/>" * 300, "CustomData.bin": b"\0data"}
    assert dvd.files(dvd.make(files)) == files


@pytest.fixture
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with a copy of the sources, for a user who exists only in AS_USER's view."""
    home = Path("/var/tmp") / f"fabriclab-rootless-{os.getpid()}"  # below a directory that everybody may pass
    home.mkdir(mode=0o755)
    for name in ("src", "packaging"):
        shutil.copytree(PROJECT / name, home / "copy" / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", home / "copy")
    (home / "python").mkdir()  # where this test's own environment is seen, which may lie in a directory of root alone
    (home / "passwd").write_text(f"{Path('/etc/passwd').read_text()}lab:x:{NUMBER}:{NUMBER}::{home}:/bin/sh\n")
    (home / "subids").write_text("lab:700000:65536\n")
    for path in (home, *home.rglob("*")):
        os.chown(path, NUMBER, NUMBER)
    yield home
    shutil.rmtree(home)


def fabriclab(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    inside = [str(home / "python/bin/python3"), "-m", "fabriclab.cli.main", *arguments]
    private = ["unshare", "--mount", "--propagation", "private", "sh", "-c", AS_USER, "sh"]
    command = [*private, str(home), str(NUMBER), sys.prefix, *inside]
    return subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="the test makes up a user, which needs root")


@pytest.mark.guest
@needs_root
def test_without_a_range_of_ids_the_lab_says_so_and_ends(user: Path) -> None:
    (user / "subids").write_text("")
    done = fabriclab(user, "run", "first-boot")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "fabriclab: " + missing(("lab", NUMBER), "", "") + "\n"  # type: ignore[operator]


@pytest.mark.slow
@pytest.mark.guest
@pytest.mark.registry
@pytest.mark.timeout(600)
@needs_root
def test_a_whole_first_boot_and_a_whole_life_of_a_handler_need_no_root(user: Path) -> None:
    done = fabriclab(user, "run", "first-boot")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == f"fabriclab: {NOTICE}\n"
    assert "on a Debian bookworm root" in done.stdout
    judged = fabriclab(user, "ext", "run", "good")
    assert judged.returncode == 0, judged.stdout + judged.stderr
    assert judged.stderr == f"fabriclab: {NOTICE}\n"
    assert "0 violated" in judged.stdout
