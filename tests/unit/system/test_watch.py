"""Waiting for changes on the machine that runs the tests: files, links, and the end of the program."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from waagent.system.port import Watch
from waagent.system.real import watch
from waagent.system.real.ending import Ending
from waagent.system.real.files import RealFiles
from waagent.system.real.sockets import RealSockets

LONG = 20.0
"""A wait that nothing ends would take this long; what ends it takes a fraction of a second."""


@contextmanager
def soon(work: Callable[[], object]) -> Iterator[None]:
    """Does something from another thread after the wait has begun."""
    timer = threading.Timer(0.1, work)
    timer.start()
    try:
        yield
    finally:
        timer.join()


def waited(watching: Watch, seconds: float = LONG) -> tuple[bool, bool]:
    """What a wait said, and whether something ended it before its time."""
    began = time.monotonic()
    said = watching.wait(seconds)
    return said, time.monotonic() - began < seconds / 2


CHANGES: dict[str, Callable[[Path], object]] = {
    "a new file": lambda place: (place / "new").touch(),
    "a file moved there": lambda place: (place.parent / "elsewhere").rename(place / "new"),
    "a file that goes": lambda place: (place / "old").unlink(),
    "a file that is written": lambda place: (place / "old").write_text("more"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_in_a_directory_ends_the_wait(tmp_path: Path, change: str) -> None:
    place = tmp_path / "watched"
    place.mkdir()
    (place / "old").touch()
    (tmp_path / "elsewhere").touch()
    with closing(RealFiles(str(tmp_path)).watch(["/watched"])) as watching, soon(lambda: CHANGES[change](place)):
        assert waited(watching) == (True, True)


def test_what_changed_between_the_opening_and_the_wait_is_not_missed(tmp_path: Path) -> None:
    with closing(RealFiles().watch([str(tmp_path)])) as watching:
        (tmp_path / "new").touch()
        assert waited(watching) == (True, True)
        assert waited(watching, 0.2) == (True, False)


def test_a_directory_may_be_made_later_with_those_above_it(tmp_path: Path) -> None:
    place = tmp_path / "a/b/c"
    with closing(RealFiles().watch([str(place)])) as watching:
        for made in (place.parent.parent, place.parent, place, place / "file"):
            with soon(made.mkdir if made != place / "file" else made.touch):
                assert waited(watching) == (True, True), made
        while waited(watching, 0.1) == (True, True):
            pass  # what was seen twice
        assert waited(watching, 0.2) == (True, False)


def test_the_descriptor_of_a_watch_is_readable_until_it_is_drained_and_follows_directories_that_come(tmp_path: Path) -> None:
    place = tmp_path / "a/b"
    with closing(RealFiles().watch([str(place)])) as watching:
        for made in (place.parent, place, place / "file"):
            assert not news(watching)
            made.mkdir()
            assert news(watching), made
            watching.drain()


def news(watching: Watch) -> bool:
    return bool(select.select([watching.fileno()], [], [], 0.1)[0])


def test_writes_are_not_told_where_only_entries_count(tmp_path: Path) -> None:
    (tmp_path / "null").touch()
    with closing(RealFiles().watch([str(tmp_path)], writes=False)) as watching:
        (tmp_path / "null").write_text("x")
        assert waited(watching, 0.2) == (True, False)
        (tmp_path / "sr0").touch()
        assert waited(watching) == (True, True)


@pytest.mark.parametrize(
    "open_watch",
    [
        lambda ending: RealFiles(ending=ending).watch(["/nowhere/at/all"]),
        lambda ending: RealSockets(ending).watch_links(),
        watch.Glances,
    ],
)
def test_the_end_of_the_program_ends_every_wait_at_once(open_watch: Callable[[Ending], Watch]) -> None:
    ending = Ending()
    with closing(open_watch(ending)) as watching:
        with soon(ending.set):
            while True:  # other links of this machine may change meanwhile
                said, early = waited(watching)
                assert early
                if not said:
                    break
        assert waited(watching) == (False, True)


def test_an_ending_can_be_set_again_and_again() -> None:
    ending = Ending()
    for _ in range(100_000):
        ending.set()
    assert ending.is_set() and os.read(ending.fileno(), 1)


def test_without_inotify_the_caller_looks_again_in_short_turns() -> None:
    with closing(watch.Glances(Ending())) as watching:
        assert waited(watching) == (True, True)


def test_a_watch_that_is_closed_leaves_no_descriptor_open(tmp_path: Path) -> None:
    files, sockets = RealFiles(), RealSockets()
    before = len(os.listdir("/proc/self/fd"))
    for watching in (files.watch([str(tmp_path)]), sockets.watch_links()):
        watching.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_where_the_kernel_refuses_to_watch_the_caller_looks_again_in_short_turns() -> None:
    with closing(RealFiles().watch(["relative/and/nowhere"])) as watching:
        assert waited(watching) == (True, True)
