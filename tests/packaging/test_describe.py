"""The documents beside artifacts: made from what the artifact itself says, and compared with it before a release."""

import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

METADATA = """\
Metadata-Version: 2.4
Name: waagent
Version: 3.0.0.0
Requires-Dist: defusedxml>=0.7.1
Requires-Dist: crypt-r>=3.13; python_version >= '3.13'
Provides-Extra: lab
Requires-Dist: rich>=13; extra == 'lab'
"""
UPLOT = "fabriclab/dashboard/page/uplot.js"


@pytest.fixture(scope="module")
def describe(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("describe")


def wheel(directory: Path, *names: str) -> Path:
    path = directory / "waagent-3.0.0.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("waagent-3.0.0.0.dist-info/METADATA", METADATA)
        for name in names:
            archive.writestr(name, "")
    return path


def test_a_wheel_needs_what_its_metadata_says_but_not_what_is_optional(describe: ModuleType, tmp_path: Path) -> None:
    parts = {part.name: part for part in describe.python(wheel(tmp_path))}
    assert set(parts) == {"defusedxml", "crypt-r"}
    assert not any(part.bundled for part in parts.values())


def test_a_copy_of_other_peoples_work_is_in_the_document_of_what_holds_it(describe: ModuleType, tmp_path: Path) -> None:
    (copy,) = [part for part in describe.python(wheel(tmp_path, UPLOT)) if part.bundled]
    assert (copy.name, copy.licence, copy.purl) == ("uplot", "MIT", f"pkg:npm/uplot@{copy.version}")


def test_a_source_archive_is_read_alike(describe: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "waagent-3.0.0.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in (("waagent-3.0.0.0/PKG-INFO", METADATA), (f"waagent-3.0.0.0/src/{UPLOT}", "")):
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    assert {part.name for part in describe.python(path)} == {"defusedxml", "crypt-r", "uplot"}


def test_artifacts_are_told_from_what_lies_beside_them_and_from_other_versions(describe: ModuleType, tmp_path: Path) -> None:
    ours = {
        "waagent_3.0.0.0_all.deb",
        "waagent-3.0.0.0.tar.gz",
        "waagent-3.0.0.0-py3-none-any.whl",
        "WALinuxAgent-3.0.0.0-1.noarch.rpm",
        "waagent-portable-3.0.0.0-x86_64.tar.xz",
        "waagent-3.0.0.0-x86-64.raw",
        "waagent.pp",
    }
    others = {
        "waagent_3.0.0_all.deb",
        "waagent_3.0.0.0~rc1_all.deb",
        "waagent-3.0.0.0rc1.tar.gz",
        "waagent-13.0.0.0.tar.gz",
        "waagent-3.0.0.0.1.tar.gz",
        "waagent-3.0.0.0.tar.gz.cdx.json",
        "waagent-3.0.0.0.tar.gz.licences.txt",
        "SHA256SUMS",
    }
    for name in ours | others:
        (tmp_path / name).touch()
    assert {path.name for path in describe.versions.artifacts(tmp_path, "3.0.0.0")} == ours
    candidates = {path.name for path in describe.versions.artifacts(tmp_path, "3.0.0.0rc1")}
    assert candidates == {"waagent_3.0.0.0~rc1_all.deb", "waagent-3.0.0.0rc1.tar.gz", "waagent.pp"}


def test_a_document_that_is_missing_or_of_other_bytes_is_told(describe: ModuleType, tmp_path: Path) -> None:
    path = wheel(tmp_path)
    with pytest.raises(Exception, match=r"has no waagent-3\.0\.0\.0-py3-none-any\.whl\.cdx\.json"):
        describe.verify(path)
    describe.describe(path, "3.0.0.0")
    describe.verify(path)
    document = describe.sbom.beside(path)
    assert json.loads(document.read_text())["metadata"]["component"]["version"] == "3.0.0.0"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(Exception, match="describes another"):
        describe.verify(path)


def test_a_document_that_the_schema_refuses_is_told(describe: ModuleType, tmp_path: Path) -> None:
    path = wheel(tmp_path)
    describe.describe(path, "3.0.0.0")
    document = json.loads(describe.sbom.beside(path).read_text())
    document["metadata"]["component"]["type"] = "agent"
    describe.sbom.beside(path).write_text(json.dumps(document))
    with pytest.raises(Exception, match=r"not CycloneDX 1\.6"):
        describe.verify(path)
