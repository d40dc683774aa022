"""The faults that the page offers as switches, each as a scenario's [[fault]] table."""

from typing import Any

from fabriclab.faults.parse import parse
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


def switches(rules: tuple[Rule, ...]) -> tuple[list[dict[str, Any]], list[str]]:
    """Every preset with whether it is on, and the other faults in force in words."""
    on = [{"name": name, "on": rule in rules} for name, rule in RULES.items()]
    return on, [rule.about for rule in rules if rule not in RULES.values()]
