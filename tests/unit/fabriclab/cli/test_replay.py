"""`fabriclab replay`: what it reads, and what it says of what it cannot read."""

import json
from pathlib import Path

import pytest

from fabriclab.cli.replay import read, replay
from fabriclab.journal import lines
from fabriclab.journal.entry import Exchange
from fabriclab.journal.journal import Journal
from fabriclab.journal.lines import BadJournal

OTHER = "neither a journal nor the result of a run"


@pytest.fixture
def journal() -> Journal:
    found = Journal()
    found.add("wireserver", "health Ready", who="agent", facts={"kind": "health", "state": "Ready"})
    found.add("imds", "metadata", exchange=Exchange("GET", "/metadata?sig=secret", status=200))
    return found


def test_a_journal_its_directory_and_a_result_hold_the_same_entries(tmp_path: Path, journal: Journal) -> None:
    journal.write(tmp_path / "journal.jsonl")
    rendered = [json.loads(lines.render(entry)) for entry in journal.entries()]
    (tmp_path / "result.json").write_text(json.dumps({"ok": True, "journal": rendered}, indent=1))
    found = [read(path) for path in (tmp_path / "journal.jsonl", tmp_path, tmp_path / "result.json")]
    assert found[0] == found[1] == found[2] and len(found[0]) == 2


def test_events_are_told_again_and_requests_when_asked(
    tmp_path: Path, journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    journal.write(tmp_path / "journal.jsonl")
    assert replay(tmp_path, speed=0, steps=False, exchanges=False, number=None) == 0
    said = capsys.readouterr().out
    assert "reported Ready" in said and "2 entries" in said and "GET" not in said
    assert replay(tmp_path, speed=0, steps=False, exchanges=True, number=None) == 0
    said = capsys.readouterr().out
    assert "imds GET /metadata?sig=REDACTED → 200" in said


def test_one_entry_is_shown_whole(tmp_path: Path, journal: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    journal.write(tmp_path / "journal.jsonl")
    assert replay(tmp_path, speed=0, steps=False, exchanges=False, number=2) == 0
    assert json.loads(capsys.readouterr().out)["exchange"]["method"] == "GET"
    assert replay(tmp_path, speed=0, steps=False, exchanges=False, number=9) == 2
    assert "there is no entry 9; there are 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"),
    [("{}\n", "number: missing"), ("nonsense\n", OTHER), ('{\n"a": 1}\n', OTHER)],
)
def test_what_is_no_journal_is_named(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(content)
    with pytest.raises(BadJournal, match=said):
        read(path)


def test_a_missing_file_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(tmp_path / "none", speed=0, steps=False, exchanges=False, number=None) == 2
    assert capsys.readouterr().err == f"fabriclab: {tmp_path / 'none'}: No such file or directory\n"
