"""The only interpreter of actions: numbered, redacted, recorded, and every action may be applied again.

The observer hears of each step as it happens, so that a harness can end the process between any two of them.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass

from waagent.model.failure import SystemFailure
from waagent.model.secret import Secret, redact
from waagent.system import action as a
from waagent.system import pattern
from waagent.system.action import Action, Content, Plan
from waagent.system.port import FileFacts, Kind, System
from waagent.system.trace import describe, reason

Observer = Callable[[int, Action, str], object]
"""Takes the number of an action (from 1), the action, and ``started``, ``finished`` or ``failed``."""


@dataclass(frozen=True)
class Done:
    """An action that was applied. ``changed`` is False when there was nothing to do; ``failure`` only if optional."""

    number: int
    action: Action
    changed: bool
    failure: SystemFailure | None = None


def apply(system: System, plan: Plan, observer: Observer | None = None) -> tuple[Done, ...]:
    """Apply a plan in order; the first failure stops it unless the action is optional.

    Errors: the ``SystemFailure`` or ``CommandFailure`` of that action, its hint naming the step.
    """
    return tuple(_step(system, number, len(plan), action, observer) for number, action in enumerate(plan, 1))


def _step(system: System, number: int, total: int, action: Action, observer: Observer | None) -> Done:
    tell = observer or _nobody
    label = f"[{number}/{total}] {describe(action)}"
    system.log.verbose(f"{label}: started{reason(action)}")
    tell(number, action, "started")
    try:
        changed = _perform(system, action)
    except SystemFailure as failure:
        tell(number, action, "failed")
        if action.optional:
            system.log.warning(f"{label}: failed, going on: {redact(failure.reason)}{_detail(failure)}")
            return Done(number, action, False, failure)
        system.log.error(f"{label}: failed: {redact(failure.reason)}{_detail(failure)}")
        failure.hint = f"step {number} of {total} ({describe(action)}) failed" + _detail(failure)
        raise
    system.log.info(f"{label}: {'finished' if changed else 'finished, nothing to do'}")
    tell(number, action, "finished")
    return Done(number, action, changed)


def _nobody(number: int, action: Action, moment: str) -> None:
    """The observer where there is none."""


def _detail(failure: SystemFailure) -> str:
    return f": {redact(failure.hint)}" if failure.hint else ""


def _perform(system: System, action: Action) -> bool:
    """Apply one action; False when everything was as it should be already."""
    files = system.files
    match action:
        case a.WriteFile():
            return _write(system, action)
        case a.WriteThrough():
            files.write_through(action.path, _bytes(action.content))
            return True
        case a.MakeDirectory():
            before = files.facts(action.path)
            files.make_directory(action.path, action.mode, action.owner)
            return files.facts(action.path) != before
        case a.Remove():
            return _remove(system, action.path)
        case a.EmptyDirectory():
            names = files.names(action.path)
            for name in names:
                files.remove(posixpath.join(action.path, name))
            return bool(names)
        case a.Rename():
            if files.facts(action.source) is None and files.facts(action.path) is not None:
                return False
            files.rename(action.source, action.path)
            return True
        case a.Symlink():
            before = files.facts(action.path)
            if before is not None and before.kind is Kind.LINK and before.target == action.target:
                return False
            files.symlink(action.path, action.target)
            return True
        case a.AllocateFile():
            files.allocate(action.path, action.size, action.mode, written=action.written)
            return True
        case a.SetMode():
            before = files.facts(action.path)
            files.set_mode(action.path, action.mode)
            return before is None or before.mode != action.mode
        case a.SetOwner():
            before = files.facts(action.path)
            files.set_owner(action.path, action.owner)
            return files.facts(action.path) != before
        case a.Run():
            if action.unless is not None and files.exists(action.unless):
                return False
            stdin = action.stdin
            system.commands.run(action.argv, stdin=stdin, timeout=action.timeout, ok=action.ok)
            return True
        case _:
            raise TypeError(f"{type(action).__name__} is not an action")


def _remove(system: System, path: str) -> bool:
    found: tuple[str, ...] = (path,) if system.files.facts(path) is not None else ()
    if not found and pattern.is_pattern(path):
        found = system.files.glob(path)
    for one in found:
        system.files.remove(one)
    return bool(found)


def _write(system: System, action: a.WriteFile) -> bool:
    """Replace a file; one with the same content keeps its time and costs no write, unless ``anew``; its rights are seen to."""
    files = system.files
    content = _bytes(action.content)
    old = files.facts(action.path)
    if old is not None and old.kind is not Kind.FILE:
        old = None
    if old is not None and not action.anew and old.size == len(content) and files.read(action.path) == content:
        if action.mode is not None and action.mode != old.mode:
            files.set_mode(action.path, action.mode)
        if action.owner is not None:
            files.set_owner(action.path, action.owner)
        return files.facts(action.path) != old
    if action.check:
        _check(system, action, content, old)
    files.write(action.path, content, action.mode, action.owner)
    return True


def _check(system: System, action: a.WriteFile, content: bytes, old: FileFacts | None) -> None:
    """Run the check on a file beside the one to be replaced, with its rights; it never outlives the check."""
    directory, name = posixpath.split(action.path)
    draft = posixpath.join(directory, f".{name[:200]}.waagent-check")
    mode = action.mode if action.mode is not None else (0o644 if old is None else old.mode)
    owner = action.owner if action.owner is not None or old is None else f"{old.uid}:{old.gid}"
    system.files.write(draft, content, mode, owner)
    try:
        real = system.files.real_path(draft)
        system.commands.run([part.replace("{}", real) for part in action.check])
    finally:
        system.files.remove(draft)


def _bytes(content: Content) -> bytes:
    return content.reveal().encode() if isinstance(content, Secret) else content
