"""What is in an archive and in an image, laid as a tree and packed so that equal trees are equal files.

`bin/python` is the interpreter, `bin/waagent` the same by another name (main.c); `libexec/waagent` the program as every install
has it; `libexec/openssl` for roots without one; `lib` the compiled modules; `share` the licences and the list of what is in it.
Odd: the sysext image brings no file for /etc, which it could not: tmpfiles.d puts the configuration there when there is none.
"""

from __future__ import annotations

import json
import lzma
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[2] / "src"))

import sources
from compiled import Build

from waagent.config.render import sample
from waagent.guest.families.networkd import COREOS
from waagent.install import templates, unit, values

COMPONENTS = "share/components.json"
LIBRARY = "lib/python3.13"
SYSEXT = "usr/lib/waagent"
SYSEXT_CPUS = {"x86_64": "x86-64", "aarch64": "arm64"}
"""As systemd spells them."""
TMPFILES = "C /etc/waagent.conf - - - - /usr/share/waagent/waagent.conf\n"


def lay(build: Build, cpu: str, library: Path, vendored: Iterable[Path], tree: Path) -> None:
    """The tree of the archive."""
    for name in ("bin", "lib", "libexec", "share/licences"):
        (tree / name).mkdir(parents=True)
    shutil.copyfile(build.tree("python", cpu) / "portable", tree / "bin/python")
    (tree / "bin/waagent").symlink_to("python")
    shutil.copyfile(build.tree("openssl", cpu) / "apps/openssl", tree / "libexec/openssl")
    (tree / "libexec/waagent").write_text(_program("/opt/waagent/bin/python"), encoding="utf-8")
    for name in ("bin/python", "libexec/openssl", "libexec/waagent"):
        (tree / name).chmod(0o755)
    shutil.copytree(library, tree / LIBRARY)
    _licences(build, tree / "share/licences")
    parts = [*_components(build), *(row for path in vendored for row in json.loads(path.read_text(encoding="utf-8")))]
    (tree / COMPONENTS).write_text(json.dumps(parts, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def pack(tree: Path, prefix: str, archive: Path) -> None:
    """A tar file: sorted, root's, of one time."""
    with (
        lzma.open(archive, "wb", preset=9) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as made,
    ):
        for path in [tree, *sorted(tree.rglob("*"))]:
            inside = path.relative_to(tree).as_posix()
            entry = made.gettarinfo(path, prefix if inside == "." else f"{prefix}/{inside}")
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = "root"
            entry.mtime = _time()
            entry.mode = _mode(path)
            if entry.isreg():
                with path.open("rb") as content:
                    made.addfile(entry, content)
            else:
                made.addfile(entry)


def image(tree: Path, cpu: str, place: Path, target: Path) -> None:
    """A squashfs that systemd-sysext merges into /usr."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(tree, place / SYSEXT, symlinks=True)
    for name, text in _of_the_image(cpu):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text, encoding="utf-8")
    for name in ("usr/sbin/waagent", f"{SYSEXT}/libexec/waagent"):
        (place / name).chmod(0o755)
    wants = place / "usr/lib/systemd/system/multi-user.target.wants"
    wants.mkdir()
    (wants / "waagent.service").symlink_to("../waagent.service")
    for path in [place, *place.rglob("*")]:
        if not path.is_symlink():
            path.chmod(_mode(path))
    target.unlink(missing_ok=True)
    times = ["-mkfs-time", str(_time()), "-all-time", str(_time())]
    fixed = ["-all-root", "-no-progress", "-quiet", "-no-xattrs", "-comp", "zstd", "-processors", "1"]
    environment = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}  # it refuses both
    command = ["mksquashfs", str(place), str(target), *times, *fixed]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise sources.Unbuildable(f"mksquashfs: {done.stderr or done.stdout}")


def _of_the_image(cpu: str) -> Iterator[tuple[str, str]]:
    python = f"/{SYSEXT}/bin/python"
    # any system whose architecture is the same: nothing in the image needs a library of the system
    yield "usr/lib/extension-release.d/extension-release.waagent", f"ID=_any\nARCHITECTURE={SYSEXT_CPUS[cpu]}\n"
    yield "usr/sbin/waagent", _program(python)
    yield f"{SYSEXT}/libexec/waagent", _program(python)
    yield "usr/lib/systemd/system/waagent.service", unit.unit(COREOS, python, "/usr/sbin/waagent", "/etc/waagent.conf")
    yield "usr/share/waagent/waagent.conf", sample(values.of(COREOS))
    yield "usr/lib/tmpfiles.d/waagent.conf", TMPFILES
    for name in ("66-azure-storage.rules", "99-azure-product-uuid.rules"):
        yield f"usr/lib/udev/rules.d/{name}", templates.text(f"udev/{name}")


def _program(python: str) -> str:
    return templates.script("bin/waagent", python, {"libraries": ""})


def _licences(build: Build, folder: Path) -> None:
    for source in sources.table():
        texts = [
            (build.tree(source.name, "x86_64") / name).read_text(encoding="utf-8", errors="replace") for name in source.texts
        ]
        (folder / f"{source.name}.txt").write_text("\n\n".join(texts), encoding="utf-8")
    zig = next((build.folder / "tools").glob("zig-*/lib/python3*/site-packages/ziglang"))
    shutil.copyfile(zig / "lib/libc/musl/COPYRIGHT", folder / "musl.txt")
    shutil.copyfile(zig / "LICENSE", folder / "zig.txt")
    wheels = build.folder / "vendored/wheels"
    for path in sorted(wheels.glob("*.dist-info/**/LICENSE*")):
        name = path.relative_to(wheels).parts[0].split("-")[0]
        shutil.copyfile(path, folder / f"{name}.txt")
    crypt = next((build.tree("python", "x86_64").parent / "crypt").glob("*/LICENSE"))
    shutil.copyfile(crypt, folder / "crypt-r.txt")


def _components(build: Build) -> Iterator[dict[str, object]]:
    """What is compiled in. musl, expat and the compiler's library come inside others, so that their versions are read there."""
    yield from (source.component() for source in sources.table())
    zig = next((build.folder / "tools").glob("zig-*/lib/python3*/site-packages/ziglang"))
    musl = (zig / "lib/libc/musl/src/internal/version.h").read_text(encoding="utf-8")
    expat = (build.tree("python", "x86_64") / "Modules/expat/expat.h").read_text(encoding="utf-8")
    compiler = sources.settings()["compiler"]
    assert isinstance(compiler, dict)
    found = {
        "musl": musl.split('"')[1],
        "expat": ".".join(re.findall(r"#\s*define XML_\w+_VERSION (\d+)", expat)),
        "zig": str(compiler["version"]),
    }
    rows = sources.settings()["bundled"]
    assert isinstance(rows, list)
    for row in rows:
        version = found[row["name"]]
        yield {**row, "version": version, "purl": f"pkg:generic/{row['name']}@{version}"}


def _mode(path: Path) -> int:
    """Whatever the umask of the build."""
    if path.is_symlink():
        return 0o777
    return 0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644


def _time() -> int:
    return int(os.environ["SOURCE_DATE_EPOCH"])
