"""Faults from plain tables, and what is said about tables that are none."""

from typing import Any

import pytest

from fabriclab.faults.effects import Delay, Drip, Drop, Garbage, NeverEnding, Reset, Stale, Status, Truncate, WrongLength
from fabriclab.faults.parse import BadFault, parse, parse_all
from fabriclab.faults.rule import Rule


@pytest.mark.parametrize(
    ("table", "effect"),
    [
        ({"effect": "delay", "seconds": 2}, Delay(2.0)),
        ({"effect": "drop"}, Drop()),
        ({"effect": "reset"}, Reset()),
        ({"effect": "status", "code": 503}, Status(503)),
        (
            {"effect": "status", "code": 429, "body": "x", "headers": {"Retry-After": "3"}},
            Status(429, "x", (("Retry-After", "3"),)),
        ),
        ({"effect": "truncate"}, Truncate()),
        ({"effect": "truncate", "after": 0}, Truncate(0)),
        ({"effect": "drip", "bytes": 3, "seconds": 0}, Drip(3, 0.0)),
        ({"effect": "garbage", "size": 9, "garbage-seed": 4, "head": True}, Garbage(9, 4, True)),
        ({"effect": "wrong-length", "by": -5}, WrongLength(-5)),
        ({"effect": "never-ending", "chunk": 10}, NeverEnding(10)),
        ({"effect": "stale"}, Stale()),
    ],
)
def test_each_effect_has_its_table(table: dict[str, Any], effect: object) -> None:
    assert parse(table) == Rule(effect)  # type: ignore[arg-type]


def test_all_conditions_are_read() -> None:
    table = {
        "effect": "drop",
        "service": "hostplugin",
        "method": "PUT",
        "path": "/status*",
        "nth": [1, 3],
        "first": 9,
        "every": 2,
        "from": 1,
        "until": 2.5,
        "probability": 0.5,
        "seed": -1,
    }
    assert parse(table) == Rule(Drop(), "hostplugin", "PUT", "/status*", (1, 3), 9, 2, 1.0, 2.5, 0.5, -1)


def test_one_number_is_enough_for_nth() -> None:
    assert parse({"effect": "drop", "nth": 2}).nth == (2,)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({}, "fault.effect: missing"),
        ({"effect": "explode"}, "fault.effect: 'explode' is none of delay"),
        ({"effect": 3}, "fault.effect: 3 is not text"),
        ({"effect": "drop", "colour": 1}, "fault.colour: unknown key"),
        ({"effect": "drop", "code": 503}, "fault.code: unknown key for the effect 'drop'"),
        ({"effect": "status"}, "fault.code: missing"),
        ({"effect": "status", "code": 99}, "fault.code: 99 is not"),
        ({"effect": "status", "code": "503"}, "fault.code: '503' is not a whole number"),
        ({"effect": "status", "code": 503, "headers": {"a": 1}}, "fault.headers: not a table of printable"),
        ({"effect": "status", "code": 503, "headers": {"a": "b\r\nc"}}, "fault.headers: not a table of printable"),
        ({"effect": "delay"}, "fault.seconds: missing"),
        ({"effect": "delay", "seconds": -1}, "fault.seconds: -1 is not"),
        ({"effect": "delay", "seconds": True}, "fault.seconds: True is not"),
        ({"effect": "delay", "seconds": float("nan")}, "fault.seconds: nan is not"),
        ({"effect": "wrong-length", "by": 0}, "fault.by: 0 would"),
        ({"effect": "drop", "service": "ftp"}, "fault.service: 'ftp' is none of"),
        ({"effect": "reset", "service": "dhcp"}, "fault.effect: 'reset' does not exist for dhcp"),
        ({"effect": "drop", "nth": 0}, "fault.nth: 0 is neither"),
        ({"effect": "drop", "every": 0}, "fault.every: 0 is not a whole number of at least 1"),
        ({"effect": "drop", "probability": 1.5}, "fault.probability: 1.5 is more than 1"),
        ({"effect": "drop", "from": 5, "until": 5}, "fault.until: not after"),
        ({"effect": "garbage", "head": 1}, "fault.head: 1 is neither"),
    ],
)
def test_a_wrong_table_is_refused_with_its_key_and_the_reason(table: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadFault) as problem:
        parse(table)
    assert str(problem.value).startswith(reason)


def test_a_list_of_faults_names_the_one_that_is_wrong() -> None:
    with pytest.raises(BadFault, match=r"^faults\[2\]\.effect: missing"):
        parse_all([{"effect": "drop"}, {}])
    with pytest.raises(BadFault, match="not a list"):
        parse_all({"effect": "drop"})
    with pytest.raises(BadFault, match=r"faults\[1\]: not a table"):
        parse_all(["drop"])
