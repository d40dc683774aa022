"""Packages: what is in them, and what is wrong with the hostile ones."""

import json
import stat
import zipfile
from io import BytesIO

import pytest

from fabriclab.samples import hostile, package
from fabriclab.samples.package import MANIFEST, NoSample

NAME = "Contoso.Lab.Good"


def entries(packed: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(BytesIO(packed)) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def test_a_package_holds_the_scripts_and_a_manifest_of_its_name_and_version() -> None:
    content = entries(package.pack("good", NAME, "1.2.3"))
    assert set(content) == {MANIFEST, "handler.sh", "shell/handler.sh"}
    (manifest,) = json.loads(content[MANIFEST])
    assert (manifest["name"], manifest["version"]) == ("Good", "1.2.3")
    assert manifest["handlerManifest"]["enableCommand"] == "handler.sh enable"


def test_the_same_sample_gives_the_same_bytes() -> None:
    assert package.pack("good", NAME) == package.pack("good", NAME)


def test_the_manifest_can_be_changed_and_files_replaced() -> None:
    changes = {"updateMode": "UpdateWithoutInstall", "enableCommand": None}
    content = entries(package.pack("good", NAME, manifest=changes, replace={"more": b"x"}))
    handler = json.loads(content[MANIFEST])[0]["handlerManifest"]
    assert handler["updateMode"] == "UpdateWithoutInstall"
    assert "enableCommand" not in handler
    assert content["more"] == b"x"


def test_every_sample_but_one_has_a_manifest() -> None:
    without = {sample for sample in package.names() if MANIFEST not in entries(package.pack(sample, NAME))}
    assert without == {"nomanifest"}
    assert {"good", "failing", "slow", "hanging", "multi"} <= set(package.names())


def test_multi_and_heartbeat_say_what_they_are_in_their_manifests() -> None:
    multi = json.loads(entries(package.pack("multi", NAME))[MANIFEST])[0]["handlerManifest"]
    heartbeat = json.loads(entries(package.pack("heartbeat", NAME))[MANIFEST])[0]["handlerManifest"]
    assert multi["supportsMultipleExtensions"] is True
    assert heartbeat["reportHeartbeat"] == "true"


def test_an_unknown_sample_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(NoSample, match="no such sample; there are careless, detached, failing, good"):
        package.pack("nonsense", NAME)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("parent-entry", f"../../{hostile.MARK}"),
        ("absolute-entry", f"/tmp/{hostile.MARK}"),
        ("backslash-entry", f"..\\..\\{hostile.MARK}"),
        ("symlink-entry", f"out/{hostile.MARK}"),
    ],
)
def test_a_hostile_entry_has_the_name_that_leads_out(kind: str, name: str) -> None:
    assert name in entries(hostile.BUILDERS[kind](NAME, "1.0.0"))


def test_the_link_entry_is_a_link() -> None:
    with zipfile.ZipFile(BytesIO(hostile.symlink_entry(NAME))) as archive:
        assert stat.S_ISLNK(archive.getinfo("out").external_attr >> 16)
        assert archive.read("out") == b"/tmp"


@pytest.mark.parametrize("kind", ["not-a-zip", "empty", "truncated"])
def test_what_is_no_zip_does_not_open(kind: str) -> None:
    with pytest.raises(zipfile.BadZipFile):
        entries(hostile.BUILDERS[kind](NAME, "1.0.0"))


def test_a_wrong_sum_shows_only_when_the_entry_is_read() -> None:
    with zipfile.ZipFile(BytesIO(hostile.wrong_sum(NAME))) as archive:
        assert "handler.sh" in archive.namelist()
        assert archive.testzip() == "AAA"


def test_a_bomb_is_small_until_it_is_unpacked() -> None:
    packed = hostile.bomb(NAME, size=1024 * 1024)
    assert len(packed) < 10_000
    assert len(entries(packed)["zeros"]) == 1024 * 1024


def test_hostile_manifests_are_broken_each_in_its_way() -> None:
    with pytest.raises(ValueError):
        json.loads(entries(hostile.manifest_not_json(NAME))[MANIFEST])
    assert json.loads(entries(hostile.manifest_null(NAME))[MANIFEST]) == [{"handlerManifest": None}]
    assert entries(hostile.manifest_with_bom(NAME))[MANIFEST].startswith(b"\xef\xbb\xbf[")
