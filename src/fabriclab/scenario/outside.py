"""What of a scenario a guest cannot have, and what is left of one where the lab cannot go in: what fabric and drives do."""

from collections.abc import Iterable
from dataclasses import replace

from fabriclab.guests.adapter import SANDBOX, VM, Adapter
from fabriclab.scenario.document import MachinePart, Scenario
from fabriclab.scenario.expected import Expectation, GoalState, Handler, Health, Login, Requests
from fabriclab.scenario.step import DoAgent, Run, Step

SEEN = (GoalState, Handler, Health, Login, Requests)
INSIDE = (DoAgent, Run)


def seen(scenario: Scenario) -> tuple[Scenario, tuple[str, ...]]:
    """The scenario without what concerns the inside of the guest, and a sentence for each thing left out."""
    steps = [one for one in scenario.steps if not isinstance(one.do, INSIDE)]
    expectations = [one for one in scenario.expectations if isinstance(one.what, SEEN)]
    while True:  # what hangs on something left out is left out as well
        lost = _names(scenario.steps, scenario.expectations) - _names(steps, expectations)
        if not any(one.at in lost for one in steps) and not any(one.at in lost for one in expectations):
            break
        steps = [one for one in steps if one.at not in lost]
        expectations = [one for one in expectations if one.at not in lost]
    out = [f"step {one.name}" for one in scenario.steps if one not in steps]
    out += [one.sentence() for one in scenario.expectations if one not in expectations]
    out += [f"setting {name}" for name in scenario.configuration]
    out += [f"file {path}" for path in scenario.machine.files]
    machine = replace(scenario.machine, files={})
    left = replace(scenario, machine=machine, configuration={}, steps=tuple(steps), expectations=tuple(expectations))
    return left, tuple(out)


def unheeded(part: MachinePart, adapter: Adapter) -> tuple[str, ...]:
    """A sentence for each key of [machine] that has no effect in the agent's kind of guest."""
    kind, is_own = adapter.guest, adapter.image is not None
    asks_itself = kind != SANDBOX and part.address == MachinePart.address
    found = {
        "system_disk: only a virtual machine has one": part.system_disk != MachinePart.system_disk and kind != VM,
        "firmware: only a disk of your own is started by it": bool(part.firmware) and not is_own,
        "routes: this guest has them by DHCP": part.routes != MachinePart.routes and asks_itself,
        "disk.on: its kernel shows gen1-old as gen1": kind == VM and any(one.seat.at == "gen1-old" for one in part.disks),
        "hostname: the disk has one of its own": part.hostname != MachinePart.hostname and is_own,
        "packages: the disk has its own": bool(part.packages) and is_own,
    }
    return tuple(text for text, is_so in found.items() if is_so)


def _names(steps: Iterable[Step], expectations: Iterable[Expectation]) -> set[str]:
    return {*(one.name for one in steps), *(one.name for one in expectations)}
