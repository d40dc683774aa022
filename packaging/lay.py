"""Fills a directory tree with the agent as the Debian package installs it: `lay.py LAYER`, `lay.py --data-only LAYER`.

Standard library only. The modules are compiled for /usr/bin/python3, the interpreter of the service, as the package's own
installation does. That costs most of the time, so the compiled tree is kept (CACHE), named by a digest of all that is in
it; what is there is only copied. --data-only leaves the Python package out: the Debian package gets it from its own build.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from files import MODULES, PROJECT, Packaged, data, modules

INTERPRETER = "/usr/bin/python3"
CACHE = (PROJECT / ".lab" if (PROJECT / "pyproject.toml").is_file() else Path.home() / ".cache/fabriclab") / "laid"
KEPT = 8  # compiled trees that stay in the cache, the newest ones


def main() -> int:
    parser = argparse.ArgumentParser(description="Fill a directory tree with the agent as the Debian package installs it.")
    parser.add_argument("layer", type=Path, help="the directory to fill; made when it is not there")
    parser.add_argument("--data-only", action="store_true", help="leave the Python package out")
    arguments = parser.parse_args()
    layer: Path = arguments.layer
    if arguments.data_only:
        write(data(), layer)
    else:
        shutil.copytree(compiled(CACHE), layer, symlinks=True, dirs_exist_ok=True)
    return 0


def compiled(cache: Path) -> Path:
    """The whole tree with compiled modules, made first when the cache has none for the sources as they are."""
    files = (*data(), *modules())
    place = cache / digest(files)
    if place.is_dir():
        os.utime(place)
        return place
    cache.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=".", dir=cache))
    building.chmod(0o755)
    write(files, building)
    command = [INTERPRETER, "-m", "compileall", "-q", "-s", str(building), "-p", "/", str(building / MODULES / "waagent")]
    subprocess.run(command, check=True, timeout=100, stdout=sys.stderr)
    try:
        building.rename(place)
    except OSError:  # another run was faster with the same tree
        shutil.rmtree(building)
    forget(cache)
    return place


def digest(files: Iterable[Packaged]) -> str:
    interpreter = Path(INTERPRETER).resolve()
    status = interpreter.stat()
    found = hashlib.sha256(f"{interpreter} {status.st_size} {status.st_mtime_ns}\n".encode())
    for file in files:
        found.update(f"{file.place} {file.mode:o} {file.target} {len(file.content)}\n".encode())
        found.update(file.content)
    return found.hexdigest()[:16]


def forget(cache: Path) -> None:
    """Removes all but the newest trees."""
    trees = sorted((path for path in cache.iterdir() if path.name[0] != "."), key=lambda path: path.stat().st_mtime)
    for tree in trees[:-KEPT]:
        shutil.rmtree(tree, ignore_errors=True)


def write(files: Iterable[Packaged], layer: Path) -> None:
    os.umask(0o022)
    for file in files:
        path = layer / file.place
        path.parent.mkdir(parents=True, exist_ok=True)
        if file.target:
            path.unlink(missing_ok=True)
            path.symlink_to(file.target)
        else:
            path.write_bytes(file.content)
            path.chmod(file.mode)


if __name__ == "__main__":
    sys.exit(main())
