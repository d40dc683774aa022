"""What is in an artifact, a line for each file: `listing.py ARTIFACT...`; `listing.py --dist` keeps the lists of all in dist.

A line: mode, owner, place, and of a link where it leads. Read from the artifact itself: dpkg-deb, rpm, unsquashfs, or Python
for archives and wheels. Odd: trees of many files of one kind (Python packages) are one line, `.../waagent/**` with the modes
that occur, so that a new module changes no list; a directory is listed only when it is not 0755 and root's. The version is
written VERSION. `SITE` and `BIN` are where whoever installs a wheel has Python packages and commands.
"""

from __future__ import annotations

import argparse
import configparser
import io
import re
import stat
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import versions

PROJECT = Path(__file__).resolve().parents[1]
GOLDEN = PROJECT / "tests/golden/packages"
TREES = (
    re.compile(r"(.*/(?:dist|site)-packages/(?:waagent|urllib3|defusedxml))/.+"),
    re.compile(r"(SITE/(?:waagent|fabriclab))/.+"),
    re.compile(r"(/usr/lib/waagent)/(?:urllib3|defusedxml|vendored).*"),  # what the rpm bundles
    re.compile(r"(/(?:opt|usr/lib)/waagent/(?:lib/python3\.\d+|share/licences))/.+"),  # the portable build's own interpreter
)
ROOTS = ("root:root", "0:0")


@dataclass(frozen=True, order=True)
class Entry:
    """One file, link or directory as the artifact has it. ``owner`` is empty where the artifact names none."""

    place: str
    mode: int
    owner: str
    target: str = ""

    @property
    def line(self) -> str:
        kind = "link" if stat.S_ISLNK(self.mode) else f"{stat.S_IMODE(self.mode):04o}"
        return _line(kind, self.owner, self.place + ("/" if stat.S_ISDIR(self.mode) else ""), self.target)


class Unreadable(Exception):
    """No list can be had of an artifact."""


def main() -> int:
    parser = argparse.ArgumentParser(description="List what is in artifacts.")
    parser.add_argument("artifacts", type=Path, nargs="*")
    parser.add_argument(
        "--dist", action="store_true", help="all of this version in dist; write the lists to tests/golden/packages"
    )
    arguments = parser.parse_args()
    try:
        for artifact in arguments.artifacts:
            print("\n".join(lines(artifact)))
        for artifact in filter(laying, versions.artifacts(PROJECT / "dist")) if arguments.dist else ():
            (GOLDEN / golden(artifact)).write_text("".join(f"{line}\n" for line in lines(artifact)), encoding="utf-8")
            print(f"tests/golden/packages/{golden(artifact)}")
    except Unreadable as problem:
        print(f"listing.py: {problem}", file=sys.stderr)
        return 1
    return 0


def laying(artifact: Path) -> bool:
    """Archives of sources and what is loaded lay nothing."""
    return not artifact.name.endswith((".src.rpm", f"waagent-{versions.current()}.tar.gz", ".pp"))


def golden(artifact: Path) -> str:
    """The name of an artifact's list: its own, whatever the version."""
    return f"{_versionless(artifact.name)}.txt"


def lines(artifact: Path) -> list[str]:
    """The list of an artifact. Errors: ``Unreadable``."""
    name = artifact.name
    if name.endswith(".deb"):
        found = _tar(io.BytesIO(_output("dpkg-deb", "--fsys-tarfile", str(artifact))))
    elif name.endswith(".rpm"):
        found = _rpm(artifact)
    elif name.endswith(".whl"):
        found = _wheel(artifact)
    elif name.endswith((".tar.gz", ".tar.xz", ".tar.zst", ".tar")):
        found = _tar(io.BytesIO(_unpacked(artifact)))
    elif name.endswith(".raw"):
        found = _squashfs(artifact)
    else:
        raise Unreadable(f"{name} is of no kind that can be listed")
    try:
        return listed(found)
    except (tarfile.TarError, zipfile.BadZipFile) as problem:
        raise Unreadable(f"{name}: {problem}") from None


def listed(found: Iterable[Entry]) -> list[str]:
    """The lines, trees in one, in the order of places."""
    trees: dict[tuple[str, str], set[str]] = {}
    made: list[tuple[str, str]] = []
    for entry in found:
        tree = next((match[1] for match in (pattern.fullmatch(entry.place) for pattern in TREES) if match), None)
        if stat.S_ISDIR(entry.mode):
            if stat.S_IMODE(entry.mode) == 0o755 and entry.owner in (*ROOTS, ""):
                continue
        elif tree is not None:
            trees.setdefault((_versionless(tree), entry.owner), set()).add(entry.line.split()[0])
            continue
        made.append((_versionless(entry.place), _versionless(entry.line)))
    for (tree, owner), modes in trees.items():
        made.append((tree, _line(",".join(sorted(modes)), owner, f"{tree}/**", "")))
    return [line for _, line in sorted(made)]


def _line(mode: str, owner: str, place: str, target: str) -> str:
    owner = "root:root" if owner in ROOTS else owner or "-"
    return f"{mode} {owner} {place}" + (f" -> {target}" if target else "")


def _tar(content: io.BytesIO) -> Iterator[Entry]:
    with tarfile.open(fileobj=content) as archive:
        for member in archive:
            kind = stat.S_IFDIR if member.isdir() else stat.S_IFLNK if member.issym() else stat.S_IFREG
            owner = f"{member.uname or member.uid}:{member.gname or member.gid}"
            place = "/" + member.name.removeprefix(".").strip("/")
            target = member.linkname if member.issym() or member.islnk() else ""
            yield Entry(place, kind | member.mode, owner, target)


def _rpm(artifact: Path) -> Iterator[Entry]:
    fields = "%{FILEMODES:octal}\\t%{FILEUSERNAME}:%{FILEGROUPNAME}\\t%{FILENAMES}\\t%{FILELINKTOS}"
    text = _output("rpm", "--query", "--package", "--nosignature", "--queryformat", f"[{fields}\\n]", str(artifact)).decode()
    for line in text.splitlines():
        mode, owner, place, target = line.split("\t")
        yield Entry(place, int(mode, 8), owner, target)


def _wheel(artifact: Path) -> Iterator[Entry]:
    """A wheel says no owner, and its commands only by name: whoever installs it makes them."""
    with zipfile.ZipFile(artifact) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                yield Entry(f"SITE/{member.filename}", stat.S_IFREG | ((member.external_attr >> 16) & 0o7777), "")
            if member.filename.endswith(".dist-info/entry_points.txt"):
                points = configparser.ConfigParser()
                points.read_string(archive.read(member).decode())
                for command in points["console_scripts"]:
                    yield Entry(f"BIN/{command}", stat.S_IFREG | 0o755, "")


def _squashfs(artifact: Path) -> Iterator[Entry]:
    for line in _output("unsquashfs", "-lln", "-d", "", str(artifact)).decode().splitlines():
        match = re.fullmatch(r"([dl-])([rwxsStT-]{9}) (\d+)/(\d+) +\d+ \S+ \S+ (/\S*)(?: -> (.*))?", line)
        if match:
            kind = {"d": stat.S_IFDIR, "l": stat.S_IFLNK, "-": stat.S_IFREG}[match[1]]
            yield Entry(match[5].rstrip("/") or "/", kind | _mode(match[2]), f"{match[3]}:{match[4]}", match[6] or "")


def _mode(letters: str) -> int:
    bits = sum(1 << (8 - index) for index, letter in enumerate(letters) if letter not in "-ST")
    special = ((2, "sS", stat.S_ISUID), (5, "sS", stat.S_ISGID), (8, "tT", stat.S_ISVTX))
    return bits | sum(bit for index, words, bit in special if letters[index] in words)


def _unpacked(artifact: Path) -> bytes:
    return _output("zstd", "-dc", str(artifact)) if artifact.name.endswith(".zst") else artifact.read_bytes()


def _versionless(text: str) -> str:
    for spelling in ("debian", "source"):
        text = text.replace(versions.spelt(versions.current(), spelling), "VERSION")
    return text


def _output(*command: str) -> bytes:
    try:
        return subprocess.run(command, capture_output=True, timeout=300, check=True).stdout
    except FileNotFoundError:
        raise Unreadable(f"{command[-1]} can be listed only where there is {command[0]}") from None
    except subprocess.CalledProcessError as problem:
        raise Unreadable(f"{command[0]}: {problem.stderr.decode(errors='replace').strip()}") from None


if __name__ == "__main__":
    sys.exit(main())
