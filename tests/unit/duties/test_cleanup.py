"""What is kept is capped, the oldest go first, and nobody else's things are touched."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from unit.fakes import FrozenClock, ListLog, MemoryFiles, system
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.duties import cleanup
from waagent.duties.cleanup import Aged, Cap, Caps, Place

PATHS = Paths.of(Config())
NOW = 1_000_000.0
CAPS = Caps(history=Cap(50, 6400), events=Cap(100, 3200), folder=Cap(50, 5120), log=1000)

things = some.lists(
    some.builds(
        Aged,
        path=some.uuids().map(lambda name: f"/p/{name}"),
        size=some.integers(min_value=0, max_value=1000),
        modified=some.floats(min_value=0, max_value=NOW),
    ),
    max_size=40,
)


@given(
    things,
    some.integers(min_value=0, max_value=30),
    some.integers(min_value=0, max_value=5000),
    some.sampled_from([0.0, 3600.0]),
)
def test_the_caps_hold_the_oldest_go_and_no_more_than_needed(found: list[Aged], count: int, size: int, spared: float) -> None:
    place = Place("/p", Cap(count, size), tuple(found), spared)
    doomed = cleanup.surplus(place, NOW)
    left = [each for each in found if each not in doomed]
    young = [each for each in left if NOW - each.modified < spared]
    fits = len(left) <= count and sum(each.size for each in left) <= size
    assert fits or left == young
    old = [each for each in left if each not in young]
    assert all(gone.modified <= each.modified for gone in doomed for each in old)
    assert all(NOW - gone.modified >= spared for gone in doomed)
    if doomed:
        almost = [*left, doomed[-1]]
        assert len(almost) > count or sum(each.size for each in almost) > size


class Machine:
    def __init__(self) -> None:
        self.clock, self.log = FrozenClock(), ListLog()
        self.now = self.clock.now().timestamp()
        self.files = MemoryFiles(now=lambda: self.now)

    def put(self, path: str, size: int, age: float) -> None:
        self.now = self.clock.now().timestamp() - age
        self.files.put(path, bytes(size))

    def run(self) -> None:
        cleanup.run(system(files=self.files, clock=self.clock, log=self.log), PATHS, CAPS)


LOGS = PATHS.extension_logs


def test_old_logs_of_an_extension_go_and_its_newest_and_ours_stay() -> None:
    machine = Machine()
    machine.put(f"{LOGS}/A.B/CommandExecution.log", 10, 10_000_000)
    for number in range(CAPS.folder.count + 40):
        machine.put(f"{LOGS}/A.B/deep/{number:05}.log", 1, 2_000_000 - number)
    machine.run()
    left = machine.files.names(f"{LOGS}/A.B/deep")
    assert len(left) == CAPS.folder.count and left[0] == "00040.log"
    assert machine.files.exists(f"{LOGS}/A.B/CommandExecution.log")
    assert [line for line in machine.log.lines if "40 oldest were removed, 40 bytes" in str(line)]


def test_folders_of_nobody_we_know_and_links_are_left_alone() -> None:
    machine = Machine()
    for number in range(CAPS.folder.count + 5):
        machine.put(f"{LOGS}/backup/{number}.log", 1, 2_000_000)
        machine.put(f"/elsewhere/{number}.log", 1, 2_000_000)
    machine.put(f"{LOGS}/A.B/CommandExecution.log", 1, 5)
    machine.files.put_link(f"{LOGS}/A.B/passage", "/elsewhere")
    machine.files.put_link(f"{LOGS}/Whole", "/elsewhere")
    machine.files.make_directory(f"{PATHS.lib}/Whole-1.0")
    before = machine.files.tree("/")
    machine.run()
    assert machine.files.tree("/") == before


def test_the_folder_of_an_installed_handler_counts_without_our_log_too() -> None:
    machine = Machine()
    machine.files.make_directory(f"{PATHS.lib}/A.B-1.0")
    machine.files.make_directory(f"{LOGS}/A.B")
    machine.files.make_directory(f"{LOGS}/C.D")
    assert cleanup.folders(machine.files, PATHS) == (f"{LOGS}/A.B",)


def test_events_are_not_the_clean_ups_business_in_log_folders_and_are_capped_in_the_library() -> None:
    machine = Machine()
    machine.put(f"{LOGS}/A.B/CommandExecution.log", 1, 5)
    for number in range(CAPS.folder.count + 5):
        machine.put(f"{LOGS}/A.B/events/{number}.json", 1, 9_000)
    for number in range(110):
        machine.put(f"{PATHS.events}/{number:04}.waagent.tld", 1, 5_000 - number)
    machine.run()
    assert len(machine.files.names(f"{LOGS}/A.B/events")) == CAPS.folder.count + 5
    left = machine.files.names(PATHS.events)
    assert len(left) == 100 and left[0] == "0010.waagent.tld"


def test_the_history_is_capped_in_bytes_and_notes_in_it_stay() -> None:
    machine = Machine()
    machine.put(f"{PATHS.history}/notes.txt", 5, 9_999_999)
    for number in range(6):
        machine.put(f"{PATHS.history}/2026-01-0{number}__1.zip", 1600, 9_000 - number)
    machine.run()
    assert machine.files.names(PATHS.history) == (*(f"2026-01-0{number}__1.zip" for number in range(2, 6)), "notes.txt")


def test_what_is_being_written_stays_and_is_named() -> None:
    machine = Machine()
    machine.put(f"{LOGS}/A.B/CommandExecution.log", 1, 5)
    machine.put(f"{LOGS}/A.B/old.log", 1, 9_000)
    machine.put(f"{LOGS}/A.B/grows.log", CAPS.folder.size + 1, 10)
    machine.run()
    assert machine.files.names(f"{LOGS}/A.B") == ("CommandExecution.log", "grows.log")
    assert [line for line in machine.log.lines if "most of it in /var/log/azure/A.B/grows.log" in str(line)]


def test_a_log_that_nobody_rotates_is_put_aside_once() -> None:
    machine = Machine()
    machine.put(PATHS.log, CAPS.log, 5)
    machine.run()
    assert machine.files.names("/var/log") == ("waagent.log",)
    machine.put(PATHS.log, CAPS.log + 1, 5)
    machine.run()
    assert machine.files.names("/var/log") == ("waagent.log.1",)


def test_a_place_that_cannot_be_read_is_left_alone() -> None:
    machine = Machine()
    machine.put(f"{LOGS}/A.B/CommandExecution.log", 1, 5)
    for path in (LOGS, PATHS.lib, PATHS.history, PATHS.log):
        machine.files.break_at(path)
    machine.run()


def test_an_ordinary_machine_is_only_looked_at() -> None:
    machine = Machine()
    machine.put(f"{LOGS}/A.B/CommandExecution.log", 1, 5)
    machine.put(f"{PATHS.history}/2026__1.zip", 100, 50_000)
    before = machine.files.tree("/")
    machine.run()
    assert (machine.files.tree("/"), machine.log.lines) == (before, [])
