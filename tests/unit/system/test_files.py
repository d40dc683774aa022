"""One set of expectations for the real file system and for the one in memory."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from unit.fakes import MemoryFiles
from waagent.model.failure import SystemFailure
from waagent.system.port import Files, Kind
from waagent.system.real.files import RealFiles

STRANGER = 4242


class Real:
    """The real implementation on a temporary root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: Files = RealFiles(str(root))

    def link(self, path: str, target: str, uid: int = 0) -> None:
        os.symlink(target, f"{self.root}{path}")
        if uid:
            os.lchown(f"{self.root}{path}", uid, uid)

    def pipe(self, path: str) -> None:
        os.mkfifo(f"{self.root}{path}")


class Memory:
    """The fake."""

    def __init__(self) -> None:
        self.memory = MemoryFiles()
        self.files: Files = self.memory

    def link(self, path: str, target: str, uid: int = 0) -> None:
        self.memory.put_link(path, target, uid)

    def pipe(self, path: str) -> None:
        self.memory.put_other(path)


World = Real | Memory


@pytest.fixture(params=["real", "memory"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    made: World = Memory() if request.param == "memory" else Real(tmp_path)
    made.files.make_directory("/etc")
    made.files.write("/etc/passwd", f"root:x:0:0::/:\nme:x:{os.geteuid()}:{os.getegid()}::/:\n".encode(), 0o644)
    return made


def refused(do: Callable[..., object], *arguments: object) -> str:
    with pytest.raises(SystemFailure) as caught:
        do(*arguments)
    return str(caught.value)


def test_what_is_written_can_be_read_with_its_rights(world: World) -> None:
    old = os.umask(0o077)
    try:
        world.files.write("/etc/a", b"1")
        world.files.write("/etc/b", b"\0\xff", 0o600)
        world.files.write("/etc/c", b"", 0o6755, owner="me")
    finally:
        os.umask(old)
    assert world.files.read("/etc/a") == b"1"
    assert world.files.read("/etc/b") == b"\0\xff"
    facts = {name: world.files.facts(f"/etc/{name}") for name in "abc"}
    assert [one.mode for one in facts.values() if one] == [0o644, 0o600, 0o6755]
    assert facts["b"] is not None and (facts["b"].kind, facts["b"].size, facts["b"].target) == (Kind.FILE, 2, None)
    assert facts["c"] is not None and (facts["c"].uid, facts["c"].gid) == (os.geteuid(), os.getegid())
    assert world.files.names("/etc") == ("a", "b", "c", "passwd")


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files away needs root")
def test_replacing_keeps_mode_and_owner_unless_told(world: World) -> None:
    world.files.write("/etc/a", b"1", 0o640, owner=f"{STRANGER}:{STRANGER}")
    world.files.write("/etc/a", b"2")
    kept = world.files.facts("/etc/a")
    assert kept is not None and (kept.mode, kept.uid, kept.gid) == (0o640, STRANGER, STRANGER)
    world.files.write("/etc/a", b"3", 0o600, owner="root")
    changed = world.files.facts("/etc/a")
    assert changed is not None and (changed.mode, changed.uid, changed.gid) == (0o600, 0, 0)


def test_writing_replaces_a_link_and_leaves_its_target_alone(world: World) -> None:
    world.files.write("/etc/shadow", b"secret", 0o600)
    world.link("/etc/a", "/etc/shadow")
    world.files.write("/etc/a", b"mine")
    assert world.files.read("/etc/shadow") == b"secret"
    facts = world.files.facts("/etc/a")
    assert facts is not None and (facts.kind, facts.mode) == (Kind.FILE, 0o644)


def test_a_directory_is_not_replaced_by_a_file(world: World) -> None:
    world.files.make_directory("/etc/a")
    assert "/etc/a" in refused(world.files.write, "/etc/a", b"")
    assert world.files.names("/etc") == ("a", "passwd")


def test_missing_is_an_answer_for_some_and_a_failure_for_others(world: World) -> None:
    for path in ("/none", "/none/below", "/etc/passwd/below"):
        assert world.files.facts(path) is None
        assert not world.files.exists(path)
        assert world.files.read_if_there(path) is None
        assert path in refused(world.files.read, path)
        assert path in refused(world.files.open, path)
        assert path in refused(world.files.write, path + "/x", b"")
        assert path in refused(world.files.append, path + "/x", b"")
        assert path in refused(world.files.set_mode, path, 0o600)
        assert path in refused(world.files.rename, path, "/etc/x")
    assert world.files.names("/none") == ()
    assert world.files.glob("/none/*") == ()
    world.files.remove("/none")
    world.files.remove("/none/below")
    assert "/etc/passwd" in refused(world.files.names, "/etc/passwd")


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


def test_writing_through_keeps_what_is_there_in_its_place_and_makes_nothing(world: World) -> None:
    files = world.files
    files.write("/etc/attribute", b"30000\n", 0o640)
    files.symlink("/etc/device", "/etc")
    if isinstance(world, Real):
        before = os.stat(f"{world.root}/etc/attribute").st_ino
    files.write_through("/etc/device/attribute", b"300")
    assert files.read("/etc/attribute") == b"300"
    facts = files.facts("/etc/attribute")
    assert facts is not None and facts.mode == 0o640
    if isinstance(world, Real):
        assert os.stat(f"{world.root}/etc/attribute").st_ino == before
    world.link("/etc/planted", "attribute")
    for path in ("/etc/missing", "/etc/planted", "/etc"):
        with pytest.raises(SystemFailure, match="cannot write into"):
            files.write_through(path, b"x")
    assert not files.exists("/etc/missing")
    assert files.read("/etc/attribute") == b"300"


def test_a_device_is_written_through() -> None:
    RealFiles().write_through("/dev/null", b"anything")


def test_writing_into_a_pipe_that_nobody_reads_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SystemFailure, match="cannot write into /pipe"):
        RealFiles(str(tmp_path)).write_through("/pipe", b"x")


def test_appending_makes_the_file_with_its_mode(world: World) -> None:
    world.files.append("/etc/log", b"1\n", 0o600)
    world.files.append("/etc/log", b"2\n")
    facts = world.files.facts("/etc/log")
    assert facts is not None and facts.mode == 0o600
    assert world.files.read("/etc/log") == b"1\n2\n"


@pytest.mark.parametrize(
    ("change", "mode"), [('make_directory("/mnt/cdrom/secure", 0o700)', 0o755), ('append("/log", b"line", 0o644)', 0o644)]
)
def test_what_a_killed_process_was_making_has_its_mode_already(tmp_path: Path, change: str, mode: int) -> None:
    # the hook ends the process before the first mode is set
    killed = f"""
import os, sys
from waagent.system.real.files import RealFiles
os.umask(0o022)
sys.addaudithook(lambda event, given: os._exit(9) if event == "os.chmod" else None)
RealFiles(sys.argv[1]).{change}
"""
    source = str(Path(__file__).resolve().parents[3] / "src")
    done = subprocess.run([sys.executable, "-c", killed, str(tmp_path)], env={"PYTHONPATH": source}, check=False)
    assert done.returncode == 9
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in os.listdir(tmp_path)] == [mode]


def test_directories_are_made_with_their_parents_and_again(world: World) -> None:
    world.files.make_directory("/var/lib/waagent", 0o700, owner="me")
    modes = [world.files.facts(path) for path in ("/var", "/var/lib", "/var/lib/waagent")]
    assert [one.mode for one in modes if one] == [0o755, 0o755, 0o700]
    world.files.make_directory("/var/lib/waagent")
    kept = world.files.facts("/var/lib/waagent")
    assert kept is not None and kept.mode == 0o700
    world.files.make_directory("/var/lib", 0o711)
    changed = world.files.facts("/var/lib")
    assert changed is not None and changed.mode == 0o711
    assert "/etc/passwd" in refused(world.files.make_directory, "/etc/passwd")
    world.link("/var/broken", "nowhere")
    refused(world.files.make_directory, "/var/broken/x")
    refused(world.files.make_directory, "/var/broken")


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


def test_renaming_replaces_whatever_was_there(world: World) -> None:
    world.files.make_directory("/new/x")
    world.files.make_directory("/old/y")
    world.files.rename("/new", "/old")
    assert world.files.names("/old") == ("x",)
    world.files.write("/f", b"1")
    world.files.rename("/f", "/old")
    assert world.files.read("/old") == b"1"
    assert world.files.facts("/f") is None
    assert "/none" in refused(world.files.rename, "/none", "/old")
    assert world.files.read("/old") == b"1"


def test_links_replace_files_and_links_but_no_directory(world: World) -> None:
    world.files.write("/etc/f", b"1")
    for target in ("x", "/y"):
        world.files.symlink("/etc/f", target)
        facts = world.files.facts("/etc/f")
        assert facts is not None and (facts.kind, facts.target) == (Kind.LINK, target)
    world.files.make_directory("/etc/d")
    refused(world.files.symlink, "/etc/d", "x")
    assert world.files.names("/etc") == ("d", "f", "passwd")


def test_mode_owner_and_time_are_set(world: World) -> None:
    world.files.set_mode("/etc/passwd", 0o600)
    world.files.set_owner("/etc/passwd", "me")
    world.files.set_modified("/etc/passwd", 1234.5)
    facts = world.files.facts("/etc/passwd")
    assert facts is not None
    assert (facts.mode, facts.uid, facts.gid, facts.modified) == (0o600, os.geteuid(), os.getegid(), 1234.5)
    world.files.set_modified("/etc/passwd")
    later = world.files.facts("/etc/passwd")
    assert later is not None and later.modified > 1234.5
    assert "nobody-here" in refused(world.files.set_owner, "/etc/passwd", "nobody-here")
    assert "nobody-here" in refused(world.files.write, "/etc/new", b"", 0o600, "nobody-here")
    assert not world.files.exists("/etc/new")


def test_a_new_file_is_written_as_a_stream(world: World) -> None:
    world.files.write("/etc/f", b"what was there before", 0o644)
    with world.files.create("/etc/f") as stream:
        assert stream.write(b"ab") == 2
        stream.write(b"cd")
        assert world.files.read("/etc/f") == b"abcd"
    facts = world.files.facts("/etc/f")
    assert facts is not None and facts.mode == 0o600
    refused(world.files.create, "/etc")
    with world.files.open("/etc/f") as stream:
        assert (stream.read(1), stream.read()) == (b"a", b"bcd")


def test_what_is_no_file_is_not_read_and_does_not_hang(world: World) -> None:
    world.pipe("/etc/p")
    for path in ("/etc/p", "/etc"):
        refused(world.files.read, path)
        refused(world.files.open, path)
    refused(world.files.append, "/etc/p", b"x")
    facts = world.files.facts("/etc/p")
    assert facts is not None and facts.kind is Kind.OTHER


def test_reading_stops_at_its_limit(world: World) -> None:
    world.files.write("/etc/f", b"12345")
    assert world.files.read("/etc/f", 5) == b"12345"
    assert "longer than 4 bytes" in refused(world.files.read, "/etc/f", 4)
    assert "longer than 4 bytes" in refused(world.files.read_if_there, "/etc/f", 4)


def test_patterns_match_within_components(world: World) -> None:
    for path in ("/d/a1/f", "/d/a2/f", "/d/b/f", "/d/.hidden/f", "/d/a3"):
        world.files.make_directory(path.rpartition("/")[0])
        world.files.write(path, b"")
    world.link("/d/a4", "nowhere")
    assert world.files.glob("/d/a*/f") == ("/d/a1/f", "/d/a2/f")
    assert world.files.glob("/d/a?") == ("/d/a1", "/d/a2", "/d/a3", "/d/a4")
    assert world.files.glob("/d/[ab]*") == ("/d/a1", "/d/a2", "/d/a3", "/d/a4", "/d/b")
    assert world.files.glob("/d/.h*/f") == ("/d/.hidden/f",)
    assert world.files.glob("/d/b/f") == ("/d/b/f",)
    assert world.files.glob("/*/b/*") == ("/d/b/f",)


def test_paths_must_be_absolute(world: World) -> None:
    refused(world.files.read, "etc/passwd")
    refused(world.files.write, "etc/f", b"")


def test_space_is_measured(world: World) -> None:
    assert world.files.space("/etc") > 0
    refused(world.files.space, "/none")


# the real one only


def test_a_tree_is_brought_to_the_disk_and_nothing_else_is(world: World) -> None:
    world.files.make_directory("/tree/deep")
    world.files.write("/tree/deep/file", b"1")
    world.link("/tree/out", "/etc/passwd")
    world.pipe("/tree/pipe")
    world.files.sync("/tree")
    for path in ("/etc/passwd", "/missing"):
        with pytest.raises(SystemFailure, match="cannot sync"):
            world.files.sync(path)


def test_two_dots_never_leave_the_root(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("secret")
    (tmp_path / "root/etc").mkdir(parents=True)
    files = RealFiles(str(tmp_path / "root"))
    os.symlink("../../../outside", tmp_path / "root/etc/relative")
    os.symlink(str(tmp_path / "outside"), tmp_path / "root/etc/absolute")
    for path in ("/../outside", "/etc/../../outside", "/etc/relative", "/etc/absolute"):
        assert not files.exists(path)
        refused(files.read, path)


def test_a_killed_writers_leftover_is_replaced(tmp_path: Path) -> None:
    (tmp_path / ".f.waagent-new").write_text("half")
    (tmp_path / ".f.waagent-new").chmod(0o777)
    files = RealFiles(str(tmp_path))
    files.write("/f", b"whole", 0o600)
    assert os.listdir(tmp_path) == ["f"]
    assert (tmp_path / "f").read_bytes() == b"whole"
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o600


def test_a_reader_never_sees_a_half_written_file(tmp_path: Path) -> None:
    files = RealFiles(str(tmp_path))
    contents = {letter * 200_000 for letter in (b"a", b"b")}
    files.write("/f", b"a" * 200_000)
    over = threading.Event()

    def write() -> None:
        for content in sorted(contents) * 15:
            files.write("/f", content)
        over.set()

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    while not over.is_set():
        assert files.read("/f") in contents
    for writer in writers:
        writer.join()
    assert os.listdir(tmp_path) == ["f"]


def test_no_handle_is_left_open(tmp_path: Path) -> None:
    files = RealFiles(str(tmp_path))
    before = len(os.listdir("/proc/self/fd"))
    files.make_directory("/a/b")
    files.write("/a/b/f", b"1", 0o600)
    files.append("/a/b/f", b"1")
    os.symlink("/a", tmp_path / "l")
    assert files.read("/l/b/f") == b"11"
    for path in ("/none/x", "/l/none", "/a/b/f/x"):
        refused(files.read, path)
        refused(files.write, path + "/x", b"")
    files.symlink("/a/s", "b")
    files.set_mode("/a/b/f", 0o644)
    files.remove("/a")
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_path_outside_the_door_has_the_root_in_front(tmp_path: Path) -> None:
    assert RealFiles().real_path("/etc/f") == "/etc/f"
    assert RealFiles(f"{tmp_path}/").real_path("/etc/f") == f"{tmp_path}/etc/f"
    assert RealFiles().read("/proc/self/comm")


def test_a_shared_file_is_appended_to_under_both_kinds_of_lock(tmp_path: Path) -> None:
    import subprocess
    import sys

    files = RealFiles(str(tmp_path))
    files.append_shared("/pool", b"one")
    for kind in ("flock", "lockf"):
        program = (
            "import fcntl, sys\n"
            f"stream = open({str(tmp_path / 'pool')!r}, 'r+b')\n"
            f"fcntl.{kind}(stream, fcntl.LOCK_EX)\n"
            "print('locked', flush=True)\n"
            "sys.stdin.readline()\n"
            "stream.seek(0, 2)\n"
            "stream.write(b'-other-')\n"
            "stream.flush()\n"
        )
        with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            assert other.stdout is not None and other.stdin is not None
            assert other.stdout.readline() == b"locked\n"
            appending = threading.Thread(target=files.append_shared, args=("/pool", b"ours"))
            appending.start()
            appending.join(0.2)
            assert appending.is_alive(), f"{kind} of another program was not waited for"
            other.stdin.write(b"\n")
            other.stdin.flush()
            other.wait(10)
            appending.join(10)
    assert (tmp_path / "pool").read_bytes() == b"one-other-ours-other-ours"


def test_a_shared_file_from_before_a_moment_is_emptied_first(tmp_path: Path) -> None:
    files = RealFiles(str(tmp_path))
    (tmp_path / "pool").write_bytes(b"old")
    os.utime(tmp_path / "pool", (1000, 1000))
    files.append_shared("/pool", b"new", stale_before=2000.0)
    assert (tmp_path / "pool").read_bytes() == b"new"
    files.append_shared("/pool", b"er", stale_before=2000.0)
    assert (tmp_path / "pool").read_bytes() == b"newer"


def test_a_scratch_file_has_no_name_and_two_positions(world: World) -> None:
    world.files.make_directory("/scratch")
    writer, reader = world.files.scratch("/scratch")
    with writer, reader:
        writer.write(b"one")
        assert world.files.names("/scratch") == ()
        assert reader.read(2) == b"on"
        writer.write(b"two")
        assert reader.read(10) == b"etwo"
    assert "No such file or directory" in refused(world.files.scratch, "/missing")


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
