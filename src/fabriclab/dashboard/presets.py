"""The faults that the page offers as switches, each as a scenario's [[fault]] table."""

from typing import Any

from fabriclab.faults import words
from fabriclab.faults.parse import parse
from fabriclab.faults.plan import Counted
from fabriclab.faults.render import table
from fabriclab.faults.rule import Rule

TABLES: dict[str, dict[str, Any]] = {
    "wire server: 503": {"effect": "status", "code": 503, "service": "wireserver"},
    "host plugin: 503": {"effect": "status", "code": 503, "service": "hostplugin"},
    "storage: 503": {"effect": "status", "code": 503, "service": "blob"},
    "metadata: silent": {"effect": "drop", "service": "imds"},
    "every reply 2 s late": {"effect": "delay", "seconds": 2},
    "connections reset": {"effect": "reset"},
    "half of the replies lost": {"effect": "drop", "probability": 0.5},
    "replies cut in half": {"effect": "truncate"},
    "garbage": {"effect": "garbage"},
    "old documents": {"effect": "stale"},
}
RULES: dict[str, Rule] = {name: parse(table) for name, table in TABLES.items()}


def switches(faults: tuple[Counted, ...]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Every preset with whether it is on, and the other faults in force: in words, and as the table that lifts it."""
    there = {one.rule: one for one in faults}
    on = [{"name": name, "on": rule in there, "struck": _struck(there.get(rule))} for name, rule in RULES.items()]
    others = [one for one in faults if one.rule not in RULES.values()]
    return on, [{"text": words.about(one.rule), "table": table(one.rule), "struck": one.struck} for one in others]


def _struck(one: Counted | None) -> int:
    return one.struck if one is not None else 0
