"""Every rule holds in a good life and is violated by the thing it is about; each is named in the authors' guide."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fabriclab.cli import documents
from fabriclab.judge import report
from fabriclab.judge.evidence import (
    DISABLE,
    INSTALL,
    RESTART,
    SAME,
    SETTINGS,
    UPDATE,
    Command,
    Evidence,
    Heartbeat,
    Leak,
    Left,
)
from fabriclab.judge.report import Report
from fabriclab.judge.rule import HELD, NOT_SEEN, VIOLATED, unless
from fabriclab.judge.settings import secrets
from unit.fabriclab.judge.lives import EVENT, command, file, good, spoiled, spoiled_command, status

GUIDE = Path(__file__).resolve().parents[4] / "docs/extension-authors.md"


def leaking(kind: str, open: bool = False) -> Evidence:
    return replace(good(), leaks=(Leak("password", "/somewhere", kind, INSTALL, open),))


def events(name: str, content: Any) -> Evidence:
    return spoiled(SETTINGS, events={name: content if isinstance(content, bytes) else json.dumps(content).encode()})


SPOILED: list[tuple[str, str, Evidence]] = [
    ("life", "a stage that ends in nothing", spoiled(SETTINGS, problem="the agent ran no command within 60 s")),
    ("exit", "an exit status", spoiled_command(INSTALL, "install", status=51)),
    ("exit", "a signal", spoiled_command(DISABLE, "disable", status=-11)),
    ("time", "a command without an end", spoiled_command(INSTALL, "enable", status=None, seconds=None, ended=None)),
    ("time", "a command near its limit", spoiled_command(SETTINGS, "enable", seconds=290.0)),
    ("idempotent", "a second enable that fails", spoiled_command(SAME, "enable", status=9)),
    ("idempotent", "a restart after which it fails", spoiled_command(RESTART, "enable", status=1)),
    ("idempotent", "success lost by a second enable", spoiled(SAME, files=(file(status("transitioning")),))),
    ("mrseq", "another number", spoiled(SETTINGS, mrseq="0")),
    ("mrseq", "no number", spoiled(SETTINGS, mrseq="one")),
    ("update", "an update command that fails", spoiled_command(UPDATE, "update", status=1)),
    ("update", "an update that ends halfway", spoiled(UPDATE, commands=(command("disable"),))),
    ("status-written", "no status file", spoiled(SETTINGS, files=(file(None),))),
    ("status-schema", "no JSON", spoiled(SETTINGS, files=(file(b"[{"),))),
    ("status-schema", "an unknown word", spoiled(SETTINGS, files=(file(status("Success")),))),
    ("status-final", "an error", spoiled(SETTINGS, files=(file(status("error")),))),
    ("status-final", "no end", spoiled(RESTART, files=(file(status("transitioning")),))),
    ("status-whole", "half a file", spoiled_command(SETTINGS, "enable", torn={"1.status": "Expecting value"})),
    ("status-size", "a huge file", spoiled(SETTINGS, files=(file(status(operation="x" * 140000)),))),
    ("heartbeat", "none", spoiled(SETTINGS, heartbeat=Heartbeat())),
    ("heartbeat", "no JSON", spoiled(SETTINGS, heartbeat=Heartbeat(b"beating"))),
    ("heartbeat", "no object", spoiled(SETTINGS, heartbeat=Heartbeat(b"[]"))),
    (
        "heartbeat",
        "half a message",
        spoiled(SETTINGS, heartbeat=Heartbeat(b'[{"heartbeat": {"status": "r", "formattedMessage": {}}}]')),
    ),
    ("heartbeat", "an old one", spoiled(SETTINGS, heartbeat=Heartbeat(b'[{"heartbeat": {"status": "Ready"}}]', 700.0))),
    ("events", "a name that is no number", events("event.json", EVENT)),
    ("events", "a key missing", events("1.json", {"Message": "m"})),
    ("events", "no JSON", events("1.json", b"{")),
    ("log-folder", "a log elsewhere", replace(good(), logs_elsewhere=("/var/log/mine.log",))),
    ("log-size", "a large log", spoiled(SETTINGS, logged=1 << 30)),
    ("secrets-logs", "a secret in a log", leaking("log")),
    ("secrets-status", "a secret in a status file", leaking("status")),
    ("secrets-status", "a secret told to the fabric", leaking("fabric")),
    ("secrets-processes", "a secret in a command line", leaking("process")),
    ("secrets-files", "a secret that others can read", leaking("file", open=True)),
    ("tame", "the agent's end", spoiled(SETTINGS, agent_died="agent ended by signal 9")),
    ("tame", "a link", spoiled(SETTINGS, linked=("/var/lib/waagent/Lab.Good-1.0.0/status",))),
    ("tame", "a crowd", spoiled_command(SETTINGS, "enable", most=300)),
    ("files-left", "a file", replace(good(), left=Left(("/opt/mine",)))),
    ("processes-left", "a process", replace(good(), left=Left((), ("sleep 600",)))),
]


def outcomes(seen: Evidence) -> dict[str, str]:
    return {one.rule: one.outcome for one in report.judge(seen).findings}


def test_a_good_life_keeps_every_rule() -> None:
    assert set(outcomes(good()).values()) == {HELD}
    assert report.judge(good()).ok


@pytest.mark.parametrize(("rule", "what", "seen"), SPOILED, ids=[f"{rule}: {what}" for rule, what, _ in SPOILED])
def test_a_rule_is_violated_by(rule: str, what: str, seen: Evidence) -> None:
    judged = report.judge(seen)
    assert rule in judged.violated, what
    assert not judged.ok
    found = next(one for one in judged.findings if one.rule == rule)
    assert found.evidence and found.details and found.advice


def test_every_rule_can_fail() -> None:
    assert {rule for rule, _, _ in SPOILED} == {rule.name for rule in report.RULES}


def test_what_a_life_gives_no_occasion_for_is_not_seen() -> None:
    seen = replace(good(), stages=(), left=None, secrets=(), declares_heartbeat=False)
    found = outcomes(seen)
    assert found.pop("life") == HELD
    assert set(found.values()) == {NOT_SEEN}


def test_a_status_whose_code_is_text_is_tolerated_and_told() -> None:
    judged = report.judge(spoiled(SETTINGS, files=(file(status(code="0")),)))
    found = next(one for one in judged.findings if one.rule == "status-schema")
    assert (found.outcome, found.evidence) == (HELD, 'tolerated: code "0" is text')


def test_a_file_that_root_alone_can_read_may_hold_a_secret() -> None:
    found = next(one for one in report.judge(leaking("file")).findings if one.rule == "secrets-files")
    assert (found.outcome, found.evidence) == (HELD, "readable by root alone: /somewhere")


def test_a_file_of_another_number_is_named_when_the_right_one_is_missing() -> None:
    seen = spoiled(SETTINGS, files=(file(None),), commands=(command("enable", statuses={"0.status": [4, 5, 6]}),))
    found = next(one for one in report.judge(seen).findings if one.rule == "status-written")
    assert found.evidence == "new settings: there is no 1.status, but 0.status was written"


def test_an_older_package_that_is_updated_from_is_not_judged() -> None:
    seen = replace(spoiled_command(INSTALL, "install", status=1, version="0.9.0"), version="1.0.0")
    assert "exit" not in report.judge(seen).violated


def test_the_same_in_several_stages_is_told_once() -> None:
    judgement = unless([("install", "bad"), ("update", "bad"), ("update", "worse")])
    assert (judgement.outcome, judgement.details) == (VIOLATED, ("install, update: bad", "update: worse"))


def text(judged: Report) -> str:
    """As it is written with --json."""
    return documents.text(documents.FORMS["ext-run"].document(judged.document(), journal=[]))


def test_no_command_line_stands_in_the_report() -> None:
    lines = ("curl --user name:Swordfish",)
    shown = text(report.judge(spoiled_command(SETTINGS, "enable", lines=lines)))
    assert "Swordfish" not in shown
    assert "Swordfish" not in repr(Command("enable", "1.0.0", "1", lines=lines))


def test_a_secret_that_the_handler_tells_is_not_told_again() -> None:
    seen = spoiled(SETTINGS, files=(file(status("error", formattedMessage={"lang": "en", "message": "it is Swordfish!"})),))
    judged = report.judge(seen, known=secrets({"password": "Swordfish"}))
    assert any("it is <password>!" in text for one in judged.findings for text in one.details)
    assert "Swordfish" not in text(judged)


def test_the_report_is_plain_json() -> None:
    document = json.loads(text(report.judge(good(), 1.5)))
    assert document["ok"] is True
    assert document["counts"] == {"held": len(report.RULES), "violated": 0, "not seen": 0}
    assert [one["name"] for one in document["stages"]][:2] == [INSTALL, SETTINGS]


def test_the_authors_guide_explains_every_rule() -> None:
    text = GUIDE.read_text()
    assert [rule.name for rule in report.RULES if f"`{rule.name}`" not in text] == []


def test_a_command_that_fails_is_told_with_the_line_that_says_why() -> None:
    words = "Traceback (most recent call last):\n  File ...\nFileNotFoundError: no /etc/motd\n\n"
    judged = report.judge(spoiled_command(INSTALL, "install", status=1, words=words), 1.0, None)
    (found,) = [one for one in judged.findings if one.rule == "exit"]
    assert 'exited with status 1: "FileNotFoundError: no /etc/motd"' in f"{found.evidence} {found.details}"
