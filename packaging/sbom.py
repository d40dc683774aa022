"""Says what an artifact is made of: `sbom.py ARTIFACT --version V [--components FILE.json ...] -o ARTIFACT.cdx.json`.

CycloneDX 1.6, checked against its schema before it is written, and beside it the same for people, `ARTIFACT.licences.txt`.
A file of components is a JSON list of {name, version, licence, purl, hashes: {sha256}, supplier?, page?, bundled?}: what the
artifact holds besides the agent, or, with `bundled: false`, what it needs the system to have. Odd: the same artifact gives
the same document: its serial number comes from its content, its time from SOURCE_DATE_EPOCH.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.model.contact import OrganizationalEntity
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from license_expression import get_spdx_licensing
from packageurl import PackageURL

OURS = "Apache-2.0"
AUTHORS = "The waagent authors"


class Unsound(Exception):
    """A component or a document that must not be published."""


@dataclass(frozen=True)
class Part:
    """What is in the artifact besides the agent; not ``bundled``: what the system has to bring."""

    name: str
    version: str = ""
    licence: str = ""
    purl: str = ""
    sha256: str = ""
    supplier: str = ""
    page: str = ""
    bundled: bool = True


def main() -> int:
    parser = argparse.ArgumentParser(description="Say in CycloneDX what an artifact is made of.")
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--version", required=True, help="the agent's version in the artifact")
    parser.add_argument("--name", default="waagent", help="the package's name (%(default)s)")
    parser.add_argument("--components", type=Path, action="append", default=[], metavar="FILE.json")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="ARTIFACT.cdx.json")
    arguments = parser.parse_args()
    try:
        listed = [part for path in arguments.components for part in parts(path)]
        write(arguments.artifact, arguments.version, listed, arguments.name, arguments.output)
    except Unsound as problem:
        print(f"sbom.py: {problem}", file=sys.stderr)
        return 1
    return 0


def beside(artifact: Path) -> Path:
    """Where its document is looked for."""
    return artifact.with_name(f"{artifact.name}.cdx.json")


def plain_beside(path: Path) -> Path:
    """The list for people, beside a document."""
    return path.with_name(f"{path.name.removesuffix('.cdx.json')}.licences.txt")


def write(artifact: Path, version: str, listed: Sequence[Part], name: str = "waagent", place: Path | None = None) -> None:
    """Both documents, beside the artifact or at ``place``. Errors as of ``document``."""
    place = place or beside(artifact)
    place.write_text(document(artifact, name, version, listed), encoding="utf-8")
    plain_beside(place).write_text(licences(artifact.name, version, listed), encoding="utf-8")


def parts(path: Path) -> list[Part]:
    """A file of components."""
    return [_part(row, path) for row in json.loads(path.read_text(encoding="utf-8"))]


def document(artifact: Path, name: str, version: str, listed: Sequence[Part]) -> str:
    """The document as JSON. Errors: ``Unsound`` for what is not a licence of SPDX and for what the schema refuses."""
    digest = hashlib.sha256(artifact.read_bytes()).hexdigest()
    subject = Component(
        name=name,
        version=version,
        type=ComponentType.APPLICATION,
        bom_ref=artifact.name,
        purl=_purl(artifact.name, name, version),
        licenses=[_licence(OURS)],
        supplier=OrganizationalEntity(name=AUTHORS),
        hashes=[_hash(digest)],
        properties=[Property(name="waagent:file", value=artifact.name)],
    )
    components = [_component(part) for part in listed]
    bom = Bom(components=components, metadata=BomMetaData(component=subject, timestamp=_time()))
    bom.register_dependency(subject, components)
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, repr((artifact.name, name, version, digest, sorted(map(repr, listed)))))
    text = _sorted(JsonV1Dot6(bom).output_as_string())
    demand_valid(text, f"the document of {artifact.name}")
    return text


def demand_valid(text: str, called: str) -> None:
    """Errors: ``Unsound`` for what the schema refuses."""
    found = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if found is not None:
        raise Unsound(f"{called} is not CycloneDX 1.6: {found}")


def licences(artifact: str, version: str, listed: Sequence[Part]) -> str:
    """The list of licences for people."""
    rows = [("waagent", version, OURS)]
    kept = sorted((part for part in listed if part.bundled), key=lambda part: part.name)
    needed = sorted((part for part in listed if not part.bundled), key=lambda part: part.name)
    lines = [f"Licences of what is in {artifact}:", ""]
    lines += [f"  {_row(row)}" for row in (*rows, *((part.name, part.version, part.licence) for part in kept))]
    if needed:
        lines += ["", "Needed, and not in it:", ""]
        lines += [f"  {_row((part.name, part.version, part.licence))}" for part in needed]
    return "\n".join(lines) + "\n"


def _row(row: tuple[str, str, str]) -> str:
    name, version, licence = row
    return f"{name:<28} {version:<16} {licence}".rstrip()


def _part(row: Mapping[str, Any], path: Path) -> Part:
    known = dict(row)
    hashes = known.pop("hashes", None) or {}
    try:
        part = Part(**known, sha256=hashes.get("sha256", ""))
    except TypeError as problem:
        raise Unsound(f"{path}: {row.get('name', row)}: {problem}") from None
    if part.bundled and not (part.version and part.licence):
        raise Unsound(f"{path}: {part.name} is in the artifact, so its version and its licence have to be given")
    return part


def _component(part: Part) -> Component:
    made = Component(
        name=part.name,
        version=part.version or None,
        type=ComponentType.LIBRARY,
        bom_ref=part.purl or f"{part.name}@{part.version}",
        scope=ComponentScope.REQUIRED,
        purl=PackageURL.from_string(part.purl) if part.purl else None,
        licenses=[_licence(part.licence)] if part.licence else [],
        supplier=OrganizationalEntity(name=part.supplier) if part.supplier else None,
        hashes=[_hash(part.sha256)] if part.sha256 else [],
        properties=[Property(name="waagent:bundled", value="yes" if part.bundled else "no, the system brings it")],
    )
    if part.page:
        made.external_references.add(ExternalReference(type=ExternalReferenceType.WEBSITE, url=XsUri(part.page)))
    return made


def _licence(text: str) -> DisjunctiveLicense | LicenseExpression:
    problems = get_spdx_licensing().validate(text).errors
    if problems:
        raise Unsound(f'"{text}" is no licence in the words of SPDX: {"; ".join(problems)}')
    return LicenseFactory().make_from_string(text)


def _purl(file: str, name: str, version: str) -> PackageURL:
    if file.endswith(".deb"):
        return PackageURL("deb", "debian", name, version, {"arch": file.removesuffix(".deb").rpartition("_")[2]})
    if file.endswith(".rpm"):
        return PackageURL("rpm", None, name, version, {"arch": file.removesuffix(".rpm").rpartition(".")[2]})
    if file.endswith((".whl", ".tar.gz")) and file.startswith("waagent-"):
        return PackageURL("pypi", None, name, version, {"file_name": file})
    return PackageURL("generic", None, name, version, {"file_name": file})


def _hash(sha256: str) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=sha256)


def _time() -> datetime:
    return datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "315532800")), timezone.utc)


def _sorted(text: str) -> str:
    """The library has its own order; here it is that of the alphabet, whatever its version."""
    return json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
