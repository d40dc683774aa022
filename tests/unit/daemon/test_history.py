"""The archive of goal states: bounded, redacted documents only, zipped by a child."""

from __future__ import annotations

import sys

from unit.fakes import FrozenClock, MemoryFiles, ScriptedCommands, system
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.daemon import history
from waagent.fabric.parts import HistoryDocument

PATHS = Paths.of(Config())
DOCUMENTS = (HistoryDocument("GoalState.xml", b"<GoalState/>"),)


def test_the_documents_of_a_goal_state_are_kept_privately_under_its_time_and_tag() -> None:
    files = MemoryFiles()
    history.archive(system(files=files), PATHS, "4-17", DOCUMENTS)
    directory = f"{PATHS.history}/2026-03-01T08-15-30__4-17"
    assert files.read(f"{directory}/GoalState.xml") == b"<GoalState/>"
    assert (files.facts(directory).mode, files.facts(f"{directory}/GoalState.xml").mode) == (0o700, 0o600)  # type: ignore[union-attr]


def test_all_but_the_newest_become_one_zip_each() -> None:
    files, commands, clock = MemoryFiles(), ScriptedCommands(), FrozenClock()
    door = system(files=files, commands=commands, clock=clock)
    history.archive(door, PATHS, "1", DOCUMENTS)
    old = f"{PATHS.history}/2026-03-01T08-15-30__1"
    files.put(f"{old}.zip.tmp", "what the child wrote")
    commands.on(sys.executable, "-m", "zipfile", "-c", f"{old}.zip.tmp", old)
    clock.advance(60)
    history.archive(door, PATHS, "2", DOCUMENTS)
    assert files.names(PATHS.history) == ("2026-03-01T08-15-30__1.zip", "2026-03-01T08-16-30__2")
    assert files.facts(f"{old}.zip").mode == 0o600  # type: ignore[union-attr]


def test_never_more_than_fifty_are_kept_and_foreign_files_stay() -> None:
    files = MemoryFiles()
    files.put(f"{PATHS.history}/notes.txt", "an administrator's")
    for number in range(80):
        files.put(f"{PATHS.history}/2025-01-01T00-00-{number:02}__{number}.zip", "old")
    history.archive(system(files=files), PATHS, "9", DOCUMENTS)
    names = files.names(PATHS.history)
    assert len([name for name in names if "__" in name]) == history.KEPT
    assert "notes.txt" in names and "2026-03-01T08-15-30__9" in names and "2025-01-01T00-00-00__0.zip" not in names
