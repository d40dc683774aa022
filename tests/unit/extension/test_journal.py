"""Records of an operation under way."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from unit import fakes
from unit.fakes import MemoryFiles
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.extension.journal import Entry, Journal, Stage
from waagent.extension.place import Place

PLACE = Place.of(Paths.of(Config()), "Contoso.Sample", "1.0.0")


@pytest.fixture
def files() -> MemoryFiles:
    return MemoryFiles({"/proc/sys/kernel/random/boot_id": "boot-1\n", "/proc/self/stat": ""})


@pytest.fixture
def journal(files: MemoryFiles) -> Journal:
    return Journal(fakes.system(files=files), PLACE)


def recorded(journal: Journal, key: str = "install", word: str = "install") -> Entry:
    return journal.open(key=key, word=word, version="1.0.0", extension=None, timeout=900)


def test_notes_add_up_and_survive_in_another_agent(journal: Journal, files: MemoryFiles) -> None:
    journal.note(**{"from": "0.9"})
    journal.note(update="0")
    assert Journal(fakes.system(files=files), PLACE).notes() == {"from": "0.9", "update": "0"}


def test_a_record_comes_back_as_it_was(journal: Journal) -> None:
    entry = recorded(journal)
    assert journal.entries() == (entry,)
    assert (entry.boot, entry.started) == ("boot-1", 1000.0)


def claimed(files: MemoryFiles, entry: Entry) -> None:
    files.put(f"{entry.directory}/claim", "77\n")


def alive(files: MemoryFiles, entry: Entry) -> None:
    claimed(files, entry)
    files.put("/proc/77/cmdline", f"/bin/sh\0-c\0…\0{entry.directory}\0")


def stranger(files: MemoryFiles, entry: Entry) -> None:
    claimed(files, entry)
    files.put("/proc/77/cmdline", "sshd")


def ended(files: MemoryFiles, entry: Entry) -> None:
    claimed(files, entry)
    files.put(f"{entry.directory}/result", "3\n")


def half_written(files: MemoryFiles, entry: Entry) -> None:
    claimed(files, entry)
    files.put(f"{entry.directory}/result", "3")


def killed(files: MemoryFiles, entry: Entry) -> None:
    claimed(files, entry)
    files.put(f"{entry.directory}/timeout", "")


@pytest.mark.parametrize(
    ("prepare", "stage"),
    [
        (lambda files, entry: None, Stage.UNCLAIMED),
        (alive, Stage.RUNNING),
        (claimed, Stage.LOST),
        (stranger, Stage.LOST),
        (ended, Stage.FINISHED),
        (half_written, Stage.LOST),
        (killed, Stage.FINISHED),
    ],
)
def test_the_stage_of_a_command(
    journal: Journal, files: MemoryFiles, prepare: Callable[[MemoryFiles, Entry], object], stage: Stage
) -> None:
    entry = recorded(journal)
    prepare(files, entry)
    assert journal.stage(entry) is stage


def test_at_the_end_everything_goes_but_what_is_kept(journal: Journal, files: MemoryFiles) -> None:
    journal.note(update="0")
    recorded(journal)
    other = Journal(fakes.system(files=files), PLACE)
    kept = recorded(other, "enable b 1", "enable")
    files.put_directory(f"{journal.directory}/half-made")
    journal.end(lambda entry: entry.word == "enable")
    assert journal.entries() == (kept,)
    assert files.names(journal.directory) == (kept.token,)
    journal.end()
    assert not files.exists(journal.directory)


def test_what_an_operation_used_goes_even_when_its_kind_is_kept(journal: Journal) -> None:
    recorded(journal, "enable a 1", "enable")
    journal.end(lambda entry: True)
    assert journal.entries() == ()


def test_a_command_that_is_claimed_while_it_is_dropped_stays(files: MemoryFiles) -> None:
    class Late(MemoryFiles):
        def rename(self, source: str, path: str) -> None:
            if "/gone-" in path:
                self.put(f"{source}/claim", "77\n")
            super().rename(source, path)

    late = Late()
    journal = Journal(fakes.system(files=late), PLACE)
    entry = recorded(journal)
    assert not journal.drop(entry)
    assert journal.entries() == (entry,)
    assert journal.drop(entry)


def test_nonsense_in_the_records_is_no_record(journal: Journal, files: MemoryFiles) -> None:
    for number, text in enumerate(("", "[]", '{"key": 1}', "{", '{"key":"a","word":"b","version":"c","extension":null}')):
        files.put(f"{journal.directory}/{number}/order.json", text)
    files.put(f"{journal.directory}/notes.json", "[1]")
    assert journal.entries() == ()
    assert journal.notes() == {}
