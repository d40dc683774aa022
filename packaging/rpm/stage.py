"""Fills rpmbuild's tree for one system and lists what is in it for `%files -f`: `stage.py ROOT --system rhel ... --list FILE`.

Standard library only; run by waagent.spec, with the target's interpreter where that is at hand. Odd: compiled modules are in
the list, as files that the package owns and does not bring (`%ghost`): they are made on the target, and go with the package.
"""

from __future__ import annotations

import argparse
import gzip
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from files import Packaged, data, modules
from lay import write

from waagent.cli.manual import page
from waagent.install import templates

RPM = Path(__file__).resolve().parent
VENDORED = RPM.parents[1] / "vendored"
MANUAL = "usr/share/man/man1/waagent.1.gz"


def main() -> int:
    parser = argparse.ArgumentParser(description="Fill a tree with the agent for one system that has packages of rpm.")
    parser.add_argument("root", type=Path)
    parser.add_argument("--system", required=True, help="as the system's os-release names it")
    parser.add_argument("--release", required=True)
    parser.add_argument("--python", required=True, help="the interpreter of the service")
    parser.add_argument("--python-version", required=True)
    parser.add_argument("--modules", required=True, help="where that interpreter has its packages")
    parser.add_argument("--libraries", default="", help="where the bundled libraries go; none are when it is not given")
    parser.add_argument("--list", type=Path, required=True)
    options = parser.parse_args()
    laid = list(packaged(options.system, options.release, options.python, options.modules, options.libraries))
    write(laid, options.root)
    ours = tuple(place.strip("/") for place in (f"{options.modules}/waagent", options.libraries) if place)
    lines = [*listed(laid), *owned(laid, ours), *compiled(laid, ours, options.python_version, options.root)]
    options.list.write_text("".join(f"{line}\n" for line in lines))
    return 0


def packaged(system: str, release: str, python: str, place: str, libraries: str) -> Iterator[Packaged]:
    """All that the package brings."""
    files = list(data(system, release, python=python, manual=page(), libraries=libraries))
    yield from files
    if MANUAL not in {file.place for file in files}:  # a source install has it on some systems only
        yield Packaged(MANUAL, gzip.compress(page().encode(), mtime=0))
    # systems of rpm start a new service only if a preset says so
    preset = templates.text("systemd/90-waagent.preset", {"name": "waagent"})
    yield Packaged("usr/lib/systemd/system-preset/90-waagent.preset", preset.encode())
    yield Packaged("usr/lib/dracut/dracut.conf.d/50-waagent.conf", (RPM / "dracut.conf").read_bytes())
    yield from modules(place.strip("/"))
    if libraries:
        for path in sorted(path for path in VENDORED.rglob("*") if path.is_file()):
            yield Packaged(f"{libraries.strip('/')}/{path.relative_to(VENDORED)}", path.read_bytes())


def listed(laid: list[Packaged]) -> Iterator[str]:
    """A line of `%files` for each file."""
    for file in laid:
        place = f"/{file.place}"
        if file.place == MANUAL:  # rpmbuild compresses it its own way
            yield place.removesuffix(".gz") + "*"
        elif file.place.startswith("etc/"):
            yield f"%config(noreplace) {place}"
        elif "/licenses/" in file.place or PurePosixPath(file.place).name.startswith("LICENSE"):
            yield f"%license {place}"
        else:
            yield place


def owned(laid: list[Packaged], ours: tuple[str, ...]) -> Iterator[str]:
    """The directories that are the package's alone."""
    found = {parent for file in laid for parent in PurePosixPath(file.place).parents if str(parent).startswith(ours)}
    for directory in sorted(found):
        yield f"%dir /{directory}"


def compiled(laid: list[Packaged], ours: tuple[str, ...], python: str, root: Path) -> Iterator[str]:
    """What the target's interpreter makes of the modules. rpmbuild wants to see each file, so an empty one stands for it."""
    tag = f"cpython-{python.replace('.', '')}"
    places = [PurePosixPath(file.place) for file in laid if file.place.startswith(ours) and file.place.endswith(".py")]
    for place in places:
        directory = root / place.parent / "__pycache__"
        directory.mkdir(exist_ok=True)
        (directory / f"{place.stem}.{tag}.pyc").touch()
    for directory in sorted({str(place.parent) for place in places}):
        yield f"%dir /{directory}/__pycache__"
        yield f"%ghost /{directory}/__pycache__/*.pyc"


if __name__ == "__main__":
    sys.exit(main())
