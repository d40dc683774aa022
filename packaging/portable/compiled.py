"""The compiler, and each library and the interpreter compiled for each CPU. What is compiled stays, named by all that went in.

Layout below the build's folder: `tools/` (zig in an environment of its own), `CPU/COMPONENT/KEY/` (a source tree in which its
recipe, COMPONENT.sh, has run). A key is the digest of the recipe, the sources, the compiler and the keys of what it is linked
with. Odd: time stands still while compiling, at the date below; it gets into programs, and what is kept has to be like new.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import sources
from sources import HERE, Source, Unbuildable

CPUS = ("x86_64", "aarch64")
EPOCH = 1735689600  # 2025-01-01
RECIPES = {
    "zlib": ("zlib.sh",),
    "openssl": ("openssl.sh", "patches/openssl-authorities.patch"),
    "python": ("python.sh", "main.c", "ctypes.c"),
}
REMARK = re.compile(rb"(?m)^ *#(?!!).*\n")
"""A line of a recipe that changes nothing of what it makes."""


@dataclass(frozen=True)
class Build:
    """Where everything is, and the vendored libraries that are compiled."""

    folder: Path
    crypt: Path
    """The archive of crypt-r's source."""

    def key(self, component: str, cpu: str) -> str:
        rows = {source.name: source for source in sources.table()}
        found = hashlib.sha256(repr((rows[component], sources.settings()["compiler"], EPOCH)).encode())
        for name in (*RECIPES[component], "tools.sh"):
            content = (HERE / name).read_bytes()
            found.update(REMARK.sub(b"", content) if name.endswith(".sh") else content)
        if component == "python":
            found.update(self.crypt.read_bytes())
            found.update((self.key("openssl", cpu) + self.key("zlib", cpu)).encode())
        return found.hexdigest()[:12]

    def tree(self, component: str, cpu: str) -> Path:
        return self.folder / cpu / component / self.key(component, cpu)

    @property
    def interpreter(self) -> Path:
        """The one that runs here, with all of CPython's library: it compiles modules, and builds for other CPUs."""
        return self.tree("python", "x86_64") / "python"


def compile_all(build: Build) -> None:
    """Compiles what is not there yet. Errors: ``Unbuildable``, with the end of the log."""
    wanted = [(component, cpu) for cpu in CPUS for component in RECIPES if not (build.tree(component, cpu) / ".done").exists()]
    if not wanted:
        return
    sources.fetch(build.folder)
    python = _compiler(build.folder)
    rows = {source.name: source for source in sources.table()}
    for component, cpu in wanted:
        print(f"compiling {rows[component].title} {rows[component].upstream} for {cpu}", file=sys.stderr, flush=True)
        tools = build.folder / "tools" / cpu
        _run(["bash", str(HERE / "tools.sh"), python, str(tools), f"{cpu}-linux-musl", str(build.folder)], {}, None)
        _compile(build, rows[component], cpu, tools)


def _compile(build: Build, source: Source, cpu: str, tools: Path) -> None:
    tree = build.tree(source.name, cpu)
    shutil.rmtree(tree.parent, ignore_errors=True)  # with what an older recipe made
    tree.parent.mkdir(parents=True)
    sources.unpack(source, build.folder / "sources", tree)
    words = {"arch": cpu, "jobs": str(os.cpu_count() or 1), "recipes": str(HERE), "host": "", "stage": "", "crypt": ""}
    if source.name == "python":
        words["stage"] = str(_stage(build, cpu))
        words["crypt"] = str(_unpacked(build.crypt, tree.parent / "crypt"))
        words["host"] = "" if cpu == "x86_64" else str(build.interpreter.parent)
    words["PATH"] = f"{tools}:/usr/local/bin:/usr/bin:/bin"
    words["ZIG_GLOBAL_CACHE_DIR"] = words["ZIG_LOCAL_CACHE_DIR"] = str(build.folder / "tools/cache")
    log = tree.parent / "build.log"
    script = f'set -eu; cd "{tree}"; . "{HERE / (source.name + ".sh")}"'
    _run(["bash", "-c", script], {"SOURCE_DATE_EPOCH": str(EPOCH), "LC_ALL": "C", **words}, log)
    (tree / ".done").touch()


def _stage(build: Build, cpu: str) -> Path:
    """Headers and archives of what the interpreter is linked with."""
    stage = build.folder / cpu / "stage"
    shutil.rmtree(stage, ignore_errors=True)
    openssl, zlib = build.tree("openssl", cpu), build.tree("zlib", cpu)
    shutil.copytree(openssl / "include", stage / "include")
    (stage / "lib").mkdir()
    for path in (*openssl.glob("lib*.a"), zlib / "libz.a"):
        shutil.copy(path, stage / "lib")
    for name in ("zlib.h", "zconf.h"):
        shutil.copy(zlib / name, stage / "include")
    return stage


def _compiler(folder: Path) -> str:
    """The Python that has zig; its environment is made anew when the version changes."""
    row = sources.settings()["compiler"]
    assert isinstance(row, dict)
    place = folder / f"tools/zig-{row['version']}"
    if not (place / ".done").exists():
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True, timeout=120)
        wanted = folder / "tools/zig.txt"
        wanted.write_text(f"{row['name']}=={row['version']} --hash=sha256:{row['sha256']}\n", encoding="utf-8")
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps"]
        _run([str(place / "bin/python"), *install, "-r", str(wanted)], dict(os.environ), folder / "tools/zig.log")
        (place / ".done").touch()
    return str(place / "bin/python")


def _unpacked(archive: Path, destination: Path) -> Path:
    destination.mkdir()
    with tarfile.open(archive) as opened:
        opened.extractall(destination)
    return next(destination.iterdir())


def _run(command: list[str], environment: dict[str, str], log: Path | None) -> None:
    given = environment or dict(os.environ)
    done = subprocess.run(command, env=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=3600, check=False)
    if log is not None:
        log.write_bytes(done.stdout)
    if done.returncode != 0:
        told = done.stdout.decode("utf-8", "replace").strip().splitlines()[-15:]
        raise Unbuildable("\n  ".join([f"{' '.join(command)[:200]} has failed; log: {log}", *told]))
