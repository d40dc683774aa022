"""Rules about what the handler says: status files, heartbeat, telemetry events, logs, and secrets. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from fabriclab.judge import status_schema
from fabriclab.judge.evidence import REBOOT, Command, Evidence, Stage, StatusFile
from fabriclab.judge.rule import Judgement, Rule, not_seen, unless

STALE = 600.0
LOG_LIMIT = 64 << 20
MIB = 1 << 20
EVENT_KEYS = ("Version", "Timestamp", "TaskName", "EventLevel", "Message", "EventPid", "EventTid", "OperationId")


def written(seen: Evidence) -> Judgement:
    stages = [stage for stage in seen.enabled if (runs := _enables(stage)) and all(one.status == 0 for one in runs)]
    if not stages:
        return not_seen("enable never succeeded")
    problems = []
    for stage in stages:
        for file in stage.files:
            if file.content is None:
                others = sorted({name for one in _enables(stage) for name in one.written})
                instead = f", but {', '.join(others)} was written" if others else ""
                problems.append((stage.name, f"there is no {file.name}{instead}"))
    return unless(problems, f"{', '.join(sorted({file.name for stage in stages for file in stage.files}))}")


def schema(seen: Evidence) -> Judgement:
    checked = [(stage, file, status_schema.check(file.content)) for stage, file in _files(seen) if file.content is not None]
    if not checked:
        return not_seen("there was no status file")
    problems = [(stage.name, f"{file.name}: {text}") for stage, file, result in checked for text in result.wrong]
    tolerated = list(dict.fromkeys(text for _, _, result in checked for text in result.tolerated))
    return unless(problems, f"tolerated: {', '.join(tolerated)}" if tolerated else f"{len(checked)} files")


def final(seen: Evidence) -> Judgement:
    found = [
        (stage, file, status_schema.check(file.content or b"")) for stage, file in _files(seen) if file.content is not None
    ]
    if not found:
        return not_seen("there was no status file")
    awaited = {id(stage) for stage, after in zip(seen.stages, seen.stages[1:], strict=False) if after.name == REBOOT}
    problems = [
        (stage.name, f"{file.name} says {result.word or 'nothing valid'}{_message(file.content)}")
        for stage, file, result in found
        if result.word != "success" and id(stage) not in awaited
    ]
    return unless(problems, f"success at the end of {len({stage.name for stage, _, _ in found})} stages")


def whole(seen: Evidence) -> Judgement:
    if not any(one.written for _, one in seen.commands):
        return not_seen("no status file was written")
    problems = []
    for stage, one in seen.commands:
        bad = {file.name for file in stage.files if file.content is not None and status_schema.check(file.content).word is None}
        problems += [
            (stage.name, f"{one.name}: {name}: {text}")
            for name, text in one.torn.items()
            if name in one.written and name not in bad
        ]
    return unless(problems, "never seen half")


def size(seen: Evidence) -> Judgement:
    files = [(stage, file) for stage, file in _files(seen) if file.content is not None]
    if not files:
        return not_seen("there was no status file")
    limit = status_schema.LIMIT
    problems = [(stage.name, f"{file.name} has {file.size} bytes") for stage, file in files if file.size > limit]
    return unless(problems, f"at most {max(file.size for _, file in files)} bytes")


def heartbeat(seen: Evidence) -> Judgement:
    if not seen.declares_heartbeat:
        return not_seen("the manifest does not say reportHeartbeat")
    found = [(stage, stage.heartbeat) for stage in seen.enabled if stage.heartbeat is not None and stage.commands]
    if not found:
        return not_seen("it was never enabled")
    problems = []
    for stage, one in found:
        if one.content is None:
            problems.append((stage.name, "there is no heartbeat.log"))
            continue
        problems += [(stage.name, f"heartbeat.log: {text}") for text in _beat(one.content)]
        if one.age > STALE:
            problems.append(
                (stage.name, f"heartbeat.log is {one.age:.0f} s old: the handler is Unresponsive after {STALE:.0f} s")
            )
    return unless(problems, "written and valid; this run is too short to see that it is renewed")


def events(seen: Evidence) -> Judgement:
    found = [(stage, name, content) for stage in seen.stages for name, content in stage.events.items()]
    if not found:
        return not_seen("it wrote none")
    problems = [(stage.name, f"{name}: {text}") for stage, name, content in found for text in _event(name, content)]
    return unless(problems, f"{len({name for _, name, _ in found})} events")


def log_folder(seen: Evidence) -> Judgement:
    if not seen.commands:
        return not_seen("no command ran")
    largest = max(stage.logged for stage in seen.stages)
    return unless(list(seen.logs_elsewhere), f"{largest} bytes in it")


def log_size(seen: Evidence) -> Judgement:
    if not seen.commands:
        return not_seen("no command ran")
    largest = max(stage.logged for stage in seen.stages)
    problems = [f"{largest / MIB:.0f} MiB in the log folder after so short a life"] if largest > LOG_LIMIT else []
    return unless(problems, f"at most {largest} bytes")


def _secret(kinds: tuple[str, ...], only_open: bool = False) -> Any:
    def judge(seen: Evidence) -> Judgement:
        if not seen.secrets:
            return not_seen("no protected settings with a text of 6 characters or more (use --protected)")
        if not seen.commands:
            return not_seen("no command ran")
        leaks = [one for one in seen.leaks if one.kind in kinds and (one.open or not only_open)]
        private = [one.where for one in seen.leaks if one.kind in kinds and not one.open and only_open]
        told = f"readable by root alone: {', '.join(private[:3])}" if private else f"looked for {', '.join(seen.secrets)}"
        return unless([f'"{one.secret}" in {one.where}' for one in leaks], told)

    return judge


def _enables(stage: Stage) -> list[Command]:
    return [one for one in stage.commands if one.command == "enable"]


def _files(seen: Evidence) -> list[tuple[Stage, StatusFile]]:
    return [(stage, file) for stage in seen.enabled for file in stage.files]


def _message(content: bytes | None) -> str:
    try:
        text = json.loads(content or b"")[0]["status"]["formattedMessage"]["message"]
    except (ValueError, LookupError, TypeError):
        return ""
    return f': "{str(text)[:120]}"'


def _beat(content: bytes) -> list[str]:
    try:
        document = json.loads(content.removeprefix(b"\xef\xbb\xbf"))
    except ValueError as problem:
        return [f"not JSON: {problem}"]
    first = document[0] if isinstance(document, list) and document else None
    beat = first.get("heartbeat") if isinstance(first, Mapping) else None
    if not isinstance(beat, Mapping):
        return ['not an array whose first element has an object "heartbeat"']
    wrong = [] if isinstance(beat.get("status"), str) else ["heartbeat.status is no text"]
    message = beat.get("formattedMessage")
    if message is not None and (not isinstance(message, Mapping) or not {"lang", "message"} <= set(message)):
        wrong.append('formattedMessage lacks "lang" or "message"')
    return wrong


def _event(name: str, content: bytes) -> list[str]:
    stem, _, ending = name.rpartition(".")
    if ending == "tmp" or name.endswith(".tmp"):
        return []
    if ending != "json" or not stem.isdigit():
        return ["not named <digits>.json: it is deleted unread"]
    try:
        document = json.loads(content)
    except ValueError as problem:
        return [f"not JSON: {problem}"]
    wrong = []
    for event in document if isinstance(document, list) else [document]:
        keys = {str(key).lower() for key in event} if isinstance(event, Mapping) else set()
        missing = [key for key in EVENT_KEYS if key.lower() not in keys]
        if missing:
            wrong.append(f"lacks {', '.join(missing)}: it is dropped")
    return wrong


RULES = (
    Rule(
        "status-written",
        "enable leaves a status file for the sequence number it was given",
        "1.5",
        "name it <ConfigSequenceNumber>.status, <ConfigExtensionName>.<ConfigSequenceNumber>.status when multi-config",
        written,
    ),
    Rule(
        "status-schema",
        "status files have the form that agents read",
        "1.5",
        "an array with one object; status in lower case; formattedMessage with lang and message",
        schema,
    ),
    Rule(
        "status-final",
        "the status ends with success",
        "4.6",
        "the last thing that enable, or its detached child, does is to write success or error",
        final,
    ),
    Rule(
        "status-whole", "no reader sees half a status file", "1.5", "write <name>.tmp in the same folder and rename it", whole
    ),
    Rule(
        "status-size",
        "status files have at most 128 KiB: larger ones are cut",
        "1.5",
        "put details into the log folder; a message is what a person reads in the portal",
        size,
    ),
    Rule(
        "heartbeat",
        "a declared heartbeat is there and valid",
        "9.4",
        "write heartbeat.log (tmp and rename) before enable ends, and again at least every 10 minutes",
        heartbeat,
    ),
    Rule(
        "events",
        "telemetry events have the form that agents take",
        "9.3",
        "<microseconds>.json with the eight keys, written as .tmp and renamed",
        events,
    ),
    Rule("log-folder", "it logs into its own log folder alone", "1.1", "use logFolder of HandlerEnvironment.json", log_folder),
    Rule("log-size", "its logs stay small", "1.1", "rotate: nobody else does it", log_size),
    Rule(
        "secrets-logs",
        "no protected setting stands in a log",
        "1.4",
        "never print settings; a command's output goes into CommandExecution.log and to the service",
        _secret(("log",)),
    ),
    Rule(
        "secrets-status",
        "no protected setting is told to the fabric, in status or telemetry",
        "1.4",
        "status messages are shown to everybody who may read the VM",
        _secret(("status", "fabric")),
    ),
    Rule(
        "secrets-processes",
        "no protected setting stands in a command line",
        "1.4",
        "command lines are readable by every user: pass secrets on standard input or in a 0600 file",
        _secret(("process",)),
    ),
    Rule(
        "secrets-files",
        "no protected setting lies in a file that others can read",
        "1.4",
        "mode 0600 at creation, and remove it in uninstall",
        _secret(("file",), only_open=True),
    ),
)
"""In the order of the report."""
