"""The portable archives beside the Debian package: size, time of a start, memory. Prints a table: `measure.py [--runs N]`.

A start is `-version`; memory is what an interpreter holds that has loaded what the daemon loads, without running it. What the
daemon really needs in a guest, doing its work, `make bench` tells (docs/systems.md has figures of both). The plain agent is
that of the deb, by /usr/bin/python3, its modules compiled. Another CPU's archive is started when this machine has QEMU for it.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))

import lay
import versions

PROJECT = Path(__file__).resolve().parents[2]
LOADED = """
import importlib, sys
for name in ("cli.main", "cli.wiring", "daemon.supervise", "daemon.agent", "fabric.connection"):
    importlib.import_module(f"waagent.{name}")
for line in open("/proc/self/smaps_rollup"):
    if line.startswith(("Rss:", "Pss:", "Anonymous:")):
        print(line.split()[1])
"""


@dataclass(frozen=True)
class Figures:
    """Bytes, seconds, KiB; None where it could not be had."""

    name: str
    packed: int
    unpacked: int
    start: tuple[float, float] | None
    memory: tuple[int, ...] | None


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare the portable archives with the Debian package.")
    parser.add_argument("--runs", type=int, default=9, help="starts of each (%(default)s)")
    parser.add_argument("--dist", type=Path, default=PROJECT / "dist")
    arguments = parser.parse_args()
    version = versions.current()
    found = sorted(arguments.dist.glob(f"waagent-{version}-linux-*.tar.xz"))
    if not found:
        print("there is no portable archive in dist: make portable", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as scratch:
        measured = [_plain(arguments.dist, Path(scratch) / "plain", arguments.runs)]
        measured += [_portable(path, Path(scratch) / path.name, arguments.runs) for path in found]
    for line in table(measured):
        print(line)
    return 0


def table(measured: Sequence[Figures]) -> list[str]:
    heads = ("package", "unpacked", "-version", "CPU of it", "RSS", "PSS", "anonymous")
    lines = [f"{'':<34} " + " ".join(f"{head:>10}" for head in heads)]
    for one in measured:
        start = ["-"] * 2 if one.start is None else [f"{value * 1000:.0f} ms" for value in one.start]
        memory = ["-"] * 3 if one.memory is None else [f"{value / 1024:.1f} MiB" for value in one.memory]
        sizes = [f"{size / 2**20:.1f} MiB" if size else "-" for size in (one.packed, one.unpacked)]
        lines.append(f"{one.name:<34} " + " ".join(f"{cell:>10}" for cell in (*sizes, *start, *memory)))
    return lines


def _plain(dist: Path, tree: Path, runs: int) -> Figures:
    """The agent of the deb; its interpreter and libraries are the system's and not counted."""
    tree.mkdir()
    shutil.copytree(lay.compiled(lay.CACHE), tree, symlinks=True, dirs_exist_ok=True)
    deb = next(iter(sorted(dist.glob(f"waagent_{versions.spelt(versions.current(), 'debian')}_all.deb"))), None)
    modules = str(tree / "usr/lib/python3/dist-packages")
    start = [lay.INTERPRETER, str(tree / "usr/sbin/waagent"), "-version"]
    name = f"deb, {Path(lay.INTERPRETER).resolve().name} of the system"
    return _figures(name, deb.stat().st_size if deb else 0, tree, start, [lay.INTERPRETER], {"PYTHONPATH": modules}, runs)


def _portable(archive: Path, tree: Path, runs: int) -> Figures:
    tree.mkdir()
    with tarfile.open(archive) as opened:
        opened.extractall(tree)
    cpu = archive.name.removesuffix(".tar.xz").rpartition("-")[2]
    emulator = [] if cpu == platform.machine() else [shutil.which(f"qemu-{cpu}-static") or ""]
    program = str(tree / "opt/waagent/bin/waagent")
    name = f"portable, {cpu}" + (" (emulated)" if emulator else "")
    if emulator == [""]:
        return Figures(name, archive.stat().st_size, _size(tree), None, None)
    python = [*emulator, str(tree / "opt/waagent/bin/python")]
    start = [*python, str(tree / "opt/waagent/libexec/waagent"), "-version"] if emulator else [program, "-version"]
    made = _figures(name, archive.stat().st_size, tree, start, python, {}, 3 if emulator else runs)
    return Figures(made.name, made.packed, made.unpacked, made.start, None) if emulator else made


def _figures(
    name: str, packed: int, tree: Path, start: list[str], python: list[str], environment: dict[str, str], runs: int
) -> Figures:
    given = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment}
    times = [_start(start, given) for _ in range(runs + 1)][1:]  # the first one fills the cache of files
    said = subprocess.run([*python, "-c", LOADED], env=given, check=False, timeout=100, capture_output=True, text=True).stdout
    memory = tuple(int(word) for word in said.split())
    return Figures(name, packed, _size(tree), _medians(times), memory if len(memory) == 3 else None)


def _start(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Seconds from start to end, and those of the processor, which other work of the machine does not stretch as much."""
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, check=True, timeout=100, stdout=subprocess.DEVNULL)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - begun, used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime


def _medians(times: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return statistics.median(wall for wall, _ in times), statistics.median(processor for _, processor in times)


def _size(tree: Path) -> int:
    return sum(path.stat().st_size for path in tree.rglob("*") if path.is_file() and not path.is_symlink())


if __name__ == "__main__":
    sys.exit(main())
