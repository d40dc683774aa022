"""Plans as text, for a dry run and for the log: one line per action, secrets hidden, nothing changed."""

from __future__ import annotations

import shlex

from waagent.model.secret import Secret, redact
from waagent.system import action as a
from waagent.system.action import Action, Content, Plan


def lines(plan: Plan) -> tuple[str, ...]:
    """The numbered lines of a plan, ``why`` included."""
    return tuple(f"{number}. {describe(action)}{reason(action)}" for number, action in enumerate(plan, 1))


def reason(action: Action) -> str:
    """`` (in order to …)``, or nothing."""
    return f" (in order to {redact(action.why)})" if action.why else ""


def describe(action: Action) -> str:
    """What an action does, in one line without any secret."""
    return redact(_describe(action)).replace("\n", "\\n")


def _describe(action: Action) -> str:
    match action:
        case a.WriteFile():
            check = f", checked by {shlex.join(action.check)}" if action.check else ""
            return f"write {action.path} ({_size(action.content)}{_rights(action.mode, action.owner)}{check})"
        case a.WriteThrough():
            return f"write into {action.path} ({_size(action.content)})"
        case a.MakeDirectory():
            return f"make directory {action.path}" + _bracketed(_rights(action.mode, action.owner))
        case a.Remove():
            return f"remove {action.path}"
        case a.EmptyDirectory():
            return f"empty directory {action.path}"
        case a.Rename():
            return f"rename {action.source} to {action.path}"
        case a.Symlink():
            return f"link {action.path} to {action.target}"
        case a.AllocateFile():
            return f"allocate {action.path} ({action.size} bytes, mode {action.mode:04o})"
        case a.SetMode():
            return f"set mode of {action.path} to {action.mode:04o}"
        case a.SetOwner():
            return f"set owner of {action.path} to {action.owner}"
        case a.Run():
            stdin = "" if action.stdin is None else f" (stdin: {_size(action.stdin)})"
            unless = f" (unless {action.unless} exists)" if action.unless else ""
            return f"run {shlex.join(action.argv)}{stdin}{unless}"
        case _:
            raise TypeError(f"{type(action).__name__} is not an action")


def _size(content: Content) -> str:
    return "secret" if isinstance(content, Secret) else f"{len(content)} bytes"


def _rights(mode: int | None, owner: str | None) -> str:
    return ("" if mode is None else f", mode {mode:04o}") + ("" if owner is None else f", owner {owner}")


def _bracketed(text: str) -> str:
    return f" ({text.removeprefix(', ')})" if text else ""
