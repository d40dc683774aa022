"""Whole bundles made from a tree on the disk: what is in them, what is not, and what they cost."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from unit import fakes
from unit.fakes import FrozenClock, ScriptedCommands
from waagent.bundle import content, gather, run
from waagent.bundle.manifest import manifest
from waagent.bundle.restraint import GaveUp, Restraint
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.model.failure import SystemFailure
from waagent.system.real.files import RealFiles

PATHS = Paths.of(Config())
LIB, LOGS = PATHS.lib, PATHS.extension_logs
OVF = (
    '<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:wa="http://schemas.microsoft.com/windowsazure">'
    "<wa:UserName>maria</wa:UserName><wa:UserPassword>SECRET</wa:UserPassword><wa:CustomData>U0VDUkVU</wa:CustomData>"
    "</Environment>"
)


class Machine:
    """A tree below a root; ``bundle`` collects from it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = FrozenClock()
        self.files = RealFiles(str(root), hostile=(LIB, LOGS))
        self.commands = ScriptedCommands().on("ls", "-alF", "--", ..., stdout="total 0\n")
        self.system = fakes.system(files=self.files, clock=self.clock, commands=self.commands)
        self.alive: Callable[[], bool] = lambda: True
        self.put("/etc/hostname", "web-1\n")
        self.put(PATHS.log, "the agent's log\n")
        self.put(f"{LIB}/ovf-env.xml", OVF)

    def put(self, path: str, text: str | bytes) -> Path:
        place = Path(f"{self.root}{path}")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text if isinstance(text, bytes) else text.encode())
        return place

    def bundle(self, *, full: bool = False, watched: bool = False) -> dict[str, bytes]:
        restraint = Restraint(self.system, None, self.alive, watched=watched)
        path = run.collect(self.system, PATHS, manifest(PATHS, "/etc/waagent.conf", full=full), restraint, 77)
        with zipfile.ZipFile(f"{self.root}{path}") as found:
            assert found.testzip() is None
            return {name: found.read(name) for name in found.namelist()}

    @property
    def results(self) -> str:
        return Path(f"{self.root}{PATHS.log_collector}/results.txt").read_text()


def packed(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in files.items():
            out.writestr(name, data)
    return made.getvalue()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_bundle_holds_the_files_under_their_paths_and_tells_what_was_done(machine: Machine) -> None:
    machine.put(f"{LOGS}/A.B/own.log", "fine\n")
    machine.put(
        f"{LIB}/A.B-1.0/config/3.settings", '{"runtimeSettings": [{"protectedSettings": "SECRET", "publicSettings": 1}]}'
    )
    machine.put(f"{LIB}/A.B-1.0/config/HandlerState", "Enabled")
    machine.put("/etc/fstab", "only in the full one\n")
    found = machine.bundle()
    assert found["etc/hostname"] == b"web-1\n"
    assert found["var/log/azure/A.B/own.log"] == b"fine\n"
    assert b"SECRET" not in b"".join(found.values()) and b"U0VDUkVU" not in b"".join(found.values())
    assert b"maria" in found["var/lib/waagent/ovf-env.xml"]
    assert b"publicSettings" in found["var/lib/waagent/A.B-1.0/config/3.settings"]
    assert list(found)[-1] == "results.txt" and "etc/fstab" not in found
    assert found["results.txt"].decode() == machine.results
    assert "ls -alF /var/log\ntotal 0" in machine.results
    assert os.stat(f"{machine.root}{PATHS.log_collector}/logs.zip").st_mode & 0o777 == 0o600
    assert "etc/fstab" in machine.bundle(full=True)


def test_the_agents_log_comes_first_and_system_files_last(machine: Machine) -> None:
    machine.put(f"{PATHS.log}.1", "older\n")
    machine.put(f"{LOGS}/A/x.log", "x\n")
    names = list(machine.bundle())
    assert names[:3] == ["var/log/waagent.log", "var/log/azure/A/x.log", "var/log/waagent.log.1"]


def test_links_pipes_and_second_names_of_extensions_stay_out(machine: Machine) -> None:
    machine.put("/etc/shadow", "root:SECRET:1::::::\n")
    key = machine.put(f"{LIB}/ABCD.prv", "SECRET")
    place = machine.put(f"{LOGS}/Evil/plain.log", "fine\n").parent
    os.symlink("/etc/shadow", place / "shadow.log")
    os.symlink("/etc", place / "etc")
    os.symlink("/etc", place.parent / "Whole")
    os.link(key, place / "second.log")
    os.mkfifo(place / "pipe.log")
    found = machine.bundle()
    assert [name for name in found if "Evil" in name or "Whole" in name] == ["var/log/azure/Evil/plain.log"]
    assert b"SECRET" not in b"".join(found.values())
    assert "shadow.log is left out: it is a link" in machine.results
    assert "pipe.log is left out: it is no plain file" in machine.results
    assert "it has a second name elsewhere" in machine.results


def test_a_link_of_root_outside_of_the_extensions_places_is_followed(machine: Machine) -> None:
    machine.put("/usr/lib/os-release", "ID=debian\n")
    os.symlink("../usr/lib/os-release", machine.root / "etc/os-release")
    assert machine.bundle()["etc/os-release"] == b"ID=debian\n"


def test_of_a_long_file_the_end_is_taken_from_a_whole_line_on(machine: Machine) -> None:
    lines = "a line of the log\n" * (content.LIMIT // 18) + "line https://a.example/?sig=SECRET\n" * 1000
    assert len(lines) > content.LIMIT
    machine.put(f"{LOGS}/A/long.log", lines)
    machine.put(f"{LOGS}/A/long.gz", os.urandom(1024) * (content.LIMIT // 1024 + 1))
    found = machine.bundle()
    taken = found["truncated__var_log_azure_A_long.log"]
    assert (
        taken.startswith(b"a line ") and taken.endswith(b"sig=<redacted>\n".replace(b"sig=", b"?")) and b"SECRET" not in taken
    )
    assert "var/log/azure/A/long.log" not in found and not [name for name in found if name.endswith("long.gz")]
    assert "too many for a packed file" in machine.results


def test_packed_text_is_read_through_and_what_cannot_be_stays_out(machine: Machine) -> None:
    text = b"one sig=SECRET\n" * 1000
    machine.put(f"{LOGS}/A/old.log.1.gz", gzip.compress(text) + gzip.compress(b"two\n"))
    machine.put(f"{LOGS}/A/broken.gz", gzip.compress(os.urandom(9000))[:5000])
    machine.put(f"{LOGS}/A/odd.zip", b"PK SECRET")
    machine.put(f"{LOGS}/A/odd.xz", b"SECRET")
    machine.put(f"{PATHS.history}/2026__1.zip", packed({"a.xml": b"old\n<a>?sig=SECRET</a>\n", "b.gz": b"SECRET", "d/": b""}))
    found = machine.bundle()
    assert gzip.decompress(found["var/log/azure/A/old.log.1.gz"]) == b"one sig=<redacted>\n" * 1000 + b"two\n"
    with zipfile.ZipFile(io.BytesIO(found["var/lib/waagent/history/2026__1.zip"])) as history:
        assert history.testzip() is None
        assert {name: history.read(name) for name in history.namelist()} == {"a.xml": b"old\n<a>?sig=<redacted></a>\n"}
    with zipfile.ZipFile(io.BytesIO(found["var/log/azure/A/odd.zip"])) as odd:
        assert odd.namelist() == []
    assert not [name for name in found if name.endswith("odd.xz")]
    assert "var/log/azure/A/broken.gz" in found


def test_a_zip_in_a_zip_that_unpacks_to_much_brings_its_beginning(machine: Machine) -> None:
    machine.put(f"{LOGS}/A/bomb.zip", packed({f"{number}": bytes(content.LIMIT // 2) for number in range(4)}))
    with zipfile.ZipFile(io.BytesIO(machine.bundle()["var/log/azure/A/bomb.zip"])) as found:
        assert found.testzip() is None
        assert sum(entry.file_size for entry in found.infolist()) <= content.LIMIT


def test_small_files_that_unpack_to_much_count_with_what_they_hold(machine: Machine) -> None:
    bomb = gzip.compress(bytes(content.LIMIT))
    for number in range(8):
        machine.put(f"{LOGS}/A/bomb{number}.gz", bomb)
    found = machine.bundle()
    assert len([name for name in found if "bomb" in name]) == 5
    assert "would be too much" in machine.results


def test_what_cannot_be_understood_as_a_whole_stays_out(machine: Machine) -> None:
    machine.put(f"{LIB}/A-1.0/config/0.settings", '{"protectedSettings": "SECRET')
    machine.put(f"{LIB}/ovf-env.xml", "<a><b>SECRET</a>")
    found = machine.bundle()
    assert b"SECRET" not in b"".join(found.values())
    assert machine.results.count("is left out") == 2


def test_the_eighth_unreadable_file_ends_the_collection_with_what_there_is(machine: Machine) -> None:
    key = machine.put(f"{LIB}/ABCD.prv", "SECRET")
    (machine.root / LOGS.lstrip("/") / "A").mkdir(parents=True)
    for number in range(12):
        os.link(key, f"{machine.root}{LOGS}/A/{number:02}.log")
    found = machine.bundle()
    assert "var/log/waagent.log" in found and "etc/hostname" not in found
    assert "8 files could not be read; no more is collected" in machine.results


def test_a_directory_with_very_many_entries_does_not_hold_the_collector_up(machine: Machine) -> None:
    place = machine.put(f"{LOGS}/A/x.log", "x").parent
    for number in range(gather.ENTRIES + 500):
        (place / f"{number}").touch()
    assert len(list(gather.expand(machine.files, f"{LOGS}/*/*"))) == gather.ENTRIES


def test_a_name_that_is_no_text_is_written_with_escapes(machine: Machine) -> None:
    place = machine.put(f"{LOGS}/A/x.log", "x").parent
    (place / os.fsdecode(b"bad\xff.log")).write_text("y")
    assert "var/log/azure/A/bad\\udcff.log" in machine.bundle()


def test_a_full_disk_leaves_the_bundle_of_before_and_no_rest(machine: Machine) -> None:
    machine.bundle()
    before = Path(f"{machine.root}{PATHS.log_collector}/logs.zip").read_bytes()

    class Full(RealFiles):
        def create(self, path: str, mode: int = 0o600):  # type: ignore[no-untyped-def]
            stream = super().create(path, mode)
            room = [200]

            class Stream:
                def write(self, data: bytes) -> int:
                    room[0] -= len(data)
                    if room[0] < 0:
                        raise SystemFailure("cannot write: No space left on device", facts={"path": path, "errno": "28"})
                    return stream.write(data)

                def __getattr__(self, name: str) -> object:
                    return getattr(stream, name)

            return Stream()

    machine.system = fakes.system(files=Full(str(machine.root)), clock=machine.clock, commands=machine.commands)
    with pytest.raises(SystemFailure, match="No space"):
        machine.bundle()
    place = Path(f"{machine.root}{PATHS.log_collector}")
    assert sorted(each.name for each in place.iterdir()) == ["logs.zip", "results.txt"]
    assert (place / "logs.zip").read_bytes() == before


def test_what_a_killed_collector_left_goes_after_an_hour(machine: Machine) -> None:
    old = machine.put(f"{PATHS.log_collector}/logs.zip.4711", "half")
    moment = machine.clock.now().timestamp()
    os.utime(old, (moment - 30, moment - 30))
    machine.bundle()
    assert old.exists()
    os.utime(old, (moment - 4000, moment - 4000))
    machine.bundle()
    assert not old.exists()


@pytest.mark.parametrize(("text", "status"), [("RssAnon: 20000 kB\nVmSwap: 6000 kB\n", 3), ("RssAnon: 20000 kB\n", None)])
def test_a_collector_that_needs_too_much_memory_gives_up(machine: Machine, text: str, status: int | None) -> None:
    machine.put("/proc/self/status", text)
    if status is None:
        machine.bundle(watched=True)
        return
    with pytest.raises(GaveUp) as caught:
        machine.bundle(watched=True)
    assert caught.value.status == status
    assert not Path(f"{machine.root}{PATHS.log_collector}/logs.zip").exists()


def test_a_collector_whose_agent_has_gone_gives_up(machine: Machine) -> None:
    machine.alive = lambda: False
    with pytest.raises(GaveUp):
        machine.bundle(watched=True)
