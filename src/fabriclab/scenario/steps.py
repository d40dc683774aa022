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
from fabriclab.scenario import disks, medium, packages
from fabriclab.scenario import step as values
from fabriclab.scenario.expected import START
from fabriclab.scenario.step import Do, Source, Step, Wanted
from fabriclab.scenario.table import BadScenario, Table
from fabriclab.world import events
from fabriclab.world.events import Channel, SetSwitch, UninstallExtension
from fabriclab.world.extension import Extension, Settings
from fabriclab.world.switches import Switches, UnknownSwitch, switch

CHANNELS = ("wire", "fast-track")


def parse(table: Table, number: int) -> Step:
    verb = table.text("do")
    if verb not in VERBS:
        table.wrong("do", f'"{verb}" is none of {", ".join(sorted(VERBS))}')
    at, seconds = table.moment("at", START)
    name = table.text("id", f"{verb} {number}")
    delay = table.seconds("delay", 0.0)
    do = VERBS[verb](table)
    table.finish()
    return Step(do, name, at, seconds + delay)


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
    given.setdefault("version", "1.0.0")
    given.setdefault("settings", [one])
    instances = given["settings"]
    if isinstance(instances, list) and any(isinstance(part, dict) and "name" in part for part in instances):
        given.setdefault("multi_config", True)
    return Wanted(table.build(Extension, given), source)


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
    "pause-guest": lambda table: values.Pause(),
    "resume-guest": lambda table: values.Pause(over=True),
    "run": _run,
    "note": lambda table: values.Note(table.text("text")),
}
