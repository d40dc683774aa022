"""`fabriclab replay`: what it reads, what it tells of it, and what it says of what it cannot read."""

import json
import re
from pathlib import Path

import pytest

from fabriclab.cli.replay import Choice, read, replay
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


@pytest.fixture
def troubled(journal: Journal) -> Journal:
    """With one request of each kind of failure, and a body."""
    journal.add("blob", "a package", exchange=Exchange("GET", "/c/p.zip", status=503, fault="status 503"))
    journal.add("hostplugin", "refused", exchange=Exchange("PUT", "/status", status=400, refusal="no such container"))
    journal.add("wireserver", "nothing", exchange=Exchange("GET", "/machine", status=None))
    answered = Exchange(
        "POST",
        "/x",
        (("content-type", "text/xml"),),
        b"<a>\n hello</a>",
        status=200,
        response_body=b"\xff\xfe",
        response_size=2,
    )
    journal.add("wireserver", "health", exchange=answered)
    return journal


def told(path: Path, capsys: pytest.CaptureFixture[str], choice: Choice) -> str:
    assert replay(path, choice) == 0
    return capsys.readouterr().out


def test_a_journal_its_directory_and_a_result_hold_the_same_entries(tmp_path: Path, journal: Journal) -> None:
    journal.write(tmp_path / "journal.jsonl")
    rendered = [json.loads(lines.render(entry)) for entry in journal.entries()]
    (tmp_path / "result.json").write_text(json.dumps({"ok": True, "journal": rendered}, indent=1))
    found = [read(path).entries for path in (tmp_path / "journal.jsonl", tmp_path, tmp_path / "result.json")]
    assert found[0] == found[1] == found[2] and len(found[0]) == 2


def test_of_a_run_of_several_guests_one_is_told_with_what_did_not_hold(
    tmp_path: Path, journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    rendered = [json.loads(lines.render(entry)) for entry in journal.entries()]
    verdicts = [{"text": "health Ready", "held": True, "detail": ""}, {"text": "user kofi", "held": False, "detail": "none"}]
    guests = [{"journal": []}, {"journal": rendered, "verdicts": verdicts}]
    place = tmp_path / "result.json"
    place.write_text(json.dumps({"ok": False, "guests": guests}, indent=1))
    assert replay(place, guest=1) == 0
    said = capsys.readouterr().out
    assert "reported Ready" in said and "NOT user kofi: none" in said and "health Ready:" not in said
    assert replay(place, guest=2) == 2
    assert "there is no guest 2; there are 2" in capsys.readouterr().err


def test_events_are_told_again_and_requests_when_asked(
    tmp_path: Path, journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    journal.write(tmp_path / "journal.jsonl")
    said = told(tmp_path, capsys, Choice())
    assert "reported Ready" in said and "2 entries" in said and "GET" not in said
    said = told(tmp_path, capsys, Choice(exchanges=True))
    assert re.search(r"#2 +imds GET /metadata\?sig=REDACTED → 200 in \d+ ms, 0 → 0 bytes \(metadata\)", said)


def test_of_a_run_that_failed_only_what_went_wrong_is_told(
    tmp_path: Path, troubled: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    troubled.write(tmp_path / "journal.jsonl")
    said = told(tmp_path, capsys, Choice(failed=True))
    assert [f"#{number}" in said for number in range(1, 7)] == [False, False, True, True, True, False]
    assert "503 in" in said and "fault status 503" in said and "refused: no such container" in said and "no answer" in said
    assert "reported Ready" not in said


@pytest.mark.parametrize(
    ("choice", "numbers"),
    [
        (Choice(service="wireserver"), {5, 6}),
        (Choice(text=re.compile("p[.]zip")), {3}),
        (Choice(text=re.compile("hello")), {6}),
        (Choice(exchanges=True, begin=1e6), set()),
        (Choice(exchanges=True, end=-1.0), set()),
    ],
    ids=["service", "target", "body", "from", "until"],
)
def test_requests_are_chosen_by_service_text_and_time(
    tmp_path: Path, troubled: Journal, capsys: pytest.CaptureFixture[str], choice: Choice, numbers: set[int]
) -> None:
    troubled.write(tmp_path / "journal.jsonl")
    said = told(tmp_path, capsys, choice)
    assert {number for number in range(1, 7) if f"#{number} " in said} == numbers


def test_bodies_are_shown_line_by_line_in_their_direction(
    tmp_path: Path, troubled: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    troubled.write(tmp_path / "journal.jsonl")
    said = told(tmp_path, capsys, Choice(bodies=True, service="wireserver")).splitlines()
    wanted = ["    > content-type: text/xml", "    > <a>", "    >  hello</a>", "    < [2 bytes that are no text]"]
    assert [line for line in said if line in wanted] == wanted


def test_what_is_told_is_had_as_json_on_standard_output_with_the_words_aside(
    tmp_path: Path, troubled: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    troubled.write(tmp_path / "journal.jsonl")
    assert replay(tmp_path, Choice(failed=True), output=Path("-")) == 0
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert [one["number"] for one in document["journal"]] == [3, 4, 5]
    assert "6 entries" in said.err


def test_one_entry_is_shown_whole(tmp_path: Path, journal: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    journal.write(tmp_path / "journal.jsonl")
    assert replay(tmp_path, number=2) == 0
    assert json.loads(capsys.readouterr().out)["exchange"]["method"] == "GET"
    assert replay(tmp_path, number=9) == 2
    assert "there is no entry 9; there are 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"),
    [("{}\n", "number: missing"), ("nonsense\n", OTHER), ('{\n"a": 1}\n', OTHER), ("{\n", OTHER)],
)
def test_what_is_no_journal_is_named(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(content)
    with pytest.raises(BadJournal, match=said):
        read(path)


def test_a_missing_file_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(tmp_path / "none") == 2
    assert capsys.readouterr().err == f"fabriclab: {tmp_path / 'none'}: No such file or directory\n"
