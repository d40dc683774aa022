"""Links below the door: which are followed, and that no change goes through one."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from unit.system.file_systems import STRANGER, World, refused
from waagent.model.failure import SystemFailure
from waagent.system.port import Kind
from waagent.system.real.files import RealFiles


def test_writing_replaces_a_link_and_leaves_its_target_alone(world: World) -> None:
    world.files.write("/etc/shadow", b"secret", 0o600)
    world.link("/etc/a", "/etc/shadow")
    world.files.write("/etc/a", b"mine")
    assert world.files.read("/etc/shadow") == b"secret"
    facts = world.files.facts("/etc/a")
    assert facts is not None and (facts.kind, facts.mode) == (Kind.FILE, 0o644)


def test_reading_follows_links_inside_the_root(world: World) -> None:
    world.files.make_directory("/run/deep")
    world.files.write("/run/deep/f", b"here")
    world.files.make_directory("/var")
    world.link("/var/run", "/run")
    world.link("/var/up", "../run/deep/../deep")
    world.link("/var/chain", "run/deep/f")
    world.link("/var/out", "../../../../run/deep/f")
    for path in ("/var/run/deep/f", "/var/up/f", "/var/chain", "/var/out", "/var/run/../run/deep/f"):
        assert world.files.read(path) == b"here", path
        assert world.files.exists(path)
    facts = world.files.facts("/var/chain")
    assert facts is not None and (facts.kind, facts.target) == (Kind.LINK, "run/deep/f")
    assert world.files.names("/var/run/deep") == ("f",)
    assert world.files.names("/var/up") == ("f",)
    world.files.write("/var/run/new", b"through a link of root")
    assert world.files.read("/run/new") == b"through a link of root"


def test_links_that_lead_nowhere_or_in_circles_do_not_exist(world: World) -> None:
    world.link("/etc/gone", "nowhere")
    world.link("/etc/circle", "circle")
    for path in ("/etc/gone", "/etc/circle"):
        assert not world.files.exists(path)
        assert world.files.facts(path) is not None
        refused(world.files.read, path)
    assert world.files.read_if_there("/etc/gone") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="making links of another user needs root")
def test_no_change_goes_through_a_link_that_somebody_else_made(world: World) -> None:
    world.files.make_directory("/home/user")
    world.files.write("/etc/f", b"old")
    world.link("/home/user/.ssh", "/etc", uid=STRANGER)
    files = world.files
    assert files.read("/home/user/.ssh/f") == b"old"
    for do in (
        lambda: files.write("/home/user/.ssh/f", b"new"),
        lambda: files.append("/home/user/.ssh/f", b"new"),
        lambda: files.remove("/home/user/.ssh/f"),
        lambda: files.set_mode("/home/user/.ssh/f", 0o777),
        lambda: files.set_owner("/home/user/.ssh/f", "root"),
        lambda: files.rename("/home/user/.ssh/f", "/home/user/f"),
        lambda: files.symlink("/home/user/.ssh/g", "f"),
        lambda: files.make_directory("/home/user/.ssh", 0o700),
        lambda: files.make_directory("/home/user/.ssh/g"),
        lambda: files.create("/home/user/.ssh/g"),
    ):
        assert "link made by user 4242" in refused(do)
    assert files.names("/etc") == ("f", "passwd")
    assert files.read("/etc/f") == b"old"


def test_no_change_follows_a_link_in_the_last_component(world: World) -> None:
    world.files.write("/etc/f", b"old", 0o600)
    before = world.files.facts("/etc/f")
    world.link("/etc/l", "f")
    refused(world.files.append, "/etc/l", b"new")
    refused(world.files.set_mode, "/etc/l", 0o777)
    refused(world.files.create, "/etc/l")
    world.files.set_owner("/etc/l", "me")
    world.files.set_modified("/etc/l", 5.0)
    world.files.rename("/etc/l", "/etc/m")
    world.files.remove("/etc/m")
    assert world.files.facts("/etc/f") == before
    assert world.files.names("/etc") == ("f", "passwd")


def test_removing_takes_trees_and_never_what_links_point_to(world: World) -> None:
    world.files.make_directory("/keep")
    world.files.write("/keep/f", b"1")
    world.files.make_directory("/a/b/c")
    world.files.write("/a/b/c/f", b"1", 0)
    world.link("/a/b/l", "/keep")
    world.pipe("/a/b/p")
    world.files.remove("/a")
    world.files.remove("/a")
    assert world.files.facts("/a") is None
    assert world.files.read("/keep/f") == b"1"
    refused(world.files.remove, "/")


def test_links_replace_files_and_links_but_no_directory(world: World) -> None:
    world.files.write("/etc/f", b"1")
    for target in ("x", "/y"):
        world.files.symlink("/etc/f", target)
        facts = world.files.facts("/etc/f")
        assert facts is not None and (facts.kind, facts.target) == (Kind.LINK, target)
    world.files.make_directory("/etc/d")
    refused(world.files.symlink, "/etc/d", "x")
    assert world.files.names("/etc") == ("d", "f", "passwd")


def test_two_dots_never_leave_the_root(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("secret")
    (tmp_path / "root/etc").mkdir(parents=True)
    files = RealFiles(str(tmp_path / "root"))
    os.symlink("../../../outside", tmp_path / "root/etc/relative")
    os.symlink(str(tmp_path / "outside"), tmp_path / "root/etc/absolute")
    for path in ("/../outside", "/etc/../../outside", "/etc/relative", "/etc/absolute"):
        assert not files.exists(path)
        refused(files.read, path)


def test_the_path_outside_the_door_has_the_root_in_front(tmp_path: Path) -> None:
    assert RealFiles().real_path("/etc/f") == "/etc/f"
    assert RealFiles(f"{tmp_path}/").real_path("/etc/f") == f"{tmp_path}/etc/f"
    assert RealFiles().read("/proc/self/comm")


def test_below_a_hostile_directory_no_change_goes_through_a_link_and_a_directory_takes_its_place(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "big").mkdir()
    (tmp_path / "lib").symlink_to("big")  # an administrator's own link to another disk
    files = RealFiles(str(tmp_path), hostile=("/lib",))
    files.make_directory("/lib/Ext-1.0/status", mode=0o700)
    (tmp_path / "big/Ext-1.0/config").symlink_to("/etc")
    for change in (
        lambda: files.write("/lib/Ext-1.0/config/HandlerState", b"Enabled"),
        lambda: files.append("/lib/Ext-1.0/config/log", b"x"),
        lambda: files.remove("/lib/Ext-1.0/config/passwd"),
        lambda: files.rename("/lib/Ext-1.0/status", "/lib/Ext-1.0/config/status"),
        lambda: files.rename("/lib/Ext-1.0/config/x", "/lib/Ext-1.0/x"),
        lambda: files.set_mode("/lib/Ext-1.0/config/x", 0o600),
    ):
        with pytest.raises(SystemFailure, match="config is a link"):
            change()
    files.make_directory("/lib/Ext-1.0/config", mode=0o700)
    files.write("/lib/Ext-1.0/config/HandlerState", b"Enabled")
    assert (tmp_path / "big/Ext-1.0/config/HandlerState").read_bytes() == b"Enabled"
    assert stat.S_IMODE((tmp_path / "etc").stat().st_mode) == 0o755 and os.listdir(tmp_path / "etc") == []
