"""Puts the runtime libraries of vendored.toml below a directory: `vendor.py DEST [--python 3.11] [--sources DIR]`.

pip fetches them (or takes them from its cache) and compares their checksums; they are unpacked here, with their licences, the
same bytes, modes and times whoever runs this. `DEST/vendored.json` says what is there, for sbom.py. Odd: libraries that have
to be compiled are never in DEST. `--sources DIR` fetches those of the given Python for whoever compiles them, and names them
in `DIR/vendored.json`; without it a library that would be missing is named and nothing is fetched.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TABLE = Path(__file__).resolve().parent / "vendored.toml"
OLDEST = "3.10"  # the agent's own floor: a wheel that it can use, every newer one can
TIME = 315532800  # 1980-01-01, the oldest time that a zip can hold, when nobody gives another


@dataclass(frozen=True)
class Library:
    """A row of vendored.toml. ``python``: `>=X.Y`, or empty for every one; ``sha256`` of a copy is that of its first file."""

    name: str
    version: str
    form: str
    sha256: str
    licence: str
    supplier: str
    page: str
    python: str = ""
    purl: str = ""
    files: tuple[str, ...] = ()

    def wanted(self, python: str) -> bool:
        return not self.python or _parts(python) >= _parts(self.python.removeprefix(">="))

    def component(self) -> dict[str, object]:
        """As sbom.py reads it."""
        purl = self.purl or f"pkg:pypi/{self.name}@{self.version}"
        known = {"name": self.name, "version": self.version, "licence": self.licence, "purl": purl, "page": self.page}
        return {**known, "supplier": self.supplier, "hashes": {"sha256": self.sha256}}


class Unvendored(Exception):
    """A library cannot be had as the table says."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Put the agent's runtime libraries below a directory.")
    parser.add_argument("destination", type=Path, help="the directory; made when it is not there")
    parser.add_argument("--python", default=OLDEST, help="the interpreter's version that they are for (%(default)s)")
    parser.add_argument("--sources", type=Path, metavar="DIR", help="where the libraries go that have to be compiled")
    arguments = parser.parse_args()
    try:
        put(arguments.destination, arguments.python, arguments.sources)
    except Unvendored as problem:
        print(f"vendor.py: {problem}", file=sys.stderr)
        return 1
    return 0


def table(path: Path = TABLE) -> tuple[Library, ...]:
    return tuple(
        Library(**{**row, "files": tuple(row.get("files", ()))})
        for row in tomllib.loads(path.read_text(encoding="utf-8"))["library"]
    )


def put(destination: Path, python: str, sources: Path | None, libraries: Iterable[Library] | None = None) -> None:
    chosen = [library for library in (table() if libraries is None else libraries) if library.wanted(python)]
    wheels = [library for library in chosen if library.form == "wheel"]
    compiled = [library for library in chosen if library.form == "source"]
    if compiled and sources is None:
        names = ", ".join(library.name for library in compiled)
        raise Unvendored(f"Python {python} needs {names}, which has to be compiled for it: give --sources DIR for its source")
    with tempfile.TemporaryDirectory() as name:
        for archive in fetch(wheels, Path(name), ("--only-binary=:all:", f"--python-version={python}")):
            unpack(archive, destination)
    listed(destination, wheels)
    if sources is not None:
        sources.mkdir(parents=True, exist_ok=True)
        fetch(compiled, sources, ("--no-binary=:all:",))
        listed(sources, compiled)


def fetch(libraries: list[Library], directory: Path, options: tuple[str, ...]) -> list[Path]:
    """The archives, their checksums compared."""
    if not libraries:
        return []
    with tempfile.TemporaryDirectory() as scratch:
        wanted = Path(scratch) / "requirements.txt"
        lines = [f"{library.name}=={library.version} --hash=sha256:{library.sha256}\n" for library in libraries]
        wanted.write_text("".join(lines), encoding="utf-8")
        fixed = ("--require-hashes", "--no-deps", "--disable-pip-version-check", "--quiet", "--progress-bar=off")
        command = [sys.executable, "-m", "pip", "download", *fixed, *options, f"--requirement={wanted}", f"--dest={scratch}"]
        done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode != 0:
            told = [line for line in done.stderr.splitlines() if line and not line.startswith("WARNING")]
            raise Unvendored("\n  ".join(["pip could not fetch the libraries:", *told[-12:]]))
        found = sorted(path for path in Path(scratch).iterdir() if path != wanted)
        return [Path(shutil.move(path, directory / path.name)) for path in found]


def unpack(wheel: Path, destination: Path) -> None:
    """What a wheel holds, always with the same modes and times."""
    time = int(os.environ.get("SOURCE_DATE_EPOCH", TIME))
    with zipfile.ZipFile(wheel) as archive:
        for entry in sorted(archive.namelist()):
            inside = PurePosixPath(entry)
            if entry.endswith("/") or inside.is_absolute() or ".." in inside.parts or inside.parts[0].endswith(".data"):
                if entry.endswith("/"):
                    continue
                raise Unvendored(f"{wheel.name} holds {entry}, which is no plain file of a package")
            path = destination / inside
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.read(entry))
            path.chmod(0o644)
            os.utime(path, (time, time))
    for directory in (destination, *(path for path in destination.rglob("*") if path.is_dir())):
        directory.chmod(0o755)
        os.utime(directory, (time, time))


def listed(directory: Path, libraries: Iterable[Library]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    rows = [library.component() for library in sorted(libraries, key=lambda library: library.name)]
    (directory / "vendored.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


if __name__ == "__main__":
    sys.exit(main())
