"""What is left of a scenario for a guest that the lab cannot go into: what fabric and drives do, and what the fabric sees."""

from collections.abc import Iterable
from dataclasses import replace

from fabriclab.scenario.document import Scenario
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


def _names(steps: Iterable[Step], expectations: Iterable[Expectation]) -> set[str]:
    return {*(one.name for one in steps), *(one.name for one in expectations)}
