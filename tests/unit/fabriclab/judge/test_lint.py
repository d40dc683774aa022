"""Packages judged without running them: each rule is violated by the package that is wrong in just that way."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from fabriclab.judge import lint
from fabriclab.judge.handler import BadHandler
from fabriclab.judge.rule import HELD, VIOLATED, Finding
from fabriclab.samples import hostile, package

NAME = "Contoso.Sample"
SCRIPT = b"#!/bin/sh\nexit 0\n"
COMMANDS = {f"{name}Command": f"run.sh {name}" for name in ("install", "enable", "update", "disable", "uninstall")}


def manifest(changes: dict[str, Any] | None = None, **handler: Any) -> bytes:
    inside = {key: value for key, value in (COMMANDS | handler).items() if value is not None}
    return json.dumps([{"name": NAME, "version": "1.0.0", "handlerManifest": inside} | (changes or {})]).encode()


def directory(place: Path, files: dict[str, bytes]) -> str:
    for name, content in ({"HandlerManifest.json": manifest(), "run.sh": SCRIPT} | files).items():
        path = place / "handler" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return str(place / "handler")


def violated(findings: tuple[Finding, ...]) -> list[str]:
    return [one.rule for one in findings if one.outcome == VIOLATED]


def zipped(place: Path, data: bytes) -> str:
    path = place / "package.zip"
    path.write_bytes(data)
    return str(path)


def test_a_good_directory_violates_nothing(tmp_path: Path) -> None:
    assert violated(lint.lint(directory(tmp_path, {}))) == []


def test_the_zip_of_the_good_sample_keeps_every_rule(tmp_path: Path) -> None:
    found = lint.lint(zipped(tmp_path, package.pack("good", NAME)))
    assert {one.outcome for one in found} == {HELD}


DIRECTORIES: list[tuple[str, dict[str, bytes]]] = [
    ("names", {"mrseq": b"0"}),
    ("names", {"status/0.status": b"[]"}),
    ("names", {"schön.txt": b""}),
    ("manifest", {"other/HandlerManifest.json": manifest()}),
    ("manifest-form", {"HandlerManifest.json": b"[{"}),
    ("manifest-form", {"HandlerManifest.json": b'{"handlerManifest": {}}'}),
    ("manifest-form", {"HandlerManifest.json": b'[{"handlerManifest": null}]'}),
    ("manifest-form", {"HandlerManifest.json": manifest(updateMode="Whenever")}),
    ("manifest-form", {"HandlerManifest.json": manifest(reportHeartbeat="yes")}),
    ("commands", {"HandlerManifest.json": manifest(updateCommand=None)}),
    ("commands", {"HandlerManifest.json": manifest(updateCommand="")}),
    ("commands", {"HandlerManifest.json": manifest(updateCommand=["run.sh"])}),
    ("commands-exist", {"HandlerManifest.json": manifest(enableCommand="bash run.sh")}),
    ("commands-exist", {"HandlerManifest.json": manifest(enableCommand="Run.sh enable")}),
    ("commands-exist", {"HandlerManifest.json": manifest(enableCommand="run.sh 'enable")}),
    ("commands-run", {"run.sh": b"exit 0\n"}),
    ("commands-run", {"run.sh": b"#!/usr/bin/env python\n"}),
    ("commands-run", {"run.sh": b"#!/opt/nowhere/ruby\n"}),
    ("commands-run", {"run.sh": b"#!sh\n"}),
    ("line-ends", {"run.sh": b"#!/bin/sh\r\nexit 0\r\n"}),
    ("line-ends", {"run.sh": b"\xef\xbb\xbf#!/bin/sh\n"}),
    ("keys", {"server.pem": b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n"}),
    ("junk", {".git/HEAD": b"ref"}),
]


@pytest.mark.parametrize(("rule", "files"), DIRECTORIES, ids=[f"{rule} {min(files)}" for rule, files in DIRECTORIES])
def test_a_directory_that_is_wrong_in_one_way(tmp_path: Path, rule: str, files: dict[str, bytes]) -> None:
    found = lint.lint(directory(tmp_path, files))
    assert violated(found) == [rule]
    assert all(one.details and one.advice for one in found if one.outcome == VIOLATED)


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("parent-entry", "zip"),
        ("absolute-entry", "zip"),
        ("symlink-entry", "zip"),
        ("backslash-entry", "zip"),
        ("not-a-zip", "zip"),
        ("empty", "zip"),
        ("truncated", "zip"),
        ("wrong-sum", "zip"),
        ("bomb", "size"),
        ("manifest-not-json", "manifest-form"),
        ("manifest-null", "manifest-form"),
    ],
)
def test_a_hostile_package(tmp_path: Path, kind: str, rule: str) -> None:
    assert rule in violated(lint.lint(zipped(tmp_path, hostile.BUILDERS[kind](NAME, "1.0.0"))))


def test_names_that_differ_by_case_alone(tmp_path: Path) -> None:
    data = package.archive({"HandlerManifest.json": manifest(), "run.sh": SCRIPT, "RUN.sh": SCRIPT})
    assert violated(lint.lint(zipped(tmp_path, data))) == ["zip"]


def test_a_packed_directory_instead_of_its_content(tmp_path: Path) -> None:
    data = package.archive({"handler/HandlerManifest.json": manifest(), "handler/run.sh": SCRIPT})
    assert violated(lint.lint(zipped(tmp_path, data))) == ["manifest", "commands-exist"]


def test_a_package_without_a_manifest_names_one_of_another_case(tmp_path: Path) -> None:
    found = lint.lint(zipped(tmp_path, package.archive({"handlermanifest.json": manifest(), "run.sh": SCRIPT})))
    assert violated(found) == ["manifest"]
    assert next(one for one in found if one.rule == "manifest").evidence == "there is none, but handlermanifest.json"


def test_many_files(tmp_path: Path) -> None:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as packed:
        packed.writestr("HandlerManifest.json", manifest())
        packed.writestr("run.sh", SCRIPT)
        for number in range(lint.ENTRIES):
            packed.writestr(f"data/{number}", b"")
    assert violated(lint.lint(zipped(tmp_path, written.getvalue()))) == ["size"]


def test_a_byte_order_mark_before_the_manifest_is_harmless(tmp_path: Path) -> None:
    assert violated(lint.lint(zipped(tmp_path, hostile.manifest_with_bom(NAME)))) == []


def test_booleans_as_text_are_tolerated_and_told(tmp_path: Path) -> None:
    found = lint.lint(directory(tmp_path, {"HandlerManifest.json": manifest(reportHeartbeat="true", rebootAfterInstall=True)}))
    told = next(one for one in found if one.rule == "manifest-form")
    assert (told.outcome, told.evidence) == (
        HELD,
        'tolerated: reportHeartbeat is the text "true", rebootAfterInstall does nothing',
    )


def test_what_is_not_there_cannot_be_judged(tmp_path: Path) -> None:
    with pytest.raises(BadHandler, match="neither a directory"):
        lint.lint(str(tmp_path / "none"))


def test_every_rule_can_fail() -> None:
    tested = {rule for rule, _ in DIRECTORIES} | {"zip", "size"}
    assert {one.name for one in lint.CHECKS} - tested == {"identity"}, "identity only tells"
