"""Random faults that are the same for the same seed, and the search for the few among them that matter. Pure.

Every fault ends after some seconds: what is asked of an agent is to recover, not to work without a fabric.
"""

import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from fabriclab.faults.parse import parse
from fabriclab.scenario.document import Scenario

FaultTable = dict[str, Any]

COUNT = 6
LATEST = 12.0  # seconds: no fault begins later
LONGEST = 8.0  # seconds that a fault lasts at most
SLACK = 45.0  # seconds that every expectation has more for it

_SERVICES = ("wireserver", "hostplugin", "blob", "imds")
_EFFECTS: tuple[Callable[[random.Random], FaultTable], ...] = (
    lambda die: {"effect": "status", "code": die.choice([400, 403, 404, 410, 429, 500, 502, 503])},
    lambda die: {"effect": "delay", "seconds": round(die.uniform(0.1, 4.0), 1)},
    lambda die: {"effect": "drop"},
    lambda die: {"effect": "reset"},
    lambda die: {"effect": "truncate"},
    lambda die: {"effect": "drip", "bytes": die.randint(1, 64), "seconds": 0.05},
    lambda die: {"effect": "garbage", "size": die.randint(1, 4096), "seed": die.randint(0, 99)},
    lambda die: {"effect": "stale"},
)


def faults(seed: int, count: int = COUNT) -> list[FaultTable]:
    """As [[fault]] tables."""
    die = random.Random(seed)
    return [_fault(die) for _ in range(count)]


def under(scenario: Scenario, tables: Sequence[FaultTable]) -> Scenario:
    """The scenario with these faults too; every expectation may come so much later."""
    rules = tuple(parse(table, f"fault[{number}]") for number, table in enumerate(tables, 1))
    if not rules:
        return scenario
    patient = tuple(replace(one, within=one.within + SLACK) for one in scenario.expectations)
    return replace(scenario, faults=(*scenario.faults, *rules), expectations=patient)


def shrink(tables: Sequence[FaultTable], fails: Callable[[Sequence[FaultTable]], bool]) -> list[FaultTable]:
    """A part of them that still fails and of which none can be left out. `fails` is asked of ever smaller parts."""
    left, size = list(tables), max(len(tables) // 2, 1)
    while left:
        for start in range(0, len(left), size):
            without = left[:start] + left[start + size :]
            if without != left and fails(without):
                left = without
                break
        else:
            if size == 1:
                return left
            size //= 2
        size = min(size, max(len(left), 1))
    return left


def text(tables: Sequence[FaultTable]) -> str:
    """As TOML, to stand at the end of a scenario's file."""
    return "".join("\n[[fault]]\n" + "".join(f"{key} = {_value(value)}\n" for key, value in table.items()) for table in tables)


def written(scenario: str, left: Sequence[FaultTable], about: str) -> str:
    """A scenario's text with these faults too, and with the patience that `under` gives."""
    patience = re.compile(r"(?m)^patience[ \t]*=[ \t]*([0-9.]+)")
    before = patience.search(scenario)
    more = f"patience = {SLACK + (float(before[1]) if before else 0.0):g}"
    whole = patience.sub(more, scenario, count=1) if before else f"{more}\n{scenario}"
    return f"# {about}\n{whole}{text(left)}"


def _fault(die: random.Random) -> FaultTable:
    begins = round(die.uniform(0.0, LATEST), 1)
    table = {**die.choice(_EFFECTS)(die), "service": die.choice(_SERVICES), "from": begins}
    table["until"] = round(begins + die.uniform(1.0, LONGEST), 1)
    if die.random() < 0.3:
        table["every"] = die.randint(2, 4)
    return table


def _value(value: Any) -> str:
    return json.dumps(value)
