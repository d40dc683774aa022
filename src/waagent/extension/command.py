"""Running one command of a handler (extensions.md 2.9, 7.5).

The command runs below a small shell of ours in the same group, which records that it started and how it ended, and so
outlives the agent with its result. Odd: only the direct child is waited for, its descendants live on; where systemd-run
could not make the scope, the command runs without one, exactly once, because it is the scope that says it has begun.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from waagent.extension import capture, limits
from waagent.extension.journal import Entry, Journal, Stage, alive, boot_id
from waagent.extension.limits import Surroundings
from waagent.extension.place import Place
from waagent.extension.plan import TIMED_OUT, Command
from waagent.extension.sequence import Ending
from waagent.model.failure import CommandFailure, ExtensionFailure, SystemFailure
from waagent.system.port import Child, System

SHELL = r"""
step=$1 line=$2 groups=$3; shift 3
[ -z "$step" ] || { set -C; echo $$ >"$step/claim"; } 2>/dev/null || exit 125
set +C
for group in $groups; do { echo $$ >"$group"; } 2>/dev/null; done
agent=$PPID scoped=
if [ $# -gt 0 ] && [ -n "$step" ]; then
    "$@" /bin/sh "$step/scope"
    code=$?
    if [ -e "$step/started" ]; then scoped=1; else (: >/proc/$$/fd/1; : >/proc/$$/fd/2) 2>/dev/null; fi
fi
if [ -z "$scoped" ]; then
    /bin/sh -c "$line"
    code=$?
fi
[ -n "$step" ] || exit $code
if ! kill -0 "$agent" 2>/dev/null; then
    exec 8>&1 9>&2
    head -c 3200 /proc/$$/fd/8 >"$step/stdout" 2>/dev/null
    head -c 3200 /proc/$$/fd/9 >"$step/stderr" 2>/dev/null
fi
{ echo $code >"$step/result"; } 2>/dev/null
exit $code
"""
"""Parameters: the record's directory (may be empty), the command, control groups to go to, and the scope's command.

The scope's shell reads what it is to do from a file, because systemd-run comes to expand ``$`` in what it is given. What a
failed systemd-run said is cut away. This shell leaves the agent's groups first of all: it outlives the agent, and whatever
systemd finds there when it starts or stops the agent is a left-over to it.
"""

NOEXEC = "is mounted with noexec"
_SLICE = 1.0
"""Seconds after which a wait looks up: has a status file changed, does the program end?"""
_FAREWELL = 2.0
_LOOKS = (0.05, 1.0)
"""First and longest pause between two looks at a command that is not our child."""


@dataclass(frozen=True)
class Order:
    """One command to run. ``key`` says which one, so that a restarted agent finds it again.

    ``environment`` is what the contract gives the command; ``inherited`` is merged over it.
    """

    key: str
    command: Command
    place: Place
    line: str
    environment: Mapping[str, str]
    extension: str | None = None
    inherited: Mapping[str, str] = field(default_factory=dict)

    @property
    def full(self) -> str:
        """The command as the shell gets it and as messages show it."""
        return f"{self.place.base}/{self.line.lstrip('/')}"


@dataclass(frozen=True)
class Result:
    """How a command ended. ``exit_code`` None: it was killed at its timeout, or never started (then ``refusal`` says why)."""

    exit_code: int | None
    output: str
    seconds: float
    refusal: str | None = None
    stuck: bool = False
    """It was killed and is still there."""
    found: bool = False
    """It was started by an agent before this one."""
    throttled: float | None = None
    """Seconds for which its limit had held it up when it was killed."""


def run(
    system: System,
    order: Order,
    journal: Journal,
    surroundings: Surroundings,
    tick: Callable[[], object],
    *,
    once_per_boot: bool = False,
) -> Result:
    """Run a command to its end or timeout, or take what an earlier agent left of it. ``tick`` is called now and then.

    ``once_per_boot``: a result from before a boot does not count. Errors: ``Ending``; the command then goes on alone.
    """
    entry = _left_over(system, order, journal, once_per_boot)
    if entry is not None:
        journal.use(entry)
        system.log.info(f"{order.place.full_name}: an earlier agent had started: {order.full}")
        found = watch(system, journal, entry, tick)
        if found is not None:
            return found
    return _start(system, order, journal, surroundings, tick)


def _left_over(system: System, order: Order, journal: Journal, once_per_boot: bool) -> Entry | None:
    boot = boot_id(system.files)
    for entry in journal.entries():
        if entry.key != order.key:
            continue
        stale = once_per_boot and entry.boot != boot
        if not stale and journal.stage(entry) in (Stage.RUNNING, Stage.FINISHED):
            return entry
        if not journal.drop(entry):
            return entry
    return None


def watch(system: System, journal: Journal, entry: Entry, tick: Callable[[], object]) -> Result | None:
    """Wait for a command of an earlier agent; None when it left nothing. It is killed at its timeout as if it were ours."""
    pause = _LOOKS[0]
    while (stage := journal.stage(entry)) is not Stage.FINISHED:
        if stage is not Stage.RUNNING:
            if journal.drop(entry):
                return None
            continue
        if system.clock.monotonic() - entry.started >= entry.timeout and entry.boot == boot_id(system.files):
            return _kill_found(system, journal, entry)
        if not system.clock.pause(pause):
            raise Ending
        pause = min(_LOOKS[1], pause * 1.5)
        tick()
    output = capture.formatted(journal.read(entry, "stdout"), journal.read(entry, "stderr"))
    return Result(journal.result(entry), output, 0.0, found=True)


def _kill_found(system: System, journal: Journal, entry: Entry) -> Result:
    pid = journal.pid(entry)
    journal.mark_killed(entry)
    system.commands.run(["/bin/sh", "-c", f"kill -s KILL -- -{pid}"], timeout=10, ok=None)
    system.clock.pause(_LOOKS[0])
    stuck = pid is not None and alive(system, pid, entry.token)
    return Result(None, capture.formatted(b"", b""), entry.timeout, stuck=stuck, found=True)


def _start(system: System, order: Order, journal: Journal, surroundings: Surroundings, tick: Callable[[], object]) -> Result:
    begun = system.clock.monotonic()
    before = limits.throttled(system.files, surroundings.slice) or 0.0
    entry: Entry | None = None
    try:
        entry = journal.open(
            key=order.key, word=order.command.word, version=order.place.version,
            extension=order.extension, timeout=order.command.timeout,
        )  # fmt: skip
    except SystemFailure as failure:
        system.log.warning(f"{order.place.full_name}: runs without a record, a restart would not find it: {failure.reason}")
    try:
        out, read_out = system.files.scratch(order.place.base)
        err, read_err = system.files.scratch(order.place.base)
    except SystemFailure as failure:
        return Result(None, "", 0.0, refusal=failure.reason)
    with out, err, read_out, read_err:
        try:
            child = _spawn(system, order, journal, entry, surroundings, out, err)
        except CommandFailure as failure:
            return Result(None, "", 0.0, refusal=failure.reason)
        code, stuck = _await(system, child, begun + order.command.timeout, journal, entry, tick)
        output = capture.formatted(_head(read_out), _head(read_err))
    seconds = system.clock.monotonic() - begun
    if code == 125 and entry is not None and journal.pid(entry) is None:
        return Result(None, output, seconds, refusal="its start could not be recorded")
    waited = limits.throttled(system.files, surroundings.slice) if code is None else None
    return Result(code, output, seconds, stuck=stuck, throttled=None if waited is None else waited - before)


def _spawn(
    system: System,
    order: Order,
    journal: Journal,
    entry: Entry | None,
    surroundings: Surroundings,
    out: BinaryIO,
    err: BinaryIO,
) -> Child:
    step = "" if entry is None else system.files.real_path(entry.directory)
    base = system.files.real_path(order.place.base)
    line = f"{base}/{order.line.lstrip('/')}"
    scope = surroundings.scope if entry is not None and _scope_file(system, journal, entry, step, line) else ()
    argv = ["/bin/sh", "-c", SHELL, "sh", step, line, " ".join(surroundings.groups), *scope]
    return system.commands.spawn(
        argv, directory=base, environment={**order.environment, **order.inherited}, stdout=out, stderr=err
    )


def _scope_file(system: System, journal: Journal, entry: Entry, step: str, line: str) -> bool:
    """Write what the scope's shell does: say that it runs, then become the command. False: there is no place for it."""
    text = f": >{shlex.quote(step)}/started || exit 125\nexec /bin/sh -c {shlex.quote(line)}\n"
    try:
        journal.put(entry, "scope", text.encode("utf-8", "surrogateescape"))
    except SystemFailure as failure:
        system.log.warning(failure.reason)
        return False
    return True


def _await(
    system: System, child: Child, end: float, journal: Journal, entry: Entry | None, tick: Callable[[], object]
) -> tuple[int | None, bool]:
    """The exit status, None for a timeout; and whether the killed command is still there."""
    while True:
        code = child.wait(max(0.0, min(_SLICE, end - system.clock.monotonic())))
        if code is not None:
            return code, False
        if system.clock.monotonic() >= end:
            if entry is not None:
                _mark(system, journal, entry)
            child.kill_group()
            return None, child.wait(_FAREWELL) is None
        if not system.clock.pause(0):
            raise Ending
        tick()


def _mark(system: System, journal: Journal, entry: Entry) -> None:
    try:
        journal.mark_killed(entry)
    except SystemFailure as failure:
        system.log.warning(failure.reason)


def _head(stream: BinaryIO) -> bytes:
    try:
        return stream.read(capture.LIMIT)
    except OSError as error:
        return f"the output could not be read: {error.strerror or error}".encode()


class CommandFailed(ExtensionFailure):
    """A command did not succeed. ``exit_code`` None: it timed out or never started."""

    def __init__(self, kind: str, reason: str, command: Command, code: int, exit_code: int | None = None) -> None:
        super().__init__(kind, reason, code=code, operation=command.operation)
        self.exit_code = exit_code


def judge(system: System, order: Order, result: Result) -> None:
    """Errors: ``CommandFailed`` with the code and text of extensions.md 2.9 unless the command succeeded."""
    command = order.command
    if result.refusal is not None:
        text = f"Failed to launch '{order.full}': {result.refusal}"
        raise CommandFailed("ExtensionError", text, command, command.code)
    if result.exit_code is None:
        limited = "" if result.throttled is None else f";CPUThrottledTime({result.throttled:.1f}secs)"
        text = f"Timeout({command.timeout}){limited}: {order.full}\n{result.output}"
        if result.stuck:
            text += "\nThe process was killed and has not ended."
        raise CommandFailed("ExtensionError", text, command, TIMED_OUT)
    if result.exit_code != 0:
        text = f"Non-zero exit code: {result.exit_code}, {order.full}\n{result.output}"
        if result.exit_code == 126:
            text += _noexec(system, order.place)
        raise CommandFailed("ExtensionOperationError", text, command, command.code, result.exit_code)


def _noexec(system: System, place: Place) -> str:
    """A line naming the mount that forbids programs, when that is why the command could not run."""
    try:
        mounts = (system.files.read_if_there("/proc/mounts", 1024 * 1024) or b"").decode("utf-8", "replace")
    except SystemFailure:
        return ""
    library = posixpath.dirname(place.base)
    for fields in (line.split() for line in mounts.splitlines()):
        if len(fields) > 3 and "noexec" in fields[3].split(",") and (library + "/").startswith(fields[1].rstrip("/") + "/"):
            return f"\nWARNING: {fields[1]} {NOEXEC}, which prevents the extension's programs from running"
    return ""
