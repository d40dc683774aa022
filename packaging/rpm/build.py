"""Builds `dist/waagent-<version>-1.<target>.noarch.rpm` and the source package: `build.py [TARGET...] [--output DIR]`.

Targets are those of targets.toml, all of them when none is named. The specification (waagent.spec) is made whole here: the
version, and what is bundled, from vendored.toml. Odd: rpmbuild runs with --nodeps, because no package of the target is here,
and with macros.elsewhere where the machine has no macros of systemd. The same commit gives the same bytes: SOURCE_DATE_EPOCH.
"""

from __future__ import annotations

import argparse
import gzip
import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import changes
import sbom
import vendor
import versions

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

RPM = Path(__file__).resolve().parent
PROJECT = RPM.parents[1]
SOURCES = ("src/waagent", "packaging/files.py", "packaging/lay.py", "packaging/rpm", "docs/configuration.md", "LICENSE")
OLDEST = "3.11"  # of the Pythons that libraries are bundled for; up to 3.12 they need nothing that has to be compiled
REPRODUCIBLE = {
    "use_source_date_epoch_as_buildtime": "1",
    "clamp_mtime_to_source_date_epoch": "1",
    "source_date_epoch_from_changelog": "0",
    "_buildhost": "localhost",
    "__os_install_post": "%{?__brp_compress}",  # the rest of it is for what is compiled, and takes half of the time
    "_binary_payload": "w6.xzdio",  # what the oldest target reads
    "_source_payload": "w6.xzdio",
    "_binary_filedigest_algorithm": "8",
    "_source_filedigest_algorithm": "8",
}


class Unbuilt(Exception):
    """A package could not be built; the text has the tool's last words."""


@dataclass(frozen=True)
class Target:
    """A row of targets.toml."""

    name: str
    about: str
    defines: dict[str, str]


def main() -> int:
    known = {target.name: target for target in targets()}
    parser = argparse.ArgumentParser(description="Build the agent's rpm for each target.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(known)}; all when none is named")
    parser.add_argument("--output", type=Path, default=PROJECT / "dist")
    parser.add_argument("--work", type=Path, default=PROJECT / "build/rpm", help="where it is built; emptied first")
    parser.add_argument("--version", default=versions.current(), help="another version than that of the source, for tests")
    parser.add_argument("--define", action="append", default=[], metavar="NAME=VALUE", help="one more macro for rpmbuild")
    parser.add_argument("--no-source", action="store_true", help="no source package")
    options = parser.parse_args()
    unknown = [name for name in options.targets if name not in known]
    if unknown:
        parser.error(f"no target {unknown[0]}; known are {', '.join(known)}")
    chosen = [known[name] for name in options.targets or known]
    more = dict(text.split("=", 1) for text in options.define)
    os.umask(0o022)  # rpm keeps the modes of the source package's files
    try:
        made = build(chosen, options.version, options.output, options.work, more, source=not options.no_source)
    except (Unbuilt, changes.Untold, vendor.Unvendored, sbom.Unsound, versions.Misspelt) as problem:
        print(f"build.py: {problem}", file=sys.stderr)
        return 1
    for path in made:
        print(os.path.relpath(path))
    return 0


def targets() -> tuple[Target, ...]:
    table = tomllib.loads((RPM / "targets.toml").read_text(encoding="utf-8"))
    return tuple(Target(name, row["about"], row["defines"]) for name, row in table.items())


def build(
    chosen: Iterable[Target], version: str, output: Path, work: Path, more: dict[str, str], *, source: bool = True
) -> list[Path]:
    """The packages, each with its documents beside it."""
    spelt = versions.spelt(version, "rpm")
    _time()
    shutil.rmtree(work, ignore_errors=True)
    vendored = work / "vendored"
    vendor.put(vendored, OLDEST, None)
    libraries = sbom.parts(vendored / "vendored.json")
    archive(work / f"SOURCES/waagent-{spelt}.tar.gz", f"waagent-{spelt}", vendored)
    specification = work / "waagent.spec"
    specification.write_text(whole((RPM / "waagent.spec").read_text(encoding="utf-8"), spelt, libraries), encoding="utf-8")
    for path in (specification, *(work / "SOURCES").iterdir()):
        os.utime(path, (_time(), _time()))
    output.mkdir(parents=True, exist_ok=True)
    made = []
    for target in chosen:
        for path in rpmbuild("-bb", specification, work, {**target.defines, **more}):
            made.append(published(path, output, version, libraries))
    if source:
        # rpm puts the text with every path of the build into the package, and runs none of it: so the paths are relative;
        # and what is bundled is in its archive, whichever target it is built for
        for path in rpmbuild("-bs", specification, work, {"python3_version": "3.12", "_topdir": ".", "bundled": "1"}):
            made.append(published(path, output, version, libraries))
    return made


def whole(text: str, version: str, libraries: list[sbom.Part]) -> str:
    """The specification with its words filled in."""
    bundled = (f"Provides:       bundled(python3dist({part.name})) = {part.version}" for part in libraries)
    words = {
        "version": version,
        "licences": " AND ".join(("Apache-2.0", *sorted({part.licence for part in libraries}))),
        "bundled": "\n".join(bundled),
        "changelog": "\n".join(changes.rpm(changes.agents(release)) for release in changes.releases(PROJECT)),
    }
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return text


def archive(path: Path, name: str, vendored: Path) -> None:
    """The sources with the bundled libraries, always the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for source in SOURCES:
            for file in sorted(_files(PROJECT / source)):
                _add(tar, file, f"{name}/{file.relative_to(PROJECT)}")
        for file in sorted(_files(vendored)):
            _add(tar, file, f"{name}/vendored/{file.relative_to(vendored)}")
    path.write_bytes(gzip.compress(plain.getvalue(), mtime=0))


def rpmbuild(what: str, specification: Path, work: Path, defines: dict[str, str]) -> list[Path]:
    """Runs rpmbuild; what it wrote."""
    work = work.resolve()
    made = work / "made"
    shutil.rmtree(made, ignore_errors=True)
    log = work / "build.log"
    macros = {**REPRODUCIBLE, "_topdir": str(work), "_rpmdir": str(made), "_srcrpmdir": str(made), "_dbpath": str(work / "db")}
    macros |= {"_rpmfilename": "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm", "build_python": "/usr/bin/python3", **defines}
    words = [word for name, value in macros.items() for word in ("--define", f"{name} {value}")]
    elsewhere = [] if _has_macros() else [f"--load={RPM / 'macros.elsewhere'}"]
    command = ["rpmbuild", what, "--nodeps", *elsewhere, *words, str(specification)]
    fixed = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
    with log.open("w") as told:
        environment = {**os.environ, **fixed}
        done = subprocess.run(command, cwd=work, stdout=told, stderr=told, timeout=300, check=False, env=environment)
    if done.returncode != 0:
        last = "\n  ".join(log.read_text(errors="replace").splitlines()[-25:])
        raise Unbuilt(f"rpmbuild {what} failed; the whole log is in {log}\n  {last}")
    return sorted(made.rglob("*.rpm"))


def published(path: Path, output: Path, version: str, libraries: list[sbom.Part]) -> Path:
    """The package in its place, with what it is made of and what it needs."""
    place = output / path.name
    shutil.move(path, place)
    bundles = "bundled(" in queried(place, "--provides") or path.name.endswith(".src.rpm")
    needed = () if path.name.endswith(".src.rpm") else needs(place)
    parts = [*(libraries if bundles else ()), *needed]
    sbom.write(place, version, parts)
    return place


def needs(package: Path) -> list[sbom.Part]:
    """What a package requires, but for what rpm itself has to understand."""
    names = dict.fromkeys(line.split()[0] for line in queried(package, "--requires").splitlines())
    return [sbom.Part(name, bundled=False) for name in names if not name.startswith(("rpmlib(", "/", "config("))]


def queried(package: Path, what: str) -> str:
    command = ["rpm", "--query", "--package", what, str(package)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts]


def _add(tar: tarfile.TarFile, file: Path, name: str) -> None:
    entry = tarfile.TarInfo(name)
    content = file.read_bytes()
    entry.size, entry.mode, entry.mtime = len(content), 0o644, _time()
    tar.addfile(entry, io.BytesIO(content))


def _has_macros() -> bool:
    done = subprocess.run(["rpm", "--eval", "%{?_unitdir}"], capture_output=True, text=True, timeout=60, check=True)
    return bool(done.stdout.strip())


def _time() -> int:
    """The time of the last commit; outside of a clone, of the build. For all tools that are called it is SOURCE_DATE_EPOCH."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given is None:
        command = ["git", "-C", str(PROJECT), "log", "-1", "--format=%ct"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        given = done.stdout.strip() or str(int(datetime.now(timezone.utc).timestamp()))
        os.environ["SOURCE_DATE_EPOCH"] = given
    return int(given)


if __name__ == "__main__":
    sys.exit(main())
