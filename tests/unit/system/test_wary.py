"""Files that others may have put there: what is opened of them, and what is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from unit.system.file_systems import STRANGER, Memory, Real, World, refused
from waagent.system.port import Kind
from waagent.system.real.files import RealFiles


@pytest.fixture
def hostile(world: World) -> World:
    """Extensions keep house in /lib."""
    if isinstance(world, Real):
        world.files = RealFiles(str(world.root), hostile=("/lib",))
    else:
        assert isinstance(world, Memory)
        world.memory.hostile = ("/lib",)
    world.files.make_directory("/lib/a")
    world.files.write("/etc/key", b"secret", 0o600)
    world.files.write("/lib/a/plain", b"plain")
    return world


def test_a_plain_file_is_opened_and_its_end_can_be_looked_for(hostile: World) -> None:
    with hostile.files.open_warily("/lib/a/plain") as stream:
        assert stream.seek(0, 2) == 5
        stream.seek(0)
        assert stream.read() == b"plain"


def test_a_link_of_root_is_followed_where_no_extension_keeps_house(hostile: World) -> None:
    hostile.link("/etc/link", "key")
    with hostile.files.open_warily("/etc/link") as stream:
        assert stream.read() == b"secret"
    hostile.link("/lib/a/link", "/etc/key")
    assert "cannot open /lib/a/link" in refused(hostile.files.open_warily, "/lib/a/link")


@pytest.mark.skipif(os.geteuid() != 0, reason="making links of another user needs root")
def test_a_link_of_somebody_else_is_not_followed(hostile: World) -> None:
    hostile.link("/etc/link", "key", uid=STRANGER)
    refused(hostile.files.open_warily, "/etc/link")


def test_pipes_directories_and_what_is_missing_are_refused(hostile: World) -> None:
    hostile.pipe("/lib/a/pipe")
    for path in ("/lib/a/pipe", "/lib/a", "/lib/a/missing"):
        refused(hostile.files.open_warily, path)


def test_a_directory_that_is_a_link_is_not_entered_below_a_hostile_one(tmp_path: Path) -> None:
    files = RealFiles(str(tmp_path), hostile=("/lib",))
    files.make_directory("/etc")
    files.write("/etc/key", b"secret")
    files.make_directory("/lib")
    os.symlink("/etc", tmp_path / "lib/passage")
    assert "is a link" in refused(files.open_warily, "/lib/passage/key")


def test_a_second_name_counts_as_a_link_below_a_hostile_directory_only(tmp_path: Path) -> None:
    files = RealFiles(str(tmp_path), hostile=("/lib",))
    for place in ("/lib", "/log"):
        files.make_directory(place)
    files.write("/log/one", b"x")
    os.link(tmp_path / "log/one", tmp_path / "lib/two")
    assert "second name" in refused(files.open_warily, "/lib/two")
    with files.open_warily("/log/one") as stream:
        assert stream.read() == b"x"


def test_so_many_names_of_a_directory_are_listed_at_most(world: World) -> None:
    world.files.make_directory("/many")
    for number in range(20):
        world.files.write(f"/many/{number}", b"")
    assert len(world.files.names("/many", 7)) == 7
    assert world.files.names("/many", 100) == world.files.names("/many")
    facts = world.files.facts("/many/3")
    assert facts is not None and facts.kind is Kind.FILE
