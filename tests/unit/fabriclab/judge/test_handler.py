"""What a handler is called, and the package that is published of it."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from fabriclab.judge import handler
from fabriclab.judge.handler import BadHandler
from fabriclab.samples import package


def manifest(**more: Any) -> bytes:
    commands = {f"{name}Command": f"run.sh {name}" for name in ("install", "enable", "update", "disable", "uninstall")}
    return json.dumps([{"handlerManifest": commands, **more}]).encode()


def directory(place: Path, at: str = "src", **more: Any) -> str:
    made = place / at
    made.mkdir()
    (made / "HandlerManifest.json").write_bytes(manifest(**more))
    (made / "run.sh").write_text("#!/bin/sh\nexit 0\n")
    return str(made)


def test_name_and_version_come_from_the_manifest(tmp_path: Path) -> None:
    found = handler.load(directory(tmp_path, name="Contoso.Sample", version="1.2.3"))
    assert (found.name, found.version) == ("Contoso.Sample", "1.2.3")


def test_a_version_that_is_a_number_is_not_rounded(tmp_path: Path) -> None:
    place = directory(tmp_path)
    text = manifest(name="Contoso.Sample").replace(b'"name"', b'"version": 1.10, "name"')
    (Path(place) / "HandlerManifest.json").write_bytes(text)
    assert handler.load(place).version == "1.10"


def test_a_name_without_publisher_gets_one(tmp_path: Path) -> None:
    assert handler.load(directory(tmp_path, name="Sample", version="1.0")).name == "Lab.Sample"


@pytest.mark.parametrize("name", ["Contoso.Sample-1.4.0", "Contoso.Sample__1.4.0"])
def test_the_name_of_a_directory_says_both(tmp_path: Path, name: str) -> None:
    found = handler.load(directory(tmp_path, name))
    assert (found.name, found.version) == ("Contoso.Sample", "1.4.0")


def test_signing_info_goes_before_the_directory(tmp_path: Path) -> None:
    info = {"publisher": "Contoso.Compute", "type": "Sample", "version": "2.0.1"}
    found = handler.load(directory(tmp_path, "Other.Name-1.0", signingInfo=info))
    assert (found.name, found.version) == ("Contoso.Compute.Sample", "2.0.1")


def test_a_zip_is_named_like_a_directory(tmp_path: Path) -> None:
    place = tmp_path / "Contoso.Sample__1.4.0.zip"
    place.write_bytes(package.archive({"HandlerManifest.json": manifest(), "run.sh": b"#!/bin/sh\n"}))
    found = handler.load(str(place))
    assert (found.name, found.version) == ("Contoso.Sample", "1.4.0")


@pytest.mark.parametrize(
    ("more", "given", "reason"),
    [
        ({"version": "1.0"}, {}, "use --name Publisher.Type"),
        ({"name": "A.B"}, {}, "use --version 1.0.0"),
        ({"name": "A.B", "version": "next"}, {}, "use --version 1.0.0"),
        ({"name": "A.B", "version": "1"}, {"name": "Contoso-Sample"}, "not of the form Publisher.Type"),
        ({"name": "A.B", "version": "1"}, {"version": "1.x"}, "not one to four numbers"),
    ],
)
def test_what_cannot_be_told_is_said(tmp_path: Path, more: dict[str, Any], given: dict[str, str], reason: str) -> None:
    with pytest.raises(BadHandler, match=reason):
        handler.load(directory(tmp_path, **more), **given)


def test_what_is_no_handler_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "page.zip").write_text("<html>")
    for path, reason in (
        ("empty", "there is no HandlerManifest.json"),
        ("page.zip", "no zip"),
        ("none", "neither a directory"),
    ):
        with pytest.raises(BadHandler, match=reason):
            handler.load(str(tmp_path / path))


def test_commands_go_through_the_recorder_and_nothing_else_changes(tmp_path: Path) -> None:
    made = handler.load(directory(tmp_path, name="A.B", version="1.9"))
    with zipfile.ZipFile(io.BytesIO(made.package())) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    published = json.loads(files["HandlerManifest.json"])[0]
    assert published["handlerManifest"]["enableCommand"] == ".fabriclab/record enable"
    assert json.loads(files[".fabriclab/commands.json"])["enable"] == "run.sh enable"
    assert files["run.sh"] == made.source.files["run.sh"]
    assert (published["name"], made.next_version().version) == ("A.B", "1.10")


def test_a_missing_or_empty_command_stays_so(tmp_path: Path) -> None:
    place = directory(tmp_path, name="A.B", version="1")
    text = json.loads(manifest(name="A.B", version="1"))
    del text[0]["handlerManifest"]["updateCommand"]
    text[0]["handlerManifest"]["disableCommand"] = ""
    (Path(place) / "HandlerManifest.json").write_text(json.dumps(text))
    with zipfile.ZipFile(io.BytesIO(handler.load(place).package())) as packed:
        published = json.loads(packed.read("HandlerManifest.json"))[0]["handlerManifest"]
    assert "updateCommand" not in published and published["disableCommand"] == ""
