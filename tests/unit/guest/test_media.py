"""Drives, mounts and raw sectors (guest.md 1.2, 1.3)."""

from __future__ import annotations

from waagent.guest import media
from waagent.guest.families.bsd import FREEBSD, OPENBSD
from waagent.guest.profile import Guest


def test_candidates_are_sorted_whatever_the_order_of_the_directory() -> None:
    names = ("vdb", "tty1", "sr1", "hdc", "sr0", "cdrom0", "sda", "vda", "hda")
    assert media.candidates(names, Guest().media_patterns) == ("/dev/sr0", "/dev/sr1", "/dev/cdrom0", "/dev/hdc", "/dev/vdb")


def test_only_the_matched_part_of_a_name_counts() -> None:
    assert media.candidates(("sr0foo", "sr0"), Guest().media_patterns) == ("/dev/sr0",)


def test_the_bsds_have_their_own_names() -> None:
    assert media.candidates(("cd0c", "cd0a"), OPENBSD.media_patterns) == ("/dev/cd0c",)
    assert media.candidates(("cd0", "ada0"), FREEBSD.media_patterns) == ("/dev/cd0",)


def test_a_virtio_disk_is_not_ejected() -> None:
    assert media.ejectable(Guest(), "/dev/sr0")
    assert not media.ejectable(Guest(), "/dev/vdb")
    assert media.eject_command(FREEBSD, "/dev/cd0") == ("cdcontrol", "-f", "/dev/cd0", "eject")


def test_mounts_are_read_in_every_form() -> None:
    assert media.mounts("/dev/sr0 /run/media/My\\040Disk udf ro 0 0\n") == (media.Mounted("/dev/sr0", "/run/media/My Disk"),)
    assert media.mounts("/dev/sr0 on /mnt/a b type udf (ro)\n") == (media.Mounted("/dev/sr0", "/mnt/a b"),)
    assert media.mounts("/dev/cd0 on /mnt (cd9660, local, read-only)\n") == (media.Mounted("/dev/cd0", "/mnt"),)


def test_a_document_is_carved_out_of_raw_sectors() -> None:
    raw = b"\0\0\xef\xbb\xbf<?xml version='1.0'?><ns0:Environment>\xff<a/></ns0:Environment>\0\0junk"
    assert media.carve(raw) == b"<?xml version='1.0'?><ns0:Environment><a/></ns0:Environment>"
    assert media.carve(b"\0" * 100) is None
