"""A handler's life in which every rule that can be seen is kept, as evidence, and ways to spoil it."""

import json
from dataclasses import replace
from typing import Any

from fabriclab.judge.evidence import (
    DISABLE,
    INSTALL,
    RESTART,
    SAME,
    SETTINGS,
    UNINSTALL,
    UPDATE,
    Command,
    Evidence,
    Heartbeat,
    Left,
    Stage,
    StatusFile,
)

EVENT = {
    "Version": "1.0.0",
    "Timestamp": "2026-01-31T10:20:30Z",
    "TaskName": "t",
    "EventLevel": "Informational",
    "Message": "m",
    "EventPid": "1",
    "EventTid": "1",
    "OperationId": "o",
}
BEAT = [{"version": 1.0, "heartbeat": {"status": "Ready", "code": 0, "formattedMessage": {"lang": "en", "message": "m"}}}]


def status(word: str = "success", **more: Any) -> bytes:
    message = {"lang": "en-US", "message": "m"}
    body = {"status": word, "code": 0, "formattedMessage": message, **more}
    return json.dumps([{"version": 1.0, "timestampUTC": "2026-01-31T10:20:30Z", "status": body}]).encode()


def file(content: bytes | None, sequence: int = 1) -> StatusFile:
    return StatusFile(f"{sequence}.status", "", sequence, content, len(content or b""))


def command(name: str, version: str = "1.0.0", sequence: int = 1, **more: Any) -> Command:
    values: dict[str, Any] = {"status": 0, "seconds": 0.1, "ended": 1.0, "most": 3}
    if name == "enable":
        values |= {"mrseq": str(sequence), "statuses": {f"{sequence}.status": [1, 2, 3]}}
    return Command(name, version, str(sequence), **(values | more))


def stage(name: str, *commands: Command, sequence: int = 1, version: str = "1.0.0", enables: bool = True) -> Stage:
    made = Stage(name, version, sequence, tuple(one.command for one in commands), commands, logged=100)
    if not enables:
        return made
    beat = Heartbeat(json.dumps(BEAT).encode(), 1.0)
    events = {"1700000000.json": json.dumps(EVENT).encode()}
    return replace(made, files=(file(status(), sequence),), mrseq=f"{sequence}\n", heartbeat=beat, events=events)


def good() -> Evidence:
    old, new = "1.0.0", "1.0.1"
    update = (command("disable", old), command("update", new), command("uninstall", old), command("install", new))
    return Evidence(
        name="Lab.Good",
        version=old,
        source="good",
        agent="ours",
        declares_heartbeat=True,
        secrets=("password",),
        left=Left(),
        stages=(
            stage(INSTALL, command("install", sequence=0), command("enable", sequence=0), sequence=0),
            stage(SETTINGS, command("enable")),
            stage(SAME, command("enable")),
            stage(RESTART, command("enable")),
            stage(UPDATE, *update, command("enable", new), version=new),
            stage(DISABLE, command("disable", new), version=new, enables=False),
            stage(UNINSTALL, command("uninstall", new), version=new, enables=False),
        ),
    )


def spoiled(name: str, **changes: Any) -> Evidence:
    """The good life with one stage changed."""
    seen = good()
    return replace(seen, stages=tuple(replace(one, **changes) if one.name == name else one for one in seen.stages))


def spoiled_command(name: str, which: str, **changes: Any) -> Evidence:
    """The good life with one command of a stage changed."""
    found = next(one for one in good().stages if one.name == name)
    commands = tuple(replace(one, **changes) if one.command == which else one for one in found.commands)
    return spoiled(name, commands=commands)
