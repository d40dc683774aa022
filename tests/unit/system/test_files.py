"""One set of expectations for the real file system and for the one in memory."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from unit.system.file_systems import STRANGER, Real, World, refused
from waagent.model.failure import SystemFailure
from waagent.system.port import Kind
from waagent.system.real.files import RealFiles


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


def test_a_tree_is_brought_to_the_disk_and_nothing_else_is(world: World) -> None:
    world.files.make_directory("/tree/deep")
    world.files.write("/tree/deep/file", b"1")
    world.link("/tree/out", "/etc/passwd")
    world.pipe("/tree/pipe")
    world.files.sync("/tree")
    for path in ("/etc/passwd", "/missing"):
        with pytest.raises(SystemFailure, match="cannot sync"):
            world.files.sync(path)


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

    def left() -> list[str]:
        names: list[str] = []
        for number in os.listdir("/proc/self/fd"):
            with suppress(FileNotFoundError):  # the listing's own, and those of other threads
                names.append(os.readlink(f"/proc/self/fd/{number}"))
        return [name for name in names if name.startswith(str(tmp_path))]

    with open(tmp_path / "seen", "w"):
        assert left() == [str(tmp_path / "seen")]
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
    assert left() == []


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
