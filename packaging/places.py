"""Compares the lists of all packages with section 10 of the guest document, and writes docs/places.md: `places.py [--write]`.

Nothing is built here, so that `make check` stays quick: the lists are tests/golden/packages (listing.py has read them from the
built artifacts; the tests of the packages compare them again with what they build) and, for installs from source,
tests/golden/install. The rows are places.toml.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = Path(__file__).resolve().parents[1]
PAGE = PROJECT / "docs/places.md"
NAMES = {
    r".*\.(\w+)\.noarch\.rpm": "rpm",
    r".*\.deb": "deb",
    r".*\.whl": "wheel",
    r".*-linux-(\w+)\.tar\.xz": "portable",
    r".*VERSION-([\w-]+)\.raw": "sysext",
}
"""An artifact's file to its kind, and to which one of them it is."""
HEAD = """\
# What is laid where

Every file of every package and of every install from source, with its mode; all belong to root. Written by `make places` from
what is in the packages themselves. `make check` compares it with the rows of section 10 of the protocol's guest document, which
`packaging/places.toml` has. Systems of which there is a package are those of [systems.md](systems.md); `source` is
`waagent -register-service`, by the family of the system. `SITE` and `BIN` are the directories of Python packages and of
commands of whoever installs the wheel; `**` stands for all files of a tree.

| Place | Mode | In | Section 10 |
|---|---|---|---|
"""


@dataclass(frozen=True, order=True)
class Laid:
    """A file as a list has it. ``mode``: octal digits, or ``link``; ``owner``: `-` where the artifact names none."""

    place: str
    mode: str
    owner: str = "root:root"
    target: str = ""

    def __str__(self) -> str:
        return f"{self.place} -> {self.target}" if self.target else f"{self.place} ({self.mode}, {self.owner})"


@dataclass(frozen=True)
class Row:
    """A row of places.toml."""

    row: str
    where: dict[str, list[str]]
    mode: str = "link"
    link: str = ""
    never: tuple[str, ...] = field(default=())

    def place(self, artifact: str) -> str | None:
        """Where ``artifact`` has this file; None: nowhere."""
        if any(fnmatchcase(artifact, pattern) for pattern in self.never):
            return None
        named = [place for place, patterns in self.where.items() if _named(artifact, patterns)]
        if len(named) > 1:
            raise ValueError(f'places.toml: the row "{self.row}" has {artifact} in two places: {", ".join(named)}')
        usual = [place for place, patterns in self.where.items() if "*" in patterns]
        return next(iter(named or usual), None)


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare what packages lay where with section 10 of the guest document.")
    parser.add_argument("--write", action="store_true", help="write docs/places.md anew")
    arguments = parser.parse_args()
    found, known = lists(PROJECT), rows(PROJECT)
    problems = [problem for name, laid in found.items() for problem in compared(name, laid, known)]
    written = page(found, known)
    if arguments.write:
        PAGE.write_text(written, encoding="utf-8")
    elif not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != written:
        problems.append("docs/places.md is not what the lists of the packages say: run make places")
    for problem in problems:
        print(f"places.py: {problem}", file=sys.stderr)
    return 1 if problems else 0


def rows(project: Path) -> tuple[Row, ...]:
    table = tomllib.loads((project / "packaging/places.toml").read_text(encoding="utf-8"))["place"]
    return tuple(Row(**{**row, "never": tuple(row.get("never", ()))}) for row in table)


def lists(project: Path) -> dict[str, tuple[Laid, ...]]:
    """Name of an artifact, as places.toml calls it, to what is in it."""
    packages = {name(path): tuple(listed(path)) for path in sorted((project / "tests/golden/packages").glob("*.txt"))}
    sources = {
        f"source {path.stem}": tuple(sourced(path)) for path in sorted((project / "tests/golden/install").glob("*.json"))
    }
    return {**packages, **sources}


def name(path: Path) -> str:
    """What places.toml calls the artifact of a list: ``rpm el9`` for ``waagent-VERSION-1.el9.noarch.rpm.txt``, and so on."""
    words = path.name.removesuffix(".txt")
    for pattern, called in NAMES.items():
        match = re.fullmatch(pattern, words)
        if match:
            return " ".join((called, *match.groups()))
    return words


def listed(path: Path) -> Iterator[Laid]:
    """A list of listing.py."""
    for line in path.read_text(encoding="utf-8").splitlines():
        mode, owner, rest = line.split(" ", 2)
        place, _, target = rest.partition(" -> ")
        yield Laid(place, mode, owner, target)


def sourced(path: Path) -> Iterator[Laid]:
    """What a golden plan of `-register-service` lays."""
    for action in json.loads(path.read_text(encoding="utf-8"))["register"]:
        if action["do"] == "WriteFile":
            yield Laid(action["path"], action["mode"], f"{action['owner']}:{action['owner']}")
        elif action["do"] == "Symlink":
            yield Laid(action["path"], "link", target=action["target"])


def compared(artifact: str, laid: Iterable[Laid], known: Iterable[Row]) -> Iterator[str]:
    """What is not as section 10 says, in sentences."""
    there = {file.place: file for file in laid}
    expected = {place: row for row in known if (place := row.place(artifact)) is not None}
    for place, file in there.items():
        if place not in expected:
            yield f"{artifact}: {file} is not where section 10 says: no row of packaging/places.toml has it there"
    for place, row in expected.items():
        wanted = Laid(place, row.mode, "-" if artifact == "wheel" else "root:root", row.link)
        if place not in there:
            yield f'{artifact}: {wanted} is missing, the row "{row.row}" has it there'
        elif not _alike(there[place], wanted):
            yield f'{artifact}: {there[place]} should be {wanted}, by the row "{row.row}"'


def _alike(file: Laid, wanted: Laid) -> bool:
    if wanted.target:
        return file.target == wanted.target  # of a link neither mode nor owner matters
    return (file.mode, file.owner, file.target) == (wanted.mode, wanted.owner, "")


def page(found: dict[str, tuple[Laid, ...]], known: tuple[Row, ...]) -> str:
    """docs/places.md."""
    holders: dict[tuple[str, str, str, str], list[str]] = {}
    for artifact, laid in found.items():
        told = {row.place(artifact): row.row for row in known}
        for file in laid:
            holders.setdefault((file.place, file.mode, file.target, told.get(file.place, "?")), []).append(artifact)
    lines = []
    for (place, mode, target, row), artifacts in sorted(holders.items()):
        shown = f"link to `{target}`" if target else mode
        lines.append(f"| `{place}` | {shown} | {_grouped(artifacts)} | {row} |\n")
    return HEAD + "".join(lines)


def _grouped(artifacts: list[str]) -> str:
    """`deb; rpm el8, el9; source debian`."""
    kinds: dict[str, list[str]] = {}
    for artifact in artifacts:
        kind, _, which = artifact.partition(" ")
        kinds.setdefault(kind, []).append(which)
    return "; ".join(f"{kind} {', '.join(filter(None, which))}".strip() for kind, which in kinds.items())


def _named(artifact: str, patterns: list[str]) -> bool:
    return any(pattern != "*" and fnmatchcase(artifact, pattern) for pattern in patterns)


if __name__ == "__main__":
    sys.exit(main())
