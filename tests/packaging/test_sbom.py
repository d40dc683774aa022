"""What an artifact is made of, as a document of CycloneDX and as a list of licences: valid, complete, the same every time."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
LIBRARY = {
    "name": "urllib3",
    "version": "2.8.0",
    "licence": "MIT",
    "purl": "pkg:pypi/urllib3@2.8.0",
    "supplier": "The urllib3 project",
    "page": "https://github.com/urllib3/urllib3",
    "hashes": {"sha256": "0" * 64},
}
NEEDED = {"name": "openssl", "bundled": False}


@pytest.fixture(scope="module")
def sbom(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("sbom")


def made(sbom: ModuleType, directory: Path, *rows: dict[str, Any], file: str = "waagent_3.0.0_all.deb") -> str:
    """The document of an artifact with these components."""
    (directory / file).write_bytes(b"a package")
    (directory / "parts.json").write_text(json.dumps(rows))
    return str(sbom.document(directory / file, "waagent", "3.0.0", sbom.parts(directory / "parts.json")))


def read(*arguments: Any, **options: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(made(*arguments, **options))
    return document


def run(directory: Path, *rows: dict[str, Any]) -> "subprocess.CompletedProcess[str]":
    """The program itself."""
    file = directory / "waagent_3.0.0_all.deb"
    file.write_bytes(b"a package")
    (directory / "parts.json").write_text(json.dumps(rows))
    command = [sys.executable, str(PROJECT / "packaging/sbom.py"), str(file), "--version", "3.0.0"]
    command += ["--components", str(directory / "parts.json"), "-o", f"{file}.cdx.json"]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1767225600"}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)


def test_the_program_writes_both_documents_with_the_time_of_the_commit(tmp_path: Path) -> None:
    done = run(tmp_path, LIBRARY)
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads((tmp_path / "waagent_3.0.0_all.deb.cdx.json").read_text())
    assert document["metadata"]["timestamp"] == "2026-01-01T00:00:00+00:00"
    assert (
        (tmp_path / "waagent_3.0.0_all.deb.licences.txt").read_text().startswith("Licences of what is in waagent_3.0.0_all.deb")
    )


def test_the_program_refuses_in_one_sentence_and_writes_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, {**LIBRARY, "licence": "My own"})
    assert done.returncode == 1
    assert done.stderr.startswith('sbom.py: "My own" is no licence in the words of SPDX')
    assert {path.name for path in tmp_path.iterdir()} == {"waagent_3.0.0_all.deb", "parts.json"}


def test_the_document_names_the_artifact_and_all_that_is_in_it(sbom: ModuleType, tmp_path: Path) -> None:
    document = read(sbom, tmp_path, LIBRARY, NEEDED)
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    subject = document["metadata"]["component"]
    assert (subject["name"], subject["version"], subject["purl"]) == (
        "waagent",
        "3.0.0",
        "pkg:deb/debian/waagent@3.0.0?arch=all",
    )
    assert subject["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    rows = {row["name"]: row for row in document["components"]}
    assert rows["urllib3"]["licenses"] == [{"license": {"id": "MIT"}}]
    assert rows["urllib3"]["hashes"] == [{"alg": "SHA-256", "content": "0" * 64}]
    assert {name: row["properties"][0]["value"] for name, row in rows.items()} == {
        "urllib3": "yes",
        "openssl": "no, the system brings it",
    }
    (depends,) = [row for row in document["dependencies"] if row["ref"] == subject["bom-ref"]]
    assert set(depends["dependsOn"]) == {row["bom-ref"] for row in document["components"]}


def test_the_list_for_people_tells_what_is_in_it_from_what_is_needed(sbom: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "parts.json").write_text(json.dumps([NEEDED, LIBRARY]))
    text = sbom.licences("waagent_3.0.0_all.deb", "3.0.0", sbom.parts(tmp_path / "parts.json"))
    inside, needed = text.split("Needed, and not in it:")
    assert [line.split() for line in inside.splitlines()[2:] if line] == [
        ["waagent", "3.0.0", "Apache-2.0"],
        ["urllib3", "2.8.0", "MIT"],
    ]
    assert needed.split() == ["openssl"]


def test_the_same_artifact_gives_the_same_document_and_another_one_another(sbom: ModuleType, tmp_path: Path) -> None:
    documents = [made(sbom, tmp_path, *rows) for rows in ([LIBRARY, NEEDED], [NEEDED, LIBRARY], [LIBRARY])]
    assert documents[0] == documents[1] != documents[2]
    assert json.loads(documents[0])["serialNumber"] != json.loads(documents[2])["serialNumber"]


@pytest.mark.parametrize(
    ("file", "purl"),
    [
        ("WALinuxAgent-3.0.0-1.noarch.rpm", "pkg:rpm/waagent@3.0.0?arch=noarch"),
        ("waagent-3.0.0-py3-none-any.whl", "pkg:pypi/waagent@3.0.0?file_name=waagent-3.0.0-py3-none-any.whl"),
        ("waagent-portable-x86_64.tar.xz", "pkg:generic/waagent@3.0.0?file_name=waagent-portable-x86_64.tar.xz"),
    ],
)
def test_each_kind_of_artifact_has_the_address_of_its_kind(sbom: ModuleType, tmp_path: Path, file: str, purl: str) -> None:
    assert read(sbom, tmp_path, file=file)["metadata"]["component"]["purl"] == purl


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({**LIBRARY, "licence": "My own"}, "no licence in the words of SPDX"),
        ({**LIBRARY, "licence": ""}, "its version and its licence have to be given"),
        ({**LIBRARY, "version": ""}, "its version and its licence have to be given"),
        ({**LIBRARY, "license": "MIT"}, "urllib3"),
        ({**LIBRARY, "hashes": {"sha256": "beef"}}, r"not CycloneDX 1\.6"),
    ],
)
def test_what_must_not_be_published_is_refused(sbom: ModuleType, tmp_path: Path, row: dict[str, Any], told: str) -> None:
    with pytest.raises(sbom.Unsound, match=told):
        made(sbom, tmp_path, row)


def test_expressions_of_several_licences_are_kept_as_they_are(sbom: ModuleType, tmp_path: Path) -> None:
    document = read(sbom, tmp_path, {**LIBRARY, "licence": "MIT OR Apache-2.0"})
    assert document["components"][0]["licenses"] == [{"expression": "MIT OR Apache-2.0"}]
