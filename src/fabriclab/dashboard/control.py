"""What may be done to a running lab from outside: the verbs of a scenario's [[step]], one at a time, checked the same way."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any

from fabriclab.guests.process import GuestTimeout
from fabriclab.scenario import fitting, steps
from fabriclab.scenario.doing import StepFailed
from fabriclab.scenario.runner import Runner
from fabriclab.scenario.step import Happen, Publish, Source
from fabriclab.scenario.table import BadScenario, Table
from fabriclab.world.events import Channel, PublishExtensions
from fabriclab.world.extension import Extension, Settings
from fabriclab.world.values import World

WHERE = "request"


class Refused(Exception):
    """A request that is wrong, or a step that could not be done: one sentence names key and reason."""


@dataclass(frozen=True)
class Done:
    """One sentence about it, and of a command what it printed."""

    text: str
    output: str | None = None


class Control:
    """Any thread may call. `sources`: where the packages came from, by extension."""

    def __init__(self, runner: Runner, sources: Mapping[str, Source] | None = None) -> None:
        self._runner = runner
        self.sources = dict(sources or {})

    def do(self, document: Mapping[str, Any]) -> Done:
        """One step, as a [[step]] table: `do` and the verb's keys. Raises Refused."""
        for key in ("at", "delay"):
            if key in document:
                raise Refused(f"{WHERE}: {key}: a step from outside is done at once")
        try:
            what = steps.parse_do(Table({key: value for key, value in document.items() if key != "id"}, WHERE))
        except BadScenario as problem:
            raise Refused(str(problem)) from problem
        output = self._perform(what)
        if isinstance(what, Publish):
            self.sources |= {wanted.extension.name: wanted.source for wanted in what.wanted}
        return Done(f"done: {document['do']}", output)

    def check(self, document: object, world: World) -> tuple[Extension, ...]:
        """The wanted extensions, all of them, as `wanted` gives them. Raises Refused with key and reason.

        Where `protected` is missing, the instance keeps the protected settings that it has.
        """
        try:
            given = _with_protected(document, world)
            extensions: tuple[Extension, ...] = fitting.fit(tuple[Extension, ...], given, "extensions")
        except fitting.Unfit as problem:
            raise Refused(f"{WHERE}: {problem}") from problem
        for number, extension in enumerate(extensions, 1):
            if (reason := steps.bad_name(extension)) is not None:
                raise Refused(f"{WHERE}: extensions[{number}].{reason[0]}: {reason[1]}")
        return extensions

    def want(self, document: object, world: World, channel: Channel) -> Done:
        """Publishes what `check` lets pass. Raises Refused."""
        extensions = self.check(document, world)
        self._perform(Happen(PublishExtensions(extensions, channel)))
        return Done(f"published {len(extensions)} extension{'' if len(extensions) == 1 else 's'}")

    def _perform(self, what: Any) -> str | None:
        try:
            return self._runner.do_now(what)
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
