"""Builds each kind of package twice and compares every byte: `reproducible.py [--keep DIR] [deb|wheel|rpm|portable ...]`.

The second build is in another folder with a longer name, by another umask, locale, time zone, home and order of Python's sets,
and its clock is thirty hours on. Both are of the files of the working tree that git knows or would add, with the time of the
last commit. What differs is named by artifact and, for archives, by member.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import listing

PROJECT = Path(__file__).resolve().parents[1]
SCRIPTS = {
    "deb": "packaging/deb/build.sh",
    "rpm": "packaging/rpm/build.sh",
    "wheel": "packaging/wheel.sh",
    "selinux": "packaging/selinux/build.sh",
    "portable": "packaging/portable/build.sh",
}
USUAL = ("deb", "wheel", "rpm", "selinux")
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


class Unbuilt(Exception):
    """A build failed; the text has its last words."""


@dataclass(frozen=True)
class Surroundings:
    """What a build must not depend on."""

    folder: str
    umask: int
    environment: dict[str, str] = field(default_factory=dict)


FIRST = Surroundings("a", 0o022, {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1"})
SECOND = Surroundings(
    "another/folder-of-a-longer-name",
    0o077,
    {"TZ": "Asia/Kathmandu", "LC_ALL": "C", "LANG": "de_DE.UTF-8", "PYTHONHASHSEED": "2", "FAKETIME": "+30h"},
)


def main() -> int:
    parser = argparse.ArgumentParser(description="Build packages twice and compare them.")
    parser.add_argument(
        "kinds", nargs="*", metavar="KIND", help=f"of {', '.join(SCRIPTS)}; {', '.join(USUAL)} when none is named"
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="build there, and leave both trees for a look")
    arguments = parser.parse_args()
    for kind in arguments.kinds:
        if kind not in SCRIPTS:
            parser.error(f"no kind {kind}; known are {', '.join(SCRIPTS)}")
    place = arguments.keep or Path(tempfile.mkdtemp(prefix="reproducible-"))
    try:
        problems = list(compared(place, [SCRIPTS[kind] for kind in arguments.kinds or USUAL]))
    except Unbuilt as failure:
        problems = [str(failure)]
    finally:
        if arguments.keep is None:
            shutil.rmtree(place, ignore_errors=True)
    for problem in problems:
        print(f"reproducible.py: {problem}", file=sys.stderr)
    return 1 if problems else 0


def compared(place: Path, scripts: list[str], project: Path = PROJECT) -> Iterator[str]:
    """Builds all twice; each difference as a sentence."""
    state = place / "state"
    copy(project, state)  # whoever edits or commits meanwhile
    time = os.environ.get("SOURCE_DATE_EPOCH") or _time_of_commit(project)
    first, second = (build(place, state, surroundings, scripts, time) for surroundings in (FIRST, SECOND))
    digests = [{path.name: digest(path) for path in sorted(made.iterdir())} for made in (first, second)]
    for name in sorted(set(digests[0]) | set(digests[1])):
        if name not in digests[0] or name not in digests[1]:
            yield f"{name} came of one build only"
        elif digests[0][name] != digests[1][name]:
            inside = ", ".join(differing(first / name, second / name)) or "not by what is in it: by its own header or order"
            yield f"{name} differs: {inside}"
        elif not name.endswith((".cdx.json", ".licences.txt")):
            print(f"{digests[0][name]}  {name}")


def build(place: Path, state: Path, surroundings: Surroundings, scripts: list[str], time: str) -> Path:
    """The folder with what was built."""
    tree = place / surroundings.folder
    before = os.umask(surroundings.umask)
    try:
        copy(state, tree)
        (tree / ".venv").symlink_to(PROJECT / ".venv")
        (tree / "home").mkdir()
        for script in scripts:
            run(tree, script, {**surroundings.environment, "SOURCE_DATE_EPOCH": time})
    finally:
        os.umask(before)
    return tree / "dist"


def copy(source: Path, tree: Path) -> None:
    """The files of a working tree that git knows or would add, or of a copy all; every mode as the umask makes it."""
    for name in names(source):
        target = tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target)
        if os.access(source / name, os.X_OK):
            target.chmod(target.stat().st_mode | 0o100)


def names(source: Path) -> list[str]:
    if not (source / ".git").exists():
        return [str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()]
    command = ["git", "-C", str(source), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    known = subprocess.run(command, capture_output=True, timeout=60, check=True).stdout.decode().split("\0")
    return [name for name in known if name and (source / name).is_file()]  # one that was deleted is still known


def run(tree: Path, script: str, more: dict[str, str]) -> None:
    environment = {**os.environ, **more, "HOME": str(tree / "home")}
    if "FAKETIME" in environment:
        if Path(FAKETIME).is_file():
            # files keep their own times: tools that compare them with the clock would else see them in the past
            environment |= {"LD_PRELOAD": FAKETIME, "NO_FAKE_STAT": "1"}
        else:
            print(f"reproducible.py: both builds are at the same time: there is no {FAKETIME}", file=sys.stderr)
    done = subprocess.run(
        ["bash", script], cwd=tree, env=environment, capture_output=True, text=True, timeout=7200, check=False
    )
    if done.returncode != 0:
        raise Unbuilt(f"{script} failed in {tree.name}:\n  " + "\n  ".join((done.stdout + done.stderr).splitlines()[-25:]))


def differing(first: Path, second: Path) -> list[str]:
    """What differs inside of two artifacts, by name: members of a wheel, lines of the lists of others."""
    if first.suffix == ".whl":
        with zipfile.ZipFile(first) as one, zipfile.ZipFile(second) as other:
            infos = [
                {info.filename: (info.CRC, info.date_time, info.external_attr) for info in zip_.infolist()}
                for zip_ in (one, other)
            ]
        return sorted(name for name in set(infos[0]) | set(infos[1]) if infos[0].get(name) != infos[1].get(name))
    try:
        lines = [set(listing.lines(path)) for path in (first, second)]
    except listing.Unreadable:
        return []
    return sorted(lines[0] ^ lines[1])


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _time_of_commit(project: Path) -> str:
    command = ["git", "-C", str(project), "log", "-1", "--format=%ct"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.strip() or "315532800"


if __name__ == "__main__":
    sys.exit(main())
