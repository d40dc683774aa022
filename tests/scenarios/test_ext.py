"""Handlers judged in real guests: good ones keep every rule under any agent, bad ones are found by the rules they break."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fabriclab.cli import documents
from fabriclab.faults import parse as faults
from fabriclab.guests import adapter
from fabriclab.journal.journal import Journal
from fabriclab.judge import handler, trial
from fabriclab.judge.report import Report
from fabriclab.judge.rule import HELD, NOT_SEEN
from fabriclab.judge.wishes import Wishes
from fabriclab.samples import package
from scenarios import labs

pytestmark = [*labs.in_a_guest, pytest.mark.timeout(180)]

PROTECTED = {"password": 'Sword"fish 4711'}
LIFE = ["install", "new settings", "same goal state", "agent restart", "update", "disable", "uninstall"]
WHOLE = [
    "install 1.0.0, enable 1.0.0",
    "enable 1.0.0",
    "enable 1.0.0",
    "enable 1.0.0",
    "disable 1.0.0, update 1.0.1, uninstall 1.0.0, install 1.0.1, enable 1.0.1",
    "disable 1.0.1",
    "uninstall 1.0.1",
]


def lived(sample: str, settings: dict[str, Any] | None = None, agent: str = "ours", **wishes: Any) -> Report:
    wanted = Wishes(handler.load(sample), (settings or {}, settings or {}), PROTECTED, **wishes)
    return trial.run(wanted, adapter.find(agent), Journal(), lambda stage: None, lambda text: None)


def commands(report: Report) -> list[str]:
    return [", ".join(f"{one.command} {one.version}" for one in stage.commands) for stage in report.evidence.stages]


def told(report: Report) -> str:
    """For a test that fails."""
    found = [f"{one.rule}: {text}" for one in report.findings for text in one.details]
    return "\n".join([*found, *(f"{stage.name}: {stage.problem}" for stage in report.evidence.stages if stage.problem)])


def evidence(report: Report, rule: str) -> str:
    return "\n".join(next(one for one in report.findings if one.rule == rule).details)


def test_a_good_handler_lives_its_whole_life_and_keeps_every_rule() -> None:
    report = lived("good")
    assert report.ok, told(report)
    assert ([stage.name for stage in report.evidence.stages], commands(report)) == (LIFE, WHOLE)
    assert {one.rule for one in report.findings if one.outcome == NOT_SEEN} == {"mrseq", "heartbeat"}
    sequences = [one.sequence for stage in report.evidence.stages for one in stage.commands]
    assert sequences[:10] == ["0"] * 2 + ["1"] * 8


def test_a_careless_handler_is_found_out() -> None:
    report = lived("careless")
    assert set(report.violated) == {
        "exit",
        "idempotent",
        "mrseq",
        "status-whole",
        "events",
        "log-folder",
        "secrets-logs",
        "secrets-status",
        "secrets-processes",
        "secrets-files",
        "files-left",
        "processes-left",
    }, told(report)
    assert "/var/lib/careless.json" in evidence(report, "files-left")
    assert "sleep 600" in evidence(report, "processes-left")
    assert PROTECTED["password"] not in documents.text(documents.FORMS["ext-run"].document(report.document(), journal=[]))


@pytest.mark.slow
def test_a_handler_that_kills_the_agent_is_found_out() -> None:
    report = lived("harmful", {"harm": "kill"}, patience=10.0)
    assert "tame" in report.violated, told(report)
    assert "agent ended by signal 9" in evidence(report, "tame")


def test_a_command_that_hangs_ends_the_life() -> None:
    report = lived("hanging", patience=2.0)
    assert set(report.violated) == {"life", "time"}, told(report)
    assert len(report.evidence.stages) == 1


@pytest.mark.slow
def test_a_script_runner_is_updated_from_an_older_package_while_downloads_fail() -> None:
    runner = handler.load("runner")
    fault = faults.parse({"effect": "status", "code": 503, "service": "blob", "path": "*Lab.Runner__*", "first": 1})
    settings = {"commandToExecute": "echo done", "skip": "false"}
    report = lived("runner", settings, old=replace(runner, version="0.9.0"), faults=(fault,))
    assert report.ok, told(report)
    assert commands(report)[:2] == [
        "install 0.9.0, enable 0.9.0",
        "disable 0.9.0, update 1.0.0, uninstall 0.9.0, install 1.0.0, enable 1.0.0",
    ]
    assert next(one for one in report.findings if one.rule == "mrseq").outcome == HELD


def test_the_program_says_what_it_did_and_its_exit_status(tmp_path: Path) -> None:
    settings, output, packed = (tmp_path / name for name in ("settings.json", "report.json", "Contoso.Failing__1.4.0.zip"))
    settings.write_text('{"fails": "install", "exit": 51}')
    packed.write_bytes(package.pack("failing", "Contoso.Failing"))
    command = [sys.executable, "-m", "fabriclab.cli.main", "ext", "run", str(packed), "--settings", str(settings)]
    done = subprocess.run(
        [*command, "--json", str(output)], capture_output=True, text=True, env=labs.environment(), timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert "✗ install         1.4.0 seq 0   install" in done.stdout and "[exit 51]" in done.stdout
    document = json.loads(output.read_text())
    assert (document["ok"], document["handler"], document["stages"][0]["commands"][0]["status"]) == (
        False,
        "Contoso.Failing",
        51,
    )
    assert document["journal"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["run", "nowhere"], "neither a directory"),
        (["run", "good", "--name", "a-b"], "not of the form"),
        (["run", "good", "--settings", "/dev/null"], "/dev/null"),
        (["run", "good", "--update-from", "good"], "not lower than 1.0.0"),
        (["lint", "nowhere"], "neither a directory"),
        (["samples", "nowhere"], "is no sample"),
    ],
)
def test_a_bad_command_line_is_one_sentence_and_exit_status_2(words: list[str], reason: str) -> None:
    command = [sys.executable, "-m", "fabriclab.cli.main", "ext", *words]
    done = subprocess.run(command, capture_output=True, text=True, env=labs.environment(), timeout=60, check=False)
    assert done.returncode == 2
    assert reason in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.long
@pytest.mark.parametrize(
    ("sample", "settings", "violated"),
    [
        ("slow", {"seconds": 1}, set()),
        ("detached", {}, set()),
        ("multi", {}, set()),
        ("heartbeat", {}, set()),
        ("reboot", {}, set()),
        ("huge", {}, {"status-size"}),
        ("logging", {}, {"log-size"}),
        ("lying", {}, {"status-schema", "status-final"}),
        ("lying", {"lie": "word-case"}, {"status-schema", "status-final"}),
        ("lying", {"lie": "code-text"}, set()),
        ("lying", {"lie": "error"}, {"status-final"}),
        ("harmful", {"harm": "crowd"}, {"tame"}),
        ("failing", {"fails": "install"}, {"life", "exit"}),
        ("failing", {"fails": "enable"}, {"exit", "update"}),
        ("failing", {"fails": "update"}, {"life", "exit", "update"}),
        ("failing", {"fails": "disable"}, {"life", "exit", "update"}),
        ("failing", {"fails": "uninstall"}, {"life", "exit", "update"}),
    ],
)
def test_each_sample_breaks_its_own_rules(sample: str, settings: dict[str, Any], violated: set[str]) -> None:
    report = lived(sample, settings, patience=30.0)
    assert set(report.violated) == violated, told(report)


@pytest.mark.long
def test_links_in_the_place_of_its_directories_are_found() -> None:
    report = lived("harmful", {"harm": "links"}, patience=3.0)
    assert "status is a link now" in evidence(report, "tame")


@pytest.mark.long
@pytest.mark.registry
@pytest.mark.parametrize("sample", ["good", "runner"])
def test_under_debians_agent_a_good_handler_keeps_every_rule_too(sample: str) -> None:
    report = lived(sample, {"commandToExecute": "echo done"}, agent="debian")
    assert report.ok, told(report)
    assert commands(report) == WHOLE


@pytest.mark.long
@pytest.mark.registry
def test_under_debians_agent_a_careless_handler_is_found_out_too() -> None:
    report = lived("careless", agent="debian")
    assert {"idempotent", "mrseq", "secrets-logs", "secrets-files", "files-left", "processes-left"} <= set(report.violated)
