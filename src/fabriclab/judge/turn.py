"""One stage of a life: waiting until the commands have ended and the fabric has been told, or until there is no hope.

The records of the commands tell nobody that they grow, so they are looked at in short turns.
"""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fabriclab.guests.control import ControlError
from fabriclab.guests.process import GuestTimeout
from fabriclab.journal.entry import Entry
from fabriclab.judge import records
from fabriclab.judge.evidence import LIMITS, UNINSTALL, Command, Stage
from fabriclab.judge.handler import RECORDER
from fabriclab.judge.wishes import Wishes
from fabriclab.scenario import hearing, service
from fabriclab.scenario.lab import Lab

TURN = 0.05
NOTICE = 60.0  # seconds within which an agent begins with what is published
GRACE = 15.0  # seconds more than the contract's, for the agent's own killing
GIVEN_UP = 4.0  # seconds without anything new after the agent has said that it failed
STATUS = 300.0  # seconds for a final status
FINAL = ("success", "error")
PER_INSTANCE = ("enable", "disable")

Reports = list[tuple[Entry, list[Mapping[str, Any]]]]
"""Status blobs and what each says of the handler."""


@dataclass(frozen=True)
class Turn:
    """`known`: runs of commands before this stage; `since`: the journal's last entry before it."""

    lab: Lab
    wishes: Wishes
    name: str
    expected: tuple[str, ...]
    version: str
    sequence: int
    known: int
    since: int

    def commands(self) -> tuple[Command, ...]:
        return records.read(self.lab.guest.upper)[self.known :]

    def reports(self) -> Iterator[tuple[Entry, list[Mapping[str, Any]]]]:
        for entry, blob in hearing.blobs(self.lab.journal.since(self.since)):
            yield entry, [one for one in hearing.handlers(blob) if one.get("handlerName") == self.wishes.handler.name]


@dataclass(frozen=True)
class Outcome:
    stage: Stage
    wants_reboot: bool = False


def wait_for_end(turn: Turn) -> Outcome:
    journal = turn.lab.journal
    begun = last_news = journal.elapsed()
    news: object = None
    while True:
        commands, reports = turn.commands(), list(turn.reports())
        now = journal.elapsed()
        if (seen := (commands, _spoken(reports))) != news:
            news, last_news = seen, now
        died = _died(turn)
        if _is_over(turn, commands, reports):
            return Outcome(_stage(turn, commands, reports, "", died))
        problem = _hopeless(turn, commands, reports, now - begun, now - last_news) or (died and _after_death(now - last_news))
        if problem:
            return Outcome(_stage(turn, commands, reports, problem, died))
        if now - last_news > 1 and _wants_reboot(turn, commands):
            return Outcome(_stage(turn, commands, reports, "", died), wants_reboot=True)
        journal.wait(lambda entry: entry.kind == hearing.STATUS, TURN, journal.last)


def _is_over(turn: Turn, commands: tuple[Command, ...], reports: Reports) -> bool:
    """Each expected command has ended, and a status blob from after that says what is to be said."""
    needed = [(name, one) for name in turn.expected for one in _instances(turn, name)]
    ended = [(one.command, one.instance) for one in commands if one.ended is not None]
    per_handler = {one.command for one in commands if one.ended is not None}
    if not all((name, one) in ended or (name not in PER_INSTANCE and name in per_handler) for name, one in needed):
        return False
    if any(one.ended is None for one in commands):
        return False
    last = max((one.ended or 0.0 for one in commands), default=0.0)
    fresh = [(entry, handlers) for entry, handlers in reports if entry.wall.timestamp() >= last]
    if not fresh:
        return False
    handlers = fresh[-1][1]
    if turn.name == UNINSTALL:
        return not handlers
    if "enable" not in turn.expected:
        return True
    return len(handlers) >= len(turn.wishes.instances) and all(_is_final(one, turn) for one in handlers)


def _is_final(handler: Mapping[str, Any], turn: Turn) -> bool:
    if handler.get("handlerVersion") != turn.version:
        return False
    extension = hearing.settings_status(handler)
    settings = handler.get("runtimeSettingsStatus")
    if not isinstance(settings, Mapping):
        return handler.get("status") == "NotReady" and handler.get("code") not in (0, "0", None)
    return settings.get("sequenceNumber") == turn.sequence and extension.get("status") in FINAL


def _hopeless(turn: Turn, commands: tuple[Command, ...], reports: Reports, since: float, quiet: float) -> str:
    """Why nothing more will come, empty while it may."""
    patience = turn.wishes.patience
    for one in commands:
        if one.ended is not None:
            continue
        limit = min(LIMITS[one.command] + GRACE, patience if patience is not None else float("inf"))
        if time.time() - one.at > limit:
            return f"{one.name} did not end within {limit:g} s"
    running = any(one.ended is None for one in commands)
    failed = [one for one in (reports[-1][1] if reports else []) if one.get("code") not in (0, "0", None)]
    if failed and quiet > GIVEN_UP and _is_quiet_after(commands):
        return f"the agent gave up: {_unrecorded(turn, hearing.one_line(hearing.message(failed[-1])))}"
    if turn.expected and not commands and since > NOTICE:
        return f"the agent ran no command within {NOTICE:g} s"
    if not running and (commands or not turn.expected) and quiet > (patience if patience is not None else STATUS):
        missing = [name for name in turn.expected if name not in {one.command for one in commands}]
        return f"no {' and no '.join(missing)} came" if missing else _no_end(turn, reports)
    return ""


def _is_quiet_after(commands: tuple[Command, ...]) -> bool:
    """Whether every run that began has ended, or was killed longer than a moment ago."""
    return all(one.ended is not None or time.time() - one.at > LIMITS[one.command] for one in commands)


def _no_end(turn: Turn, reports: Reports) -> str:
    if turn.name == UNINSTALL:
        return "the handler is still reported"
    last = [hearing.handler_text(one) for one in (reports[-1][1] if reports else [])]
    return f"no final status came; the last: {'; '.join(last) or 'none'}"


def _after_death(quiet: float) -> str:
    return "the agent ended in the middle of it" if quiet > GIVEN_UP / 2 else ""


def _died(turn: Turn) -> str:
    """The agent's end, when the lab did not end it: a restart or reboot of the lab's own comes before the stage's entries."""
    ended = [one for one in turn.lab.journal.since(turn.since) if one.kind == service.ENDED]
    return ended[-1].summary if ended and not turn.lab.service.is_running else ""


def _wants_reboot(turn: Turn, commands: tuple[Command, ...]) -> bool:
    if turn.name == "reboot" or "enable" not in {one.command for one in commands if one.status == 0}:
        return False
    try:
        return turn.lab.guest.shell("test -e /run/reboot-required").ok
    except (ControlError, GuestTimeout):
        return False


def _stage(turn: Turn, commands: tuple[Command, ...], reports: Reports, problem: str, died: str) -> Stage:
    handlers = reports[-1][1] if reports else []
    orphaned = next((f"the process that started {one.name} ended while it ran" for one in commands if one.orphaned), "")
    return Stage(
        name=turn.name,
        version=turn.version,
        sequence=turn.sequence,
        expected=turn.expected,
        commands=tuple(_waited(one) for one in commands),
        problem=problem,
        reported=tuple(_reported(one) for one in handlers),
        words=tuple(_word(one) for one in handlers),
        message=_unrecorded(turn, hearing.one_line(hearing.message(handlers[-1]), 400)) if handlers else "",
        agent_died=died or orphaned,
    )


def _unrecorded(turn: Turn, text: str) -> str:
    """With the handler's own commands instead of the recorder's."""
    for name, command in turn.wishes.handler.manifest.commands.items():
        text = text.replace(f"{RECORDER}/record {name}", command)
    return text


def _waited(command: Command) -> Command:
    return command if command.ended is not None else replace(command, waited=time.time() - command.at)


def _reported(handler: Mapping[str, Any]) -> str:
    settings = handler.get("runtimeSettingsStatus")
    instance = settings.get("extensionName") if isinstance(settings, Mapping) else None
    said = _word(handler) + ("" if hearing.settings_status(handler) else f", code {handler.get('code')}")
    return f"{instance}: {said}" if instance else said


def _word(handler: Mapping[str, Any]) -> str:
    """The status of what an extension says; where it says nothing, of its handler."""
    return str((hearing.settings_status(handler) or handler).get("status"))


def _instances(turn: Turn, command: str) -> tuple[str, ...]:
    return turn.wishes.instances if command in PER_INSTANCE else ("",)


def _spoken(reports: Reports) -> str:
    """What the last blob says without its times: a repetition is no news."""
    if not reports:
        return ""
    kept = [(one.get("status"), one.get("code"), hearing.settings_status(one)) for one in reports[-1][1]]
    return json.dumps(kept, default=str, sort_keys=True)
