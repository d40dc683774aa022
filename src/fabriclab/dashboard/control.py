"""What may be done to a running lab from outside: the verbs of a scenario's [[step]], one at a time, checked the same way."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from fabriclab.guests.process import GuestTimeout
from fabriclab.scenario import fitting, steps
from fabriclab.scenario.doing import StepFailed
from fabriclab.scenario.runner import Runner
from fabriclab.scenario.step import Happen
from fabriclab.scenario.table import BadScenario, Table
from fabriclab.world.events import Channel, PublishExtensions
from fabriclab.world.extension import Extension, Settings
from fabriclab.world.values import World

WHERE = "request"


class Refused(Exception):
    """A request that is wrong, or a step that could not be done: one sentence names key and reason."""


class Control:
    """Any thread may call; one thing is done at a time."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def do(self, document: Mapping[str, Any]) -> str:
        """One step, as a [[step]] table: `do` and the verb's keys. One sentence about it. Raises Refused."""
        for key in ("at", "delay"):
            if key in document:
                raise Refused(f"{WHERE}: {key}: a step from outside is done at once")
        try:
            step = steps.parse(Table(dict(document), WHERE), 1)
        except BadScenario as problem:
            raise Refused(str(problem)) from problem
        self._perform(step.do)
        return f"done: {document['do']}"

    def want(self, document: object, world: World, channel: Channel) -> str:
        """The wanted extensions, all of them, as `wanted` gives them: published anew. Raises Refused.

        Where `protected` is missing, the instance keeps the protected settings that it has.
        """
        try:
            extensions = fitting.fit(tuple[Extension, ...], _with_protected(document, world), "extensions")
        except fitting.Unfit as problem:
            raise Refused(f"{WHERE}: {problem}") from problem
        self._perform(Happen(PublishExtensions(extensions, channel)))
        return f"published {len(extensions)} extensions"

    def _perform(self, what: Any) -> None:
        try:
            self._runner.do_now(what)
        except (OSError, GuestTimeout, StepFailed, ValueError) as problem:
            raise Refused(str(problem)) from problem


def wanted(world: World) -> list[dict[str, Any]]:
    """The wanted extensions as plain values, without defaults and without protected settings."""
    return [_plain(extension) for extension in world.published]


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        shown = [one for one in fields(value) if one.repr and getattr(value, one.name) != one.default]
        return {
            one.name: _plain(getattr(value, one.name)) for one in shown if getattr(value, one.name) not in ((), frozenset())
        }
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | frozenset):
        return [_plain(item) for item in value]
    return value


def _with_protected(document: object, world: World) -> object:
    if not isinstance(document, list):
        return document
    return [_kept(part, world) for part in document]


def _kept(part: object, world: World) -> object:
    if not isinstance(part, dict) or not isinstance(part.get("settings"), list):
        return part
    before = next((one for one in world.published if one.name == part.get("name")), None)
    instances = {one.name: one for one in before.settings} if before is not None else {}
    return {**part, "settings": [_instance(one, instances) for one in part["settings"]]}


def _instance(one: object, before: dict[str, Settings]) -> object:
    if not isinstance(one, dict) or "protected" in one or one.get("name", "") not in before:
        return one
    kept = before[one.get("name", "")]
    return {**one, **({"protected": dict(kept.protected)} if kept.protected is not None else {})}
