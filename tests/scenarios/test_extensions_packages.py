"""Packages end to end: several addresses, both channels, what comes damaged or hostile, and disks that are full or read-only.

Each failure says why in the handler's status, and the next goal state recovers from it.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fabriclab.faults.effects import Drip, Status, Truncate
from fabriclab.faults.rule import Rule
from fabriclab.samples import hostile
from fabriclab.scenario import hearing
from fabriclab.world.addresses import blob
from fabriclab.world.events import SetSwitch
from fabriclab.world.extension import Package
from scenarios import labs
from scenarios.extensions.stage import LIBRARY, Stage, brief, one, packed, staged

pytestmark = [*labs.in_a_guest, pytest.mark.xdist_group("extension-packages"), pytest.mark.timeout(300)]

PREFIX = "Failed to download artifacts: [ExtensionDownloadError] "


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("stage"), "ours") as made:
        yield made


@pytest.fixture(autouse=True)
def _no_faults(stage: Stage) -> Iterator[None]:
    yield
    stage.lab.fabric.clear_faults()


def message(stage: Stage, name: str) -> str:
    return hearing.message(stage.part(name))


def asked(stage: Stage, after: int, text: str) -> list[str]:
    return [
        entry.summary for entry in stage.lab.journal.since(after) if text in (entry.exchange.target if entry.exchange else "")
    ]


def test_a_second_address_helps_where_the_first_has_nothing(stage: Stage) -> None:
    good = stage.lab.fabric.blobs.put("elsewhere", "Pack.Two", packed())
    uris = (blob("nowhere", "Pack.Two"), good)
    stage.lab.fabric.inject(Rule(Status(404), service="hostplugin", path="*extensionArtifact*"))
    for version in range(3):  # the order is random: whichever comes first
        name = f"Pack.Two{version}"
        stage.publish(one(name, packages=(Package("1.0.0", uris),)))
        assert brief(stage.part(name)) == ("Ready", 0, "success", 0)


def test_a_second_address_helps_where_the_first_has_no_zip(stage: Stage) -> None:
    good = stage.lab.fabric.blobs.put("elsewhere", "Pack.Zip", packed())
    bad = stage.lab.fabric.blobs.put("elsewhere", "Pack.NoZip", b"<html></html>" * 50)
    for turn in range(3):
        stage.publish(one(f"Pack.Zip{turn}", packages=(Package("1.0.0", (bad, good)),)))
        assert brief(stage.part(f"Pack.Zip{turn}")) == ("Ready", 0, "success", 0)


def test_the_host_fetches_what_cannot_be_had_directly_and_stays_the_way_then(stage: Stage) -> None:
    stage.lab.fabric.inject(Rule(Status(404), service="blob", method="GET", path="*Pack.Host*"))
    mark = stage.lab.journal.last
    stage.publish(one("Pack.Host"))
    assert brief(stage.part("Pack.Host")) == ("Ready", 0, "success", 0)
    assert len(asked(stage, mark, "extensionArtifact")) == 2
    mark = stage.lab.journal.last
    stage.publish(one("Pack.Host"), one("Pack.After"))
    assert asked(stage, mark, "/Pack.After__1.0.0") == []
    assert brief(stage.part("Pack.After")) == ("Ready", 0, "success", 0)
    stage.lab.fabric.inject(Rule(Status(404), service="hostplugin", path="*extensionArtifact*"))
    stage.publish(one("Pack.Back"))
    assert brief(stage.part("Pack.Back")) == ("Ready", 0, "success", 0)


def test_a_download_that_is_cut_is_begun_anew(stage: Stage) -> None:
    stage.lab.fabric.inject(Rule(Truncate(), service="blob", path="*Pack.Cut__*", first=1))
    stage.publish(one("Pack.Cut"))
    assert brief(stage.part("Pack.Cut")) == ("Ready", 0, "success", 0)


def ranges(stage: Stage, after: int, service: str, name: str) -> list[str | None]:
    """Which parts of a package this service was asked for, None for the whole."""
    found = []
    for entry in stage.lab.journal.since(after):
        if entry.service == service and entry.exchange is not None:
            headers = {key.lower(): text for key, text in entry.exchange.request_headers}
            if f"/{name}__" in entry.exchange.target + headers.get("x-ms-artifact-location", ""):
                found.append(headers.get("range"))
    return found


def part(first: int) -> str:
    return f"bytes={first}-{first + 2 * 1024 * 1024 - 1}"


def test_a_large_download_that_is_cut_goes_on_where_it_was(stage: Stage) -> None:
    stage.lab.fabric.inject(Rule(Truncate(after=3_000_000), service="blob", path="*Pack.Long__*", first=1))
    stage.package("Pack.Long", files={"payload": os.urandom(6_000_000)})
    mark = stage.lab.journal.last
    stage.publish(one("Pack.Long"))
    assert brief(stage.part("Pack.Long")) == ("Ready", 0, "success", 0)
    asked_for = ranges(stage, mark, "blob", "Pack.Long")
    assert asked_for[:2] == [None, part(3_000_000)]
    assert None not in asked_for[1:]


@pytest.mark.parametrize("known", [True, False], ids=["the plugin knows ranges", "it does not"])
def test_where_storage_ends_in_mid_file_the_host_goes_on(stage: Stage, known: bool) -> None:
    name = f"Pack.Other{known}"
    stage.lab.fabric.apply(SetSwitch("plugin_ranges", known))
    stage.lab.fabric.inject(Rule(Truncate(after=3_000_000), service="blob", path=f"*{name}__*", first=1))
    stage.lab.fabric.inject(Rule(Status(404), service="blob", path=f"*{name}__*"))
    stage.restart()  # which channel comes first is remembered
    stage.package(name, files={"payload": os.urandom(6_000_000)})
    mark = stage.lab.journal.last
    stage.publish(one(name))
    assert brief(stage.part(name)) == ("Ready", 0, "success", 0)
    assert set(ranges(stage, mark, "blob", name)) == {None, part(3_000_000)}
    of_host = ranges(stage, mark, "hostplugin", name)
    assert of_host[0] == part(3_000_000)
    assert (None in of_host) is not known


def test_a_package_from_nowhere_is_1001_and_installed_by_the_next_goal_state(stage: Stage) -> None:
    for service, path in (("blob", "*Pack.Gone__*"), ("hostplugin", "*extensionArtifact*")):
        stage.lab.fabric.inject(Rule(Status(404), service=service, path=path))
    stage.publish(one("Pack.Gone"))
    assert brief(stage.part("Pack.Gone"))[:2] == ("NotReady", 1001)
    assert message(stage, "Pack.Gone").startswith(f"{PREFIX}Failed to download the package from all URIs")
    assert "sig=" not in message(stage, "Pack.Gone").replace("sig=REDACTED", "")
    assert stage.commands("Pack.Gone") == []
    stage.lab.fabric.clear_faults()
    stage.again()
    assert brief(stage.part("Pack.Gone")) == ("Ready", 0, "success", 0)


def test_a_manifest_from_nowhere_is_minus_one(stage: Stage) -> None:
    for service, path in (("blob", "*Pack.NoList_manifest*"), ("hostplugin", "*extensionArtifact*")):
        stage.lab.fabric.inject(Rule(Status(404), service=service, path=path))
    stage.publish(one("Pack.NoList"))
    assert brief(stage.part("Pack.NoList"))[:2] == ("NotReady", -1)
    assert message(stage, "Pack.NoList").startswith("[ExtensionError] Failed to get the manifest of extension Pack.NoList")


def test_a_version_without_address_is_minus_one(stage: Stage) -> None:
    stage.publish(one("Pack.NoUri", packages=(Package("1.0.0", ()),)))
    assert brief(stage.part("Pack.NoUri"))[:2] == ("NotReady", -1)


def test_packages_come_side_by_side(stage: Stage) -> None:
    names = [f"Side.N{number}" for number in range(4)]
    for name in names:
        stage.lab.fabric.inject(Rule(Drip(bytes=4000, seconds=1.0), service="blob", path=f"*{name}__*"))
        stage.package(name, files={"filler": bytes(range(256)) * 4})
    mark = stage.lab.journal.last
    stage.publish(*(one(name) for name in names))
    times = [entry.since for entry in stage.lab.journal.since(mark) if entry.exchange and "/Side." in entry.exchange.target]
    assert len(asked(stage, mark, "__1.0.0")) == 4
    assert max(times) - min(times) < 6, "one after the other"


def odd(**entries: bytes) -> bytes:
    """The probe with more entries, whose names are not looked at."""
    written = io.BytesIO(packed())
    with zipfile.ZipFile(written, "a") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return written.getvalue()


HOSTILE = {
    "Bad.Parent": (hostile.parent_entry("n"), "leads out of the directory"),
    "Bad.Backslash": (hostile.backslash_entry("n"), "leads out of the directory"),
    "Bad.NoZip": (hostile.not_a_zip("n"), "not a zip"),
    "Bad.Empty": (b"", "not a zip"),
    "Bad.Half": (hostile.truncated("n"), "not a zip"),
    "Bad.Sum": (hostile.wrong_sum("n"), "CRC"),
    "Bad.Case": (odd(**{"HANDLER.SH": b"#!/bin/sh\n"}), "twice"),
    "Bad.Many": (odd(**{f"d/{number}": b"" for number in range(50_100)}), "entries"),
    "Bad.Bomb": (hostile.bomb("n", size=300 * 1024 * 1024), "unpacks to"),
}


def test_hostile_packages_are_refused_with_the_reason_and_leave_nothing(stage: Stage) -> None:
    for name, (data, _) in HOSTILE.items():
        stage.put(name, "1.0.0", data)
    mark = stage.lab.journal.last
    stage.publish(*(one(name) for name in HOSTILE), wait=False)
    stage.worked_on(mark, patience=120)
    for name, (_, reason) in HOSTILE.items():
        assert brief(stage.part(name))[:2] == ("NotReady", 1001), name
        assert reason in message(stage, name), name
        left = stage.lab.guest.shell(
            f"cd {LIBRARY}; ls -d {name}__* .{name}* {name}*.unpacking; ls {name}-1.0.0"
        ).output.split()
        assert left == ["config"], name
    assert stage.lab.guest.shell(f"find / -xdev -name {hostile.MARK}").output == ""
    for name in HOSTILE:
        stage.package(name)
    stage.again()
    assert {brief(stage.part(name)) for name in HOSTILE} == {("Ready", 0, "success", 0)}


def test_names_that_are_made_harmless_stay_in_the_directory(stage: Stage) -> None:
    stage.put("Bad.Absolute", "1.0.0", odd(**{"/tmp/inside": b"x"}))
    stage.publish(one("Bad.Absolute"))
    assert brief(stage.part("Bad.Absolute")) == ("Ready", 0, "success", 0)
    assert stage.exists("Bad.Absolute-1.0.0/tmp/inside")
    assert not stage.exists("/tmp/inside")


def test_a_package_without_manifest_is_minus_one(stage: Stage) -> None:
    stage.package("Bad.NoManifest", files={"HandlerManifest.json": None})
    stage.publish(one("Bad.NoManifest"))
    assert brief(stage.part("Bad.NoManifest"))[:2] == ("NotReady", -1)
    assert message(stage, "Bad.NoManifest").startswith(f"{PREFIX}HandlerManifest.json was not found in the package")


SMALL = (
    f"mkdir -p /run/small && mount -t tmpfs -o size=%s,mode=700 small /run/small && cp -a {LIBRARY}/. /run/small && "
    f"mount --bind /run/small {LIBRARY}"
)


@contextmanager
def small_disk(stage: Stage, size: str) -> Iterator[None]:
    """The library directory on a file system of its own, for as long as this lasts."""
    assert stage.lab.guest.shell(SMALL % size).ok
    try:
        yield
    finally:
        stage.lab.guest.shell(f"umount -l {LIBRARY} /run/small")
    stage.restart()


def test_a_full_disk_is_told_and_recovered_from(stage: Stage) -> None:
    stage.publish()
    stage.package("Disk.Full", files={"payload": bytes(range(256)) * 4096 * 8})
    with small_disk(stage, "4m"):
        stage.publish(one("Disk.Full"))
        part = stage.part("Disk.Full")
        assert brief(part)[0] == "NotReady"
        assert "No space left" in message(stage, "Disk.Full")
        assert stage.lab.service.is_running
        stage.lab.guest.shell("mount -o remount,size=64m /run/small")
        stage.again()
        assert brief(stage.part("Disk.Full")) == ("Ready", 0, "success", 0)


FILL = "dd if=/dev/zero of=/run/small/filler bs=4k >/dev/null 2>&1; exit 0"
LOCK = (  # another mount in its place: what a command has open holds the one below up
    "mkdir -p /run/locked && mount --bind /run/small /run/locked && mount -o remount,bind,ro /run/locked && "
    f"mount --bind /run/locked {LIBRARY}; exit 0"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "undo", "reason"),
    [(FILL, "rm /run/small/filler", "No space left"), (LOCK, f"umount {LIBRARY} /run/locked", "Read-only file system")],
    ids=["full", "read-only"],
)
def test_a_disk_that_takes_nothing_more_in_mid_update_is_told_and_recovered_from(
    stage: Stage, script: str, undo: str, reason: str
) -> None:
    """Whichever of its commands it is that fills the disk; what is done then is not done again."""
    stage.publish()
    for number, (version, command) in enumerate((("1.0.0", "disable"), ("2.0.0", "update"), ("1.0.0", "uninstall"))):
        name = f"Disk.{reason.split('-')[0].split()[0]}{number}"
        with small_disk(stage, "8m"):
            stage.publish(one(name))
            stage.wish(f"{name}-{version}", command, script)
            stage.publish(one(name, "2.0.0", 1))
            assert reason in str(stage.part(name)), command
            assert stage.lab.service.is_running
            stage.forget(f"{name}-{version}")
            assert stage.lab.guest.shell(undo).ok
            stage.again()
            assert brief(stage.part(name)) == ("Ready", 0, "success", 0), command
            assert (stage.state(f"{name}-2.0.0"), stage.exists(f"{name}-1.0.0")) == ("Enabled", False), command
            done = stage.commands(name)
            assert done[-2:] == ["2.0.0 install 1", "2.0.0 enable 1"], command
            assert done.count("1.0.0 disable 1") == 1 or command != "update", done
            stage.publish()


def test_a_read_only_disk_is_told_and_recovered_from(stage: Stage) -> None:
    stage.publish(one("Disk.Before"))
    assert stage.lab.guest.shell(f"mount --bind {LIBRARY} {LIBRARY} && mount -o remount,bind,ro {LIBRARY}").ok
    try:
        stage.publish(one("Disk.Before"), one("Disk.New"))
        told = hearing.message(stage.part("Disk.New")) + str(stage.part("Disk.New"))
        assert "Read-only file system" in told
        assert stage.lab.service.is_running
    finally:
        stage.lab.guest.shell(f"umount {LIBRARY}")
    stage.again()
    assert brief(stage.part("Disk.New")) == ("Ready", 0, "success", 0)
    assert brief(stage.part("Disk.Before")) == ("Ready", 0, "success", 0)


def test_nothing_of_a_package_is_left_in_the_library(stage: Stage) -> None:
    stage.publish(one("Pack.Last"))
    assert stage.lab.guest.shell(f"ls {LIBRARY} | grep -E 'zip|unpacking|removed'").output == ""
