"""Builds the portable archives and the images for systemd-sysext into dist, each with its bill of materials: `build.py`.

One archive for each CPU holds `opt/waagent`: an interpreter that needs no library of the system, the agent compiled for it, and
an `openssl`. The sysext image has the same below `/usr/lib/waagent`, with unit and udev rules. Odd: the bytecode is that of
all CPUs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))

import compiled
import content
import sbom
import vendor
import versions
from compiled import CPUS, Build
from sources import Unbuildable

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the portable archives and the sysext images into dist.")
    parser.add_argument(
        "--build", type=Path, default=PROJECT / "build/portable", help="where sources and what is compiled stay"
    )
    parser.add_argument("--dist", type=Path, default=PROJECT / "dist")
    arguments = parser.parse_args()
    os.umask(0o022)
    try:
        for path in make(arguments.build.resolve(), arguments.dist.resolve()):
            print(path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path)
    except (Unbuildable, sbom.Unsound, vendor.Unvendored, versions.Misspelt) as problem:
        print(f"portable: {problem}", file=sys.stderr)
        return 1
    return 0


def make(folder: Path, dist: Path) -> list[Path]:
    version = versions.spelt(versions.current())
    folder.mkdir(parents=True, exist_ok=True)
    dist.mkdir(parents=True, exist_ok=True)
    wheels, crypt = _vendored(folder)
    build = Build(folder, crypt)
    compiled.compile_all(build)
    library = _library(build, wheels)
    made = []
    for cpu in CPUS:
        tree = folder / "trees" / cpu
        shutil.rmtree(tree, ignore_errors=True)
        content.lay(build, cpu, library, (wheels / "vendored.json", crypt.parent / "vendored.json"), tree)
        archive = dist / f"waagent-{version}-linux-{cpu}.tar.xz"
        content.pack(tree, "opt/waagent", archive)
        image = dist / f"waagent-{version}-{content.SYSEXT_CPUS[cpu]}.raw"
        content.image(tree, cpu, folder / "trees" / f"{cpu}-sysext", image)
        for artifact in (archive, image):
            sbom.write(artifact, version, sbom.parts(tree / content.COMPONENTS))
            made.append(artifact)
    return made


def _vendored(folder: Path) -> tuple[Path, Path]:
    """The folder of the libraries that are plain Python, and the archive of the one that is compiled."""
    wheels, source = folder / "vendored/wheels", folder / "vendored/sources"
    shutil.rmtree(folder / "vendored", ignore_errors=True)
    vendor.put(wheels, "3.13", source)
    return wheels, next(source.glob("crypt_r-*.tar.gz"))


def _library(build: Build, wheels: Path) -> Path:
    """The compiled modules, made anew. Compiled in one order: what is shared within a file depends on it."""
    library, inputs = build.folder / "library", build.folder / "inputs"
    for folder in (library, inputs):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(PROJECT / "src/waagent", inputs / "agent/waagent", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(build.tree("python", "x86_64").parent / "crypt", inputs / "crypt")
    module = next((inputs / "crypt").glob("*/src/crypt_r.py"))
    (inputs / "crypt-r").mkdir()
    shutil.copy(module, inputs / "crypt-r")
    # not -I, which would not hear of the seed: with it the order of sets is always the same
    command = [build.interpreter, "-P", "-s", HERE / "library.py", library, inputs / "agent", wheels, inputs / "crypt-r"]
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=600, check=False, env={"PYTHONHASHSEED": "0"}
    )
    if done.returncode != 0:
        raise Unbuildable(f"the modules could not be compiled:\n{done.stderr[-2000:]}")
    return library


if __name__ == "__main__":
    sys.exit(main())
