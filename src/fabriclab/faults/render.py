"""Rule → the plain table that makes it (the way back from parse.py): so that whoever sees a fault in force can lift it.

`parse(table(rule)) == rule`. Only what differs from the default is written.
"""

from dataclasses import fields
from typing import Any

from fabriclab.faults.effects import Garbage, Status
from fabriclab.faults.rule import Rule

_KEYS = {"since": "from"}


def table(rule: Rule) -> dict[str, Any]:
    effect = rule.effect
    own = {one.name: getattr(effect, one.name) for one in fields(effect) if getattr(effect, one.name) != one.default}
    if isinstance(effect, Garbage) and "seed" in own:
        own["garbage-seed"] = own.pop("seed")  # `seed` is the die's
    if isinstance(effect, Status) and "headers" in own:
        own["headers"] = dict(effect.headers)
    given = {one.name: getattr(rule, one.name) for one in fields(rule)[1:] if getattr(rule, one.name) != one.default}
    found = {
        "effect": _hyphened(type(effect).__name__),
        **own,
        **{_KEYS.get(name, name): value for name, value in given.items()},
    }
    return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}


def _hyphened(name: str) -> str:
    """WrongLength as tables write it: wrong-length."""
    return "".join(f"-{one.lower()}" if one.isupper() else one for one in name).removeprefix("-")
