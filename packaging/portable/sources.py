"""Debian's sources at the versions of sources.toml: fetched with apt, their checksums compared, unpacked and patched.

apt is given lists of its own below the build's folder: the machine's stay as they are, and no root is needed. Odd: a source is
fetched from the mirror that the machine's own packages come from, whichever release that is for.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).resolve().parent
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Unbuildable(Exception):
    """What is needed cannot be had; the message says what to do."""


@dataclass(frozen=True)
class Source:
    """A row of sources.toml. ``files``: name and SHA-256; the first is upstream's own, the second has Debian's patches."""

    name: str
    title: str
    package: str
    version: str
    upstream: str
    licence: str
    supplier: str
    page: str
    texts: list[str]
    patches: list[str]
    files: list[list[str]]
    own: tuple[str, ...] = ()

    def component(self) -> dict[str, object]:
        """As sbom.py reads it: what is bundled is the program, built from a source of Debian's."""
        purl = f"pkg:deb/debian/{self.package}@{self.version}?arch=source"
        known = {"name": self.title, "version": self.upstream, "licence": self.licence, "purl": purl, "page": self.page}
        return {**known, "supplier": self.supplier, "hashes": {"sha256": self.files[0][1]}}


def settings() -> dict[str, object]:
    return tomllib.loads((HERE / "sources.toml").read_text(encoding="utf-8"))


def table() -> tuple[Source, ...]:
    rows = settings()["source"]
    assert isinstance(rows, list)
    return tuple(Source(**{**row, "own": tuple(row.get("own", ()))}) for row in rows)


def fetch(build: Path) -> None:
    """Puts what is missing into ``build/sources``."""
    folder = build / "sources"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [source for source in table() if not all(_is_whole(folder, *file) for file in source.files)]
    if not wanted:
        return
    options = _lists(build)
    for source in wanted:
        exact = f"{source.package}={source.version}"
        done = _apt([*options, "source", "--download-only", "--quiet", exact], folder)
        missing = [name for name, digest in source.files if not _is_whole(folder, name, digest)]
        if missing:
            known = _apt_versions(options, source.package, folder)
            raise Unbuildable(
                f"{exact} cannot be fetched whole ({', '.join(missing)}); Debian has {known or 'no version'} now.\n"
                f"  If it has been replaced, change its row in packaging/portable/sources.toml.\n  {_last(done.stderr)}"
            )


def unpack(source: Source, folder: Path, destination: Path) -> None:
    """Upstream's tree with Debian's patches that were chosen, then ours."""
    destination.mkdir(parents=True)
    upstream, debian = (folder / name for name, _ in source.files)
    _run(["tar", "-xf", str(upstream), "-C", str(destination), "--strip-components=1"])
    with tarfile.open(debian) as archive:
        series = _content(archive, "debian/patches/series") if "debian/patches/series" in archive.getnames() else b""
        for name in (line.split()[0] for line in series.decode().splitlines() if line.strip() and not line.startswith("#")):
            if name.startswith(tuple(source.patches)):
                _patch(_content(archive, f"debian/patches/{name}"), destination, f"{source.package}: {name}")
    for name in source.own:
        _patch((HERE / "patches" / name).read_bytes(), destination, name)


def _lists(build: Path) -> list[str]:
    """The options that keep apt to the lists of sources."""
    uris = _apt_output(["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]).split()
    mirror = next((uri for uri in uris if "security" not in uri), "")
    if not mirror:
        raise Unbuildable("apt knows no mirror of Debian: the portable build takes its sources from one")
    (build / "lists/partial").mkdir(parents=True, exist_ok=True)
    listed = build / "sources.list"
    listed.write_text(f"deb-src [signed-by={KEYRING}] {mirror} {settings()['suite']} main\n", encoding="utf-8")
    options = [f"Dir::Etc::sourcelist={listed}", "Dir::Etc::sourceparts=-", f"Dir::State::lists={build / 'lists'}"]
    options += ["APT::Sandbox::User=root", "Acquire::Check-Valid-Until=false", "Acquire::Retries=3"]
    words = [word for option in options for word in ("-o", option)]
    done = _apt([*words, "update", "--quiet"], build)
    if done.returncode != 0:
        raise Unbuildable(f"apt could not read the list of sources: {_last(done.stderr)}")
    return words


def _apt(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["apt-get", *words], cwd=folder, capture_output=True, text=True, timeout=900, check=False)


def _apt_output(words: list[str]) -> str:
    try:
        done = subprocess.run(["apt-get", *words], capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        raise Unbuildable("there is no apt-get here: the portable build takes its sources from Debian") from None
    return done.stdout


def _apt_versions(options: list[str], package: str, folder: Path) -> str:
    words = ["apt-cache", *options, "showsrc", "--only-source", package]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    found = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("Version: ")]
    return ", ".join(sorted(set(found)))


def _is_whole(folder: Path, name: str, digest: str) -> bool:
    path = folder / name
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digest


def _patch(text: bytes, tree: Path, name: str) -> None:
    done = subprocess.run(
        ["patch", "--strip=1", "--silent", "--force"], cwd=tree, input=text, capture_output=True, timeout=60, check=False
    )
    if done.returncode != 0:
        raise Unbuildable(f"the patch {name} does not apply: {_last((done.stdout + done.stderr).decode('utf-8', 'replace'))}")


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    member = archive.extractfile(name)
    assert member is not None
    return member.read()


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, timeout=300)


def _last(text: str) -> str:
    return "\n  ".join(text.strip().splitlines()[-4:])
