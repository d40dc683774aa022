"""What a step may be, as data: every verb with its keys, for the page's forms, for `fabriclab do`, and for the reference.

Events of the world describe themselves: their fields are the keys. The lab's own verbs are written down here.
"""

import re
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from fabriclab.scenario import steps
from fabriclab.world import events
from fabriclab.world.extension import Extension, Settings

Key = dict[str, Any]

_CHANNEL = {"name": "channel", "kind": "wire or fast-track", "default": "wire"}
_OWN: dict[str, tuple[str, list[Key]]] = {
    "publish": (
        "Publishes extensions with their packages; each [[step.extension]] is one.",
        [
            {"name": "extension", "kind": "tables", "needed": True},
            {"name": "only", "kind": "true or false", "default": False},
            _CHANNEL,
        ],
    ),
    "remove": (
        "Asks for an extension's removal.",
        [{"name": "extension", "kind": "text", "needed": True}, _CHANNEL],
    ),
    "fault": (
        "Something goes wrong on purpose from now on; the keys of a [[fault]].",
        [{"name": "effect", "kind": "text", "needed": True}, {"name": "…", "kind": "the fault's keys"}],
    ),
    "lift-fault": (
        "One fault less: the one that is written so.",
        [{"name": "effect", "kind": "text", "needed": True}, {"name": "…", "kind": "the fault's keys"}],
    ),
    "clear-faults": ("No more faults.", []),
    "start-agent": ("Starts the agent.", []),
    "stop-agent": ("SIGTERM, and SIGKILL after 20 s.", []),
    "kill-agent": ("SIGKILL.", []),
    "restart-agent": ("Stops and starts the agent.", []),
    "reboot": ("Powers the guest off and on.", [{"name": "agent", "kind": "true or false", "default": True}]),
    "insert-dvd": (
        "Another provisioning DVD in the drive of the running guest.",
        [{"name": "ovf", "kind": "a table, as [ovf]"}, {"name": "medium", "kind": "a table, as [medium]"}],
    ),
    "eject-dvd": ("Takes the DVD out.", []),
    "replace-disk": (
        "Another disk from the next boot on, as after a redeployment; the keys of a [[machine.disk]].",
        [
            {"name": "name", "kind": "text", "default": "sdb"},
            {"name": "content", "kind": "text", "default": "ntfs"},
            {"name": "…", "kind": "the disk's keys"},
        ],
    ),
    "remove-disk": (
        "No such disk from the next boot on, as after a resize.",
        [{"name": "name", "kind": "text", "default": "sdb"}],
    ),
    "attach-disk": (
        "A disk comes into the running guest: an empty data disk, or what the keys of a [[machine.disk]] say.",
        [
            {"name": "name", "kind": "text", "default": "sdc"},
            {"name": "content", "kind": "text", "default": "nothing"},
            {"name": "mib", "kind": "a whole number", "default": 64},
            {"name": "…", "kind": "the disk's keys"},
        ],
    ),
    "detach-disk": (
        "The disk is taken out of the running guest.",
        [{"name": "name", "kind": "text", "default": "sdc"}],
    ),
    "pause-guest": ("Every process of the guest stands still.", []),
    "resume-guest": ("The guest goes on.", []),
    "run": (
        "A shell command in the guest, as root.",
        [
            {"name": "command", "kind": "text", "needed": True},
            {"name": "status", "kind": "a whole number", "default": 0},
            {"name": "any_status", "kind": "true or false", "default": False},
        ],
    ),
    "note": ("A line in the timeline.", [{"name": "text", "kind": "text", "needed": True}]),
}


def verbs() -> dict[str, dict[str, Any]]:
    """Name → about, keys (name, kind, needed or default)."""
    found = {}
    for name in sorted(steps.VERBS):
        event = _event(name)
        about, keys = _OWN[name] if event is None else (_sentence(event), keys_of(event))
        found[name] = {"about": about, "keys": keys}
    found["publish"]["extension"] = [
        {"name": "sample, directory or package", "kind": "text", "needed": True},
        *keys_of(Extension),
        *(key for key in keys_of(Settings) if key["name"] not in ("name", "state")),
    ]
    return found


def keys_of(kind: type[Any]) -> list[Key]:
    """The fields of a dataclass as keys of a table."""
    kinds = get_type_hints(kind)
    found = []
    for field in fields(kind):
        key: Key = {"name": field.name, "kind": described(kinds[field.name])}
        if field.default is MISSING and field.default_factory is MISSING:
            key["needed"] = True
        elif isinstance(field.default, str | int | float | bool):
            key["default"] = field.default.value if isinstance(field.default, Enum) else field.default
        found.append(key)
    return found


def described(kind: Any) -> str:
    """A type in the words of the error messages."""
    origin, inside = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return " or ".join("false" if one is NoneType else described(one) for one in inside)
    if origin is Literal:
        return " or ".join(map(str, inside))
    if origin in (tuple, frozenset):
        return f"a list: {described(inside[0])}"
    if origin is not None or kind is Any:
        return "a table" if origin is not None else "anything"
    if is_dataclass(kind):
        return "a table"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " or ".join(str(one.value) for one in kind)
    return {str: "text", int: "a whole number", float: "a number", bool: "true or false", bytes: "text"}.get(kind, str(kind))


def hyphened(name: str) -> str:
    """WrongLength as scenarios write it: wrong-length."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def _event(verb: str) -> type[Any] | None:
    if verb in _OWN:
        return None
    kinds: tuple[type[Any], ...] = get_args(events.Event)
    return next(kind for kind in kinds if steps.verb_of(kind) == verb)


def _sentence(kind: type[Any]) -> str:
    """What a class says of itself; a dataclass without a docstring has its signature there."""
    text = (kind.__doc__ or "").strip()
    return "" if text.startswith(f"{kind.__name__}(") else " ".join(text.split())
