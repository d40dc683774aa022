"""A package becomes a directory, whatever is in it, or nothing changes (extensions.md 5.3)."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest

from unit.extension.packages import DEVICE, FILE, LINK, MANIFEST, PLACE, Entry, package, special
from unit.fakes import MemoryFiles
from waagent.extension import archive
from waagent.extension.unpack import read_manifest, unpack
from waagent.model.failure import ExtensionFailure
from waagent.system.port import Files
from waagent.system.real.files import RealFiles

SCRIPT = b"#!/bin/sh\necho enabled\n"


def machine(content: bytes, **options: Any) -> MemoryFiles:
    return MemoryFiles(**options).put(PLACE.package, content)


def refused(files: Files) -> str:
    """The text of the failure; nothing of the package is left."""
    with pytest.raises(ExtensionFailure) as caught:
        unpack(files, PLACE)
    assert caught.value.code == 1001
    assert str(caught.value).startswith(
        "[ExtensionDownloadError] Failed to unpack Contoso.Lab.Script__1.2.3.zip\nInner error: "
    )
    assert not files.exists(PLACE.draft)
    return str(caught.value)


def test_files_get_a_directory_and_the_right_to_run() -> None:
    files = machine(package(("bin/run.sh", SCRIPT), ("empty/", b""), ("./a//b", b"2")))
    done = unpack(files, PLACE)
    assert (done.files, done.size, done.remarks) == (3, len(SCRIPT) + 1 + len(MANIFEST), ())
    assert files.tree(PLACE.base) == {
        PLACE.base: "directory 0755 0:0",
        f"{PLACE.base}/HandlerManifest.json": f"file 0644 0:0 {MANIFEST.decode()}",
        f"{PLACE.base}/a": "directory 0755 0:0",
        f"{PLACE.base}/a/b": "file 0744 0:0 2",
        f"{PLACE.base}/bin": "directory 0755 0:0",
        f"{PLACE.base}/bin/run.sh": f"file 0744 0:0 {SCRIPT.decode()}".rstrip(" "),
        f"{PLACE.base}/empty": "directory 0755 0:0",
    }
    assert files.synced == [PLACE.draft]
    assert files.names(PLACE.base.rpartition("/")[0]) == ("Contoso.Lab.Script-1.2.3", "Contoso.Lab.Script__1.2.3.zip")


def test_a_setuid_bit_of_the_package_is_not_taken_over() -> None:
    files = machine(package((special("bin/su", FILE, 0o6755), b"x")))
    unpack(files, PLACE)
    facts = files.facts(f"{PLACE.base}/bin/su")
    assert facts is not None and facts.mode == 0o744


def test_on_a_real_disk_a_package_is_unpacked_beside_what_was_there(tmp_path: Path) -> None:
    files = RealFiles(str(tmp_path))
    files.make_directory(PLACE.config, 0o700)
    files.write(PLACE.state, b"NotInstalled", 0o644)
    files.make_directory(f"{PLACE.base}/bin")
    files.write(f"{PLACE.base}/bin/run.sh", b"of an earlier try")
    files.write(f"{PLACE.base}/bin/own", b"of the extension")
    files.symlink(f"{PLACE.base}/share", "/etc")
    files.write(PLACE.package, package(("bin/run.sh", SCRIPT), ("share/x", b"1"), ("config/defaults", b"2")))
    unpack(files, PLACE)
    assert files.read(f"{PLACE.base}/bin/run.sh") == SCRIPT
    assert files.read(f"{PLACE.base}/bin/own") == b"of the extension"
    assert files.read(PLACE.state) == b"NotInstalled"
    assert files.read(f"{PLACE.base}/config/defaults") == b"2"
    assert files.facts(PLACE.config).mode == 0o700  # type: ignore[union-attr]
    assert not files.exists("/etc/x") and files.read(f"{PLACE.base}/share/x") == b"1"
    assert not files.exists(PLACE.draft)


def test_what_a_killed_agent_left_half_done_is_thrown_away() -> None:
    files = machine(package()).put(f"{PLACE.draft}/half", b"half")
    unpack(files, PLACE)
    assert files.names(PLACE.base) == ("HandlerManifest.json",)


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ([("../evil", b"")], "leads out of the directory"),
        ([("bin/../../evil", b"")], "leads out of the directory"),
        ([("..\\evil", b"")], "leads out of the directory"),
        ([("bin/..", b"")], "leads out of the directory"),
        ([("a", b"1"), ("a", b"2")], "there twice"),
        ([("./a", b"1"), ("a", b"2")], "there twice"),
        ([("bin/Run.sh", b"1"), ("bin/run.sh", b"2")], "there twice"),
        ([("Bin/a", b"1"), ("bin/b", b"2")], "there twice"),
        ([("handlermanifest.json", b"1")], "there twice"),
        ([("a", b"1"), ("a/b", b"2")], "there twice"),
        ([("a/b", b"1"), ("a", b"2")], "there twice"),
        ([("/".join("a" * 70), b"1")], "too long"),
        ([("n" * 256, b"1")], "too long"),
    ],
)
def test_names_that_could_do_harm_are_refused(entries: list[Entry], why: str) -> None:
    files = machine(package(*entries))
    before = files.tree()
    assert why in refused(files)
    assert files.tree() == before


def test_an_absolute_name_stays_inside() -> None:
    files = machine(package(("/etc/cron.d/evil", b"1"), ("C:\\x", b"2")))
    unpack(files, PLACE)
    assert files.read(f"{PLACE.base}/etc/cron.d/evil") == b"1"
    assert files.read(f"{PLACE.base}/C:\\x") == b"2"
    assert not files.exists("/etc/cron.d/evil")


@pytest.mark.parametrize("kind", [LINK, DEVICE])
def test_links_and_devices_become_plain_files(kind: int) -> None:
    files = machine(package((special("bin/sh", kind), b"/etc/passwd")))
    done = unpack(files, PLACE)
    assert files.tree(f"{PLACE.base}/bin/sh") == {f"{PLACE.base}/bin/sh": "file 0744 0:0 /etc/passwd"}
    assert "becomes a plain file" in done.remarks[0]


def test_an_entry_below_a_link_of_the_package_is_refused() -> None:
    assert "there twice" in refused(machine(package((special("out", LINK), b"/etc"), ("out/passwd", b"evil"))))


def test_a_package_cannot_say_that_it_is_installed() -> None:
    ours = ("config/HandlerState", "config/a.HandlerState", "config/HandlerStatus", "package_validated")
    files = machine(package(*((name, b"Enabled") for name in ours), ("config/mine", b"1")))
    done = unpack(files, PLACE)
    assert files.names(PLACE.config) == ("mine",)
    assert not files.exists(PLACE.package_validated)
    assert len(done.remarks) == 4


def test_a_header_that_lies_about_the_size_ends_in_a_refusal() -> None:
    bomb = package(("bomb", b"\0" * 3_000_000), manifest=None)
    at = bomb.index(b"PK\1\2") + 24  # uncompressed size in the zip's directory
    lying = bomb[:at] + struct.pack("<I", 10) + bomb[at + 4 :]
    assert "not a zip that can be read: Bad CRC-32" in refused(machine(lying))


def test_a_package_that_unpacks_to_far_too_much_is_refused() -> None:
    assert archive.size_limit(1000) == archive.FREE_SIZE
    assert archive.size_limit(10 * 1024**2) == 1000 * 1024**2
    assert archive.size_limit(1024**3) == archive.SIZE_LIMIT
    content = package(("bomb", b"\0" * 2_000_000), manifest=None)
    with (
        archive.opened(io.BytesIO(content), "p.zip") as opened,
        pytest.raises(Exception, match="2000000 bytes, more than 1999999"),
    ):
        archive.listing(opened, "p.zip", 1_999_999)


def test_too_many_entries_are_refused() -> None:
    many = package(*((f"{number}", b"") for number in range(archive.ENTRY_LIMIT)), compression=zipfile.ZIP_STORED)
    assert "entries, more than 50000" in refused(machine(many))


def test_directories_count_as_entries(tmp_path: Path) -> None:
    deep = [("/".join([str(number)] * 60), b"") for number in range(900)]
    assert "more than 50000 directories and files" in refused(machine(package(*deep)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK",
        b"<html>not found</html>",
        package()[:-30],
        package(("a", b"x" * 5000), compression=zipfile.ZIP_STORED).replace(b"xxxx", b"xxyx", 1),
        package(("a", b"1"), compression=zipfile.ZIP_BZIP2),
        package(("a", b"1"), compression=zipfile.ZIP_LZMA),
    ],
)
def test_what_is_no_sound_zip_is_refused(content: bytes) -> None:
    refused(machine(content))


def test_a_directory_of_a_zip_that_is_too_long_is_not_read() -> None:
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, archive.DIRECTORY_LIMIT + 1, 0, 0)
    assert "too long" in refused(machine(b"\0" * (archive.DIRECTORY_LIMIT + 1) + end))


def test_an_encrypted_entry_is_refused() -> None:
    content = bytearray(package(("a", b"1"), manifest=None))
    content[content.index(b"PK\1\2") + 8] |= 1
    assert "encrypted" in refused(machine(bytes(content)))


def test_a_missing_package_is_said() -> None:
    files = MemoryFiles().put_directory("/var/lib/waagent")
    assert "No such file" in refused(files)


def test_a_full_disk_is_seen_before_it_is_filled() -> None:
    files = machine(package(("big", b"x" * 5000)), space=4000)
    assert "No space left in /var/lib/waagent: " in refused(files)
    assert files.changes.count(PLACE.draft) == 2  # removed before and after, never made


class FullDisk(MemoryFiles):
    """Every file refuses what is written into it."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason

    def create(self, path: str, mode: int = 0o600) -> Any:
        self.break_at(path, self.reason)
        return super().create(path, mode)


@pytest.mark.parametrize("reason", ["No space left on device", "Read-only file system"])
def test_a_disk_that_refuses_leaves_the_old_directory_as_it_was(reason: str) -> None:
    files = FullDisk(reason)
    files.put(PLACE.package, package()).put(PLACE.state, b"FailedUpgrade")
    before = files.tree(PLACE.base)
    assert reason in refused(files)
    assert files.tree(PLACE.base) == before


def test_a_read_only_disk_is_one_failure_not_two() -> None:
    files = machine(package()).break_at(PLACE.draft, "Read-only file system")
    with pytest.raises(ExtensionFailure, match="Read-only file system"):
        unpack(files, PLACE)


class Killed(BaseException):
    """The process is gone."""


class Mortal(MemoryFiles):
    """Dies at the n-th change."""

    left = 10**9

    def _place(self, *arguments: Any, **options: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise Killed
        return super()._place(*arguments, **options)


@pytest.mark.parametrize("there", [True, False])
def test_killed_at_any_point_the_next_try_ends_as_an_undisturbed_one(there: bool) -> None:
    def fresh() -> Mortal:
        files = Mortal()
        files.put(PLACE.package, package(("bin/run.sh", SCRIPT), ("bin/lib/x", b"1"), ("empty/", b"")))
        if there:
            files.put(PLACE.state, b"NotInstalled").put(f"{PLACE.base}/bin/run.sh", b"old")
        return files

    undisturbed = fresh()
    unpack(undisturbed, PLACE)
    steps = 0
    while True:
        files = fresh()
        files.left = steps
        try:
            unpack(files, PLACE)
            break
        except Killed:
            files.left = 10**9
        if there:
            assert files.read(PLACE.state) == b"NotInstalled"
        else:
            assert files.facts(PLACE.base) is None or files.tree(PLACE.base) == undisturbed.tree(PLACE.base)
        unpack(files, PLACE)
        assert files.tree() == undisturbed.tree()
        steps += 1
    assert steps > 8


# -- the manifest


def test_a_manifest_deep_in_the_package_is_written_at_the_top_without_its_mark() -> None:
    marked = b"\xef\xbb\xbf" + MANIFEST
    files = machine(
        package(
            ("z/HandlerManifest.json", b"[]"),
            ("b/c/HandlerManifest.json", b"[]"),
            ("a/HandlerManifest.json", marked),
            manifest=None,
        )
    )
    unpack(files, PLACE)
    assert files.read(PLACE.manifest) == MANIFEST
    assert read_manifest(files, PLACE, fresh=True).enable_command == "bin/run.sh enable"


def test_a_package_without_a_manifest_is_an_error_of_downloading() -> None:
    files = machine(package(("bin/run.sh", SCRIPT), manifest=None))
    unpack(files, PLACE)
    with pytest.raises(ExtensionFailure) as caught:
        read_manifest(files, PLACE, fresh=True)
    assert (caught.value.kind, caught.value.code) == ("ExtensionDownloadError", -1)


@pytest.mark.parametrize(("content", "code"), [(None, 1002), (b"{", 1003), (b"{}", -1), (b'[{"handlerManifest": null}]', -1)])
def test_the_manifest_of_an_installed_handler_has_codes_of_its_own(content: bytes | None, code: int) -> None:
    files = MemoryFiles()
    if content is not None:
        files.put(PLACE.manifest, content)
    with pytest.raises(ExtensionFailure) as caught:
        read_manifest(files, PLACE)
    assert caught.value.code == code
