"""What the lab's commands write as JSON is what their schemas say: every command is run, and its documents looked at."""

import json
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from fabriclab.cli import documents
from fabriclab.cli.schemas import schema
from scenarios import labs

pytestmark = labs.in_a_guest

SILENT = 'starts_agent = false\n[[expect]]\nhostname = "guest"\n'
WRONG = SILENT + '[[expect]]\nid = "other"\nhostname = "other"\nwithin = 0.2\n'


def fabriclab(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "fabriclab.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=170, check=False, env=labs.environment())


def checked(name: str, text: str) -> Any:
    """The document, when it has the keys of its schema and no others."""
    document = json.loads(text)
    jsonschema.Draft202012Validator(schema(name, documents.FORMS[name], closed=True)).validate(document)
    return document


def scenario(place: Path, text: str) -> str:
    path = place / "mine.toml"
    path.write_text(text)
    return str(path)


def test_a_run_that_does_not_hold_its_journal_and_its_replay(tmp_path: Path) -> None:
    output = tmp_path / "result.json"
    done = fabriclab("run", scenario(tmp_path, WRONG), "--json", str(output), "--keep")
    assert done.returncode == 1, done.stderr
    document = checked("run", output.read_text())
    assert (document["ok"], [one["held"] for one in document["verdicts"]]) == (False, [True, False])
    assert document["memory"] > 1 << 20
    kept = (Path(document["kept"]) / "journal.jsonl").read_text().splitlines()
    assert [checked("journal", line)["number"] for line in kept] == list(range(1, len(kept) + 1))
    replayed = fabriclab("replay", str(output), "--json", "-")
    assert replayed.returncode == 0
    again = checked("replay", replayed.stdout)
    assert again["events"] and again["journal"] and "NOT host name other: guest" in replayed.stderr
    checked("journal", fabriclab("replay", document["kept"], "--entry", "1").stdout)
    shutil.rmtree(document["kept"])


def test_several_guests_are_one_document_with_their_time_and_memory(tmp_path: Path) -> None:
    done = fabriclab("run", scenario(tmp_path, SILENT), "--count", "2", "--json", "-")
    assert done.returncode == 0, done.stderr
    document = checked("run-several", done.stdout)
    assert len(document["guests"]) == 2
    assert document["memory"] == sum(one["memory"] for one in document["guests"]) > 0
    assert document["seconds"] >= max(one["seconds"] for one in document["guests"])
    assert "2 guests: all held" in done.stderr and "MiB of memory for all" in done.stderr


def test_the_lists_and_the_lint() -> None:
    names = {one["name"] for one in checked("scenarios", fabriclab("scenarios", "--json").stdout)["scenarios"]}
    assert "first-boot" in names
    assert {"good", "careless"} <= {
        one["name"] for one in checked("ext-samples", fabriclab("ext", "samples", "--json").stdout)["samples"]
    }
    for sample, ok in (("good", True), ("nomanifest", False)):
        done = fabriclab("ext", "lint", sample, "--json", "-")
        assert (checked("ext-lint", done.stdout)["ok"], done.returncode) == (ok, 0 if ok else 1)


@pytest.mark.slow
def test_a_handlers_life(tmp_path: Path) -> None:
    """One that does not begin: the shortest."""
    output, settings = tmp_path / "report.json", tmp_path / "settings.json"
    settings.write_text('{"fails": "install", "exit": 51}')
    done = fabriclab("ext", "run", "failing", "--settings", str(settings), "--json", str(output))
    assert done.returncode == 1, done.stderr
    assert checked("ext-run", output.read_text())["stages"][0]["commands"][0]["status"] == 51
    again = fabriclab("replay", str(output), "--failed", "--json", "-")
    assert (again.returncode, checked("replay", again.stdout)["source"]) == (0, str(output))


def test_a_lab_that_is_up_and_what_is_done_to_it(tmp_path: Path) -> None:
    output = tmp_path / "up.json"
    command = [sys.executable, "-m", "fabriclab.cli.main", "up", scenario(tmp_path, SILENT), "--json", str(output)]
    given: dict[str, Any] = {"env": labs.environment(), "preexec_fn": labs.heed_interrupts}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **given) as running:
        assert running.stdout is not None
        try:
            assert any("Ctrl-C" in line for line in running.stdout)
            reached = checked("up", output.read_text())
            assert reached["lab"] == running.pid
            acts = ["do", "--json", "--lab", str(running.pid)]
            noted = checked("do", fabriclab(*acts, "note", "text=hello").stdout)
            assert noted == {"schema_version": 1, "done": "done: note", "output": None}
            assert checked("do", fabriclab(*acts, "run", "command=echo hi").stdout)["output"] == "hi\n"
            assert checked("state", asked(f"{reached['page']}state"))["scenario"] == "mine"
            assert "note" in checked("offers", asked(f"{reached['page']}offers"))["verbs"]
            assert checked("journal", asked(f"{reached['page']}entries/1"))["number"] == 1
        finally:
            running.send_signal(signal.SIGINT)
            running.communicate(timeout=30)
    assert "note" in checked("verbs", fabriclab("do", "--json").stdout)["verbs"]


def asked(address: str) -> str:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(address, timeout=10) as answer:
        return str(answer.read().decode())


def test_the_emulators_pace() -> None:
    done = fabriclab("pace", "--polls", "200", "--agents", "20", "--period", "0.2", "--seconds", "1", "--json", "-")
    assert done.returncode == 0, done.stderr
    document = checked("pace", done.stdout)
    assert document["speed"]["polls"] == 200 and document["crowd"]["failed"] == 0
    assert 60 <= document["crowd"]["answered"] <= 100


@pytest.mark.slow
@pytest.mark.registry
@pytest.mark.timeout(400)
def test_two_agents_side_by_side_and_the_bench(tmp_path: Path) -> None:
    output = tmp_path / "both.json"
    silent = tmp_path / "silent.toml"
    silent.write_text('[start]\ncommand = ["/bin/sleep", "600"]\n')
    done = fabriclab("compare", "ours", str(silent), scenario(tmp_path, SILENT), "--json", str(output))
    assert done.returncode == 0, done.stderr
    assert checked("compare", output.read_text())["agents"] == ["ours", "silent"]
    measured = fabriclab(
        "bench", "--agents", "ours", "--runs", "1", "--boots", "1", "--publish", "1", "--idle", "1", "--json", "-"
    )
    assert measured.returncode == 0, measured.stderr
    assert len(checked("bench", measured.stdout)["runs"]) == 1
