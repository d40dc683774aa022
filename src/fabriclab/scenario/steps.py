"""[[step]] tables → steps. `do` names what is done: a verb of the lab, or an event of the world by its name.

Events are written as their class is called, in lower case with hyphens, and their fields are the keys:
`do = "bump-incarnation"`, `to = 3`. Two have names of their own besides: `publish` and `remove`.
"""

import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

from fabriclab.faults.parse import BadFault
from fabriclab.faults.parse import parse as parse_fault
from fabriclab.faults.rule import Rule
from fabriclab.given.spelling import nearest
from fabriclab.scenario import disks, medium, packages
from fabriclab.scenario import step as values
from fabriclab.scenario.expected import START
from fabriclab.scenario.fitting import unknown_key
from fabriclab.scenario.step import Do, Source, Step, Wanted
from fabriclab.scenario.table import BadScenario, Table
from fabriclab.world import events
from fabriclab.world.events import Channel, PublishExtensions, PutExtension, SetSwitch, UninstallExtension
from fabriclab.world.extension import Extension, Settings
from fabriclab.world.switches import Switches, UnknownSwitch, switch

CHANNELS = ("wire", "fast-track")


def parse(table: Table, number: int) -> Step:
    at, seconds = table.moment("at", START)
    delay = table.seconds("delay", 0.0)
    name = table.maybe_text("id")
    do = parse_do(table)
    return Step(do, name if name is not None else f"{table.text('do')} {number}", at, seconds + delay)


def parse_do(table: Table) -> Do:
    """What is done alone, `do` and the verb's keys; every other key is refused."""
    verb = table.text("do")
    if verb not in VERBS:
        table.wrong("do", unknown_verb(verb))
    do = VERBS[verb](table)
    table.finish()
    return do


def unknown_verb(verb: str) -> str:
    """The reason, with the verbs that are spelt nearly so, else a word on where they all stand."""
    known = sorted(VERBS)
    near = nearest(verb.replace("_", "-"), known, 2) or [one for one in known if verb and verb in one.split("-")][:4]
    return f'"{verb}" is no verb; ' + (f"did you mean {' or '.join(near)}?" if near else "`fabriclab do` lists them all")


def fault(table: Table) -> Rule:
    try:
        return parse_fault(table.rest(), table.where)
    except BadFault as problem:
        raise BadScenario(f"{table.file}: {problem}") from problem


def _publish(table: Table) -> Do:
    found = table.tables("extension")
    if not found:
        table.wrong("extension", "missing: one [[step.extension]] for each extension")
    wanted = tuple(_wanted(part) for part in found)
    return values.Publish(wanted, table.flag("only", False), _channel(table))


def _channel(table: Table) -> Channel:
    return "fast-track" if table.choice("channel", CHANNELS, "wire") == "fast-track" else "wire"


def _wanted(table: Table) -> Wanted:
    """Settings are `settings`, a list of instances, or the keys of one instance beside those of the extension."""
    source = _source(table)
    one = {key: table.take(key) for key in _INSTANCE if key in table}
    if one and "settings" in table:
        table.wrong(next(iter(one)), "stands beside settings, which says it already")
    given = table.rest()
    unknown = sorted(set(given) - _OF_EXTENSION)
    if unknown:
        table.wrong(unknown[0], unknown_key(unknown[0], _OF_EXTENSION | {*_INSTANCE, *packages.KINDS}))
    given.setdefault("version", "1.0.0")
    given.setdefault("settings", [one])
    instances = given["settings"]
    if isinstance(instances, list) and any(isinstance(part, dict) and "name" in part for part in instances):
        given.setdefault("multi_config", True)
    extension = table.build(Extension, given)
    if (reason := bad_name(extension)) is not None:
        table.wrong(*reason)
    return Wanted(extension, source)


def bad_name(extension: Extension) -> tuple[str, str] | None:
    """Key and reason when a name could not be one on Azure: it becomes the name of files and directories."""
    if _NAME.fullmatch(extension.name) is None:
        return (
            "name",
            f'"{extension.name}" is no name of an extension; one is written Publisher.Type, of letters, digits, . _ -',
        )
    for instance in extension.settings:
        if instance.name and _NAME.fullmatch(instance.name) is None:
            return "settings", f'"{instance.name}" is no name of an instance; one has letters, digits, . _ -'
    return None


_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")
_OF_EXTENSION = {field.name for field in fields(Extension)}
_INSTANCE = tuple(field.name for field in fields(Settings) if field.name not in ("name", "state"))


def _source(table: Table) -> Source:
    found = [kind for kind in packages.KINDS if kind in table]
    if len(found) != 1:
        raise BadScenario(f"{table.file}: {table.where}: exactly one of {', '.join(packages.KINDS)} is needed")
    kind = found[0]
    name = table.text(kind)
    if kind in ("directory", "package"):
        name = str((Path(table.file).parent / name).resolve())
    problem = packages.problem(Source(kind, name))
    if problem is not None:
        table.wrong(kind, problem)
    return Source(kind, name)


def _remove(table: Table) -> Do:
    return values.Happen(UninstallExtension(table.text("extension"), _channel(table)))


def _agent(what: str) -> Callable[[Table], Do]:
    return lambda table: values.DoAgent(what)


def _insert(table: Table) -> Do:
    return values.InsertMedium(medium.parse(table))


def _run(table: Table) -> Do:
    status = None if table.flag("any_status", False) else table.whole("status", 0)
    return values.Run(table.text("command"), status)


def _event(kind: type[Any]) -> Callable[[Table], Do]:
    def read(table: Table) -> Do:
        event = table.build(kind)
        if isinstance(event, SetSwitch):
            try:
                switch(Switches(), event.name, event.value)
            except UnknownSwitch as problem:
                table.wrong("value", str(problem))
        extensions = {PutExtension: "extension", PublishExtensions: "extensions"}.get(kind)
        if extensions is not None:
            given = getattr(event, extensions)
            for extension in given if isinstance(given, tuple) else (given,):
                if (reason := bad_name(extension)) is not None:
                    table.wrong(f"{extensions}.{reason[0]}", reason[1])
        return values.Happen(event)

    return read


def verb_of(kind: type[Any]) -> str:
    """The event as a scenario writes it: bump-incarnation."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower()


VERBS: dict[str, Callable[[Table], Do]] = {
    **{verb_of(kind): _event(kind) for kind in get_args(events.Event)},
    "publish": _publish,
    "remove": _remove,
    "fault": lambda table: values.Inject(fault(table)),
    "lift-fault": lambda table: values.Lift(fault(table)),
    "clear-faults": lambda table: values.ClearFaults(),
    "start-agent": _agent("start"),
    "stop-agent": _agent("stop"),
    "kill-agent": _agent("kill"),
    "restart-agent": _agent("restart"),
    "reboot": lambda table: values.Reboot(table.flag("agent", True)),
    "insert-dvd": _insert,
    "eject-dvd": lambda table: values.EjectMedium(),
    "replace-disk": lambda table: values.ReplaceDisk(disks.parse(table)),
    "remove-disk": lambda table: values.RemoveDisk(table.text("name", "sdb")),
    "attach-disk": lambda table: values.AttachDisk(disks.parse_data(table)),
    "detach-disk": lambda table: values.DetachDisk(table.text("name", disks.DATA)),
    "pause-guest": lambda table: values.Pause(),
    "resume-guest": lambda table: values.Pause(over=True),
    "run": _run,
    "note": lambda table: values.Note(table.text("text")),
}
