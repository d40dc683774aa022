"""Rules about the five commands: that they run, succeed, are quick enough, may be repeated, and leave the agent alone. Pure."""

from fabriclab.judge.evidence import LIMITS, RESTART, SAME, SETTINGS, UNINSTALL, UPDATE, Command, Evidence, Stage
from fabriclab.judge.rule import Judgement, Rule, not_seen, unless
from fabriclab.judge.status_schema import check

TIGHT = 0.8  # of its time: a slower machine would be too slow
CROWD = 200  # processes at a time


def life(seen: Evidence) -> Judgement:
    problems = [(stage.name, stage.problem) for stage in seen.stages if stage.problem]
    return unless(problems, f"{len(seen.stages)} stages, {len(seen.commands)} commands")


def exits(seen: Evidence) -> Judgement:
    if not seen.commands:
        return not_seen("no command ran")
    problems = []
    for stage, one in seen.commands:
        if one.status not in (0, None):
            said = _last_line(one.words) or stage.message
            problems.append((stage.name, f"{one.name} exited with {_status(one.status)}" + (f': "{said}"' if said else "")))
    return unless(problems, f"{len(seen.commands)} commands exited with 0")


def time(seen: Evidence) -> Judgement:
    if not seen.commands:
        return not_seen("no command ran")
    problems = []
    for stage, one in seen.commands:
        limit = LIMITS.get(one.command, 300.0)
        if one.status is None:
            problems.append((stage.name, f"{one.name} did not end, an agent kills it after {limit:g} s"))
        elif one.seconds is not None and one.seconds > TIGHT * limit:
            problems.append((stage.name, f"{one.name} took {one.seconds:.0f} s of {limit:g} s"))
    slowest = max((one for _, one in seen.commands), key=lambda one: one.seconds or 0.0)
    return unless(
        problems, f"the longest: {slowest.command}, {slowest.seconds or 0:.1f} s of {LIMITS.get(slowest.command, 0):g} s"
    )


def idempotent(seen: Evidence) -> Judgement:
    again = [stage for stage in seen.stages if stage.name in (SAME, RESTART) and any(_is_enable(one) for one in stage.commands)]
    if not again:
        return not_seen("enable never ran twice with one sequence number")
    problems = []
    before = next((stage for stage in seen.stages if stage.name == SETTINGS), None)
    if before is None or not any(_is_enable(one) and one.status == 0 for one in before.commands):
        return not_seen("enable did not even succeed once with that number")
    was = _words(before)
    for stage in again:
        failed = [one for one in stage.commands if _is_enable(one) and one.status != 0]
        problems += [
            (stage.name, f"enable with the number {one.sequence} again exited with {_status(one.status)}") for one in failed
        ]
        now = _words(stage)
        for name, word in was.items():
            if word == "success" and now.get(name) != word:
                problems.append((stage.name, f"{name} was success before and is {now.get(name) or 'gone'} now"))
    return unless(problems, f"enable ran {len(again)} times more with the same number")


def remembers(seen: Evidence) -> Judgement:
    stages = [stage for stage in seen.enabled if stage.mrseq is not None]
    if not stages:
        return not_seen("it keeps no mrseq")
    problems = []
    for stage in stages:
        text = (stage.mrseq or "").strip()
        if not text.isdigit():
            problems.append((stage.name, f"mrseq holds {text!r}, no number"))
        elif int(text) != stage.sequence and not stage.problem:
            problems.append((stage.name, f"mrseq holds {text} after enable of {stage.sequence}"))
    return unless(problems, f"mrseq is {(stages[-1].mrseq or '').strip()} at the end")


def crossing(seen: Evidence) -> Judgement:
    """The update: mrseq and status files are copied before the new version's commands run, so they see them."""
    update = next((stage for stage in seen.stages if stage.name == UPDATE), None)
    if update is None or not update.commands:
        return not_seen("there was no update")
    problems = [f"{one.name} exited with {_status(one.status)}" for one in update.commands if one.status != 0]
    missing = [name for name in update.expected if name not in {one.command for one in update.commands}]
    problems += [f"{name} did not come" for name in missing]
    order = " → ".join(f"{one.command} {one.version}" for one in update.commands)
    return unless(problems, order)


def tame(seen: Evidence) -> Judgement:
    if not seen.commands:
        return not_seen("no command ran")
    problems = [(stage.name, stage.agent_died) for stage in seen.stages if stage.agent_died]
    problems += [(stage.name, f"{path} is a link now") for stage in seen.stages for path in stage.linked]
    problems += [
        (stage.name, f"{one.name} had {one.most} processes at a time") for stage, one in seen.commands if one.most > CROWD
    ]
    return unless(problems, f"at most {max(one.most for _, one in seen.commands)} processes at a time")


def left_files(seen: Evidence) -> Judgement:
    if seen.left is None or not _was_uninstalled(seen):
        return not_seen("it was not uninstalled")
    return unless(list(seen.left.files))


def left_processes(seen: Evidence) -> Judgement:
    if seen.left is None or not _was_uninstalled(seen):
        return not_seen("it was not uninstalled")
    return unless(list(seen.left.processes))


def _was_uninstalled(seen: Evidence) -> bool:
    return any(stage.name == UNINSTALL and any(one.command == "uninstall" for one in stage.commands) for stage in seen.stages)


def _is_enable(command: Command) -> bool:
    return command.command == "enable"


def _words(stage: Stage) -> dict[str, str | None]:
    return {one.name: check(one.content).word for one in stage.files if one.content is not None}


def _last_line(words: str) -> str:
    """Of a traceback, of a shell's complaint: the line that says what it was."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


def _status(status: int | None) -> str:
    if status is None:
        return "nothing: it was killed or hangs"
    return f"signal {-status}" if status < 0 else f"status {status}"


RULES = (
    Rule(
        "life",
        "each stage of the life comes to its end",
        "2.11",
        "look at the stage's first failing command; --keep keeps the agent's log and the handler's",
        life,
    ),
    Rule(
        "exit",
        "every command exits with 0",
        "2.9",
        "write what went wrong to standard error (the first 3200 bytes are reported) and to the status file",
        exits,
    ),
    Rule(
        "time",
        "every command ends well within its time",
        "2.9",
        "long work belongs into a child with a session of its own (setsid, output to files); enable returns with transitioning",
        time,
    ),
    Rule(
        "idempotent",
        "enable may be repeated with the same sequence number",
        "2.2",
        "every new goal state and every start of the agent runs enable again: recognize the number (mrseq) and exit 0",
        idempotent,
    ),
    Rule(
        "mrseq",
        "mrseq, if it is kept, is the number that was enabled last",
        "11.1",
        "write ConfigSequenceNumber into ./mrseq at the beginning of enable; never compare it with <",
        remembers,
    ),
    Rule(
        "update",
        "an update runs through: disable and uninstall of the old, update, install, enable of the new version",
        "2.7",
        "disable and uninstall of the old version get a sequence number that it has no settings file for; what they take away, "
        "the new version's enable must make again, although mrseq says that it has seen the number",
        crossing,
    ),
    Rule(
        "tame",
        "it does no harm to the agent: not killed, no directory made a link, no crowd of processes",
        "1.1",
        "never signal by name; keep the directories that HandlerEnvironment.json names",
        tame,
    ),
    Rule(
        "files-left",
        "after uninstall nothing is left in the file tree but the log folder",
        "2.10",
        "undo in uninstall what the life made, changed or removed, or name it with --allow-left when it is to stay so",
        left_files,
    ),
    Rule(
        "processes-left",
        "after uninstall no process is left",
        "2.9",
        "an agent never kills what a command leaves running: end it in disable or uninstall",
        left_processes,
    ),
)
"""In the order of the report."""
