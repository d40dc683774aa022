"""Describes the artifacts in dist/ from what they hold themselves: `describe.py [--check] [ARTIFACT...]`, as `make sbom` does.

A deb names what it needs in its control file, a wheel and a source archive in their metadata; copies of other people's work
are found by the files of vendored.toml that are in them. Whoever bundles libraries (rpm, portable) has described the artifact
while building it, with sbom.py: such a document is only compared. `--check` writes nothing: it compares each document with
its artifact and with the schema, and fails when one is missing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path

from packaging.requirements import Requirement

sys.path.insert(0, str(Path(__file__).resolve().parent))

import sbom
import vendor
import versions

DIST = Path(__file__).resolve().parents[1] / "dist"


def main() -> int:
    parser = argparse.ArgumentParser(description="Describe the artifacts in dist, each in CycloneDX and as a list of licences.")
    parser.add_argument("artifacts", type=Path, nargs="*", help="all of this version in dist, when none is named")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a document is missing or wrong")
    arguments = parser.parse_args()
    found = arguments.artifacts or list(versions.artifacts(DIST))
    if not found:
        print(f"describe.py: there is no artifact of version {versions.current()} in {DIST}: build one first", file=sys.stderr)
        return 1
    try:
        for artifact in found:
            if not arguments.check:
                describe(artifact, versions.current())
            verify(artifact)
            print(sbom.beside(artifact))
    except sbom.Unsound as problem:
        print(f"describe.py: {problem}", file=sys.stderr)
        return 1
    return 0


def describe(artifact: Path, version: str) -> None:
    """Writes both documents, for kinds that tell by themselves what they hold."""
    if artifact.name.endswith(".deb"):
        parts = [*deb(artifact)]
    elif artifact.name.endswith((".whl", f"waagent-{version}.tar.gz")):
        parts = [*python(artifact)]
    else:
        return
    sbom.write(artifact, version, parts)


def verify(artifact: Path) -> None:
    """Errors: ``sbom.Unsound`` for a document that is missing, that the schema refuses, or that is another artifact's."""
    path = sbom.beside(artifact)
    if not path.is_file() or not sbom.plain_beside(path).is_file():
        raise sbom.Unsound(f"{artifact.name} has no {path.name} and licences.txt beside it; what builds it has to write them")
    text = path.read_text(encoding="utf-8")
    sbom.demand_valid(text, path.name)
    hashes = {row["content"] for row in json.loads(text)["metadata"]["component"].get("hashes", [])}
    if hashlib.sha256(artifact.read_bytes()).hexdigest() not in hashes:
        raise sbom.Unsound(f"{path.name} describes another {artifact.name} than the one beside it")


def deb(artifact: Path) -> Iterator[sbom.Part]:
    """What a Debian package needs. Alternatives are one part with both names; their licences are the distribution's matter."""
    command = ["dpkg-deb", "--field", str(artifact), "Depends"]
    depends = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    for clause in filter(None, (text.strip() for text in depends.split(","))):
        names = [alternative.split()[0].partition(":")[0] for alternative in clause.split("|")]
        purl = f"pkg:deb/debian/{names[0]}" if len(names) == 1 else ""
        yield sbom.Part(" | ".join(names), purl=purl, bundled=False)


def python(artifact: Path) -> Iterator[sbom.Part]:
    """What a wheel or a source archive needs for the agent, and whose work it has copies of."""
    names, metadata = _python_contents(artifact)
    known = {library.name: library for library in vendor.table()}
    for library in known.values():
        if library.files and any(name.endswith(library.files[0].removeprefix("src/")) for name in names):
            yield _part(library)
    for text in Parser().parsestr(metadata).get_all("Requires-Dist", []):
        requirement = Requirement(text)
        if "extra" not in str(requirement.marker or ""):
            name = requirement.name
            licence = known[name].licence if name in known else ""
            yield sbom.Part(name, licence=licence, purl=f"pkg:pypi/{name.lower()}", bundled=False)


def _python_contents(artifact: Path) -> tuple[list[str], str]:
    if artifact.suffix == ".whl":
        with zipfile.ZipFile(artifact) as wheel:
            names = wheel.namelist()
            (found,) = [name for name in names if re.fullmatch(r"[^/]+\.dist-info/METADATA", name)]
            return names, wheel.read(found).decode()
    with tarfile.open(artifact) as archive:
        names = archive.getnames()
        (found,) = [name for name in names if re.fullmatch(r"[^/]+/PKG-INFO", name)]
        content = archive.extractfile(found)
        assert content is not None
        return names, content.read().decode()


def _part(library: vendor.Library) -> sbom.Part:
    purl = str(library.component()["purl"])
    return sbom.Part(library.name, library.version, library.licence, purl, library.sha256, library.supplier, library.page)


if __name__ == "__main__":
    sys.exit(main())
