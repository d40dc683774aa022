"""Faults in words, and back to the tables that make them."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabriclab.faults import words
from fabriclab.faults.effects import Effect, Garbage, Status
from fabriclab.faults.parse import EFFECTS, parse
from fabriclab.faults.render import table
from fabriclab.faults.rule import Rule

SAID = {
    "answered 503: wire server": {"effect": "status", "code": 503, "service": "wireserver"},
    "answered 503: wire server, the first 2": {"effect": "status", "code": 503, "service": "wireserver", "first": 2},
    "answered 2 s late: everything": {"effect": "delay", "seconds": 2},
    "never answered: metadata service, GET, path */instance*": {
        "effect": "drop",
        "service": "imds",
        "method": "GET",
        "path": "*/instance*",
    },
    "connection reset: the 1st, 3rd and 12th": {"effect": "reset", "nth": [1, 3, 12]},
    "answer cut in half: storage, every 22nd": {"effect": "truncate", "service": "blob", "every": 22},
    "answer cut after 1 byte of the body: the first": {"effect": "truncate", "after": 1, "first": 1},
    "answered 1 byte at a time, 0.1 s apart: everything": {"effect": "drip"},
    "512 random bytes as the body: from 5 s on, until 20 s": {"effect": "garbage", "from": 5, "until": 20},
    "Content-Length 5 bytes too short: everything": {"effect": "wrong-length", "by": -5},
    "a body that never ends: 30 of 100": {"effect": "never-ending", "probability": 0.3},
    "answered as before the last change: host plugin": {"effect": "stale", "service": "hostplugin"},
    "overtaken by the next answer, or 5 s late: everything": {"effect": "reorder"},
}


@pytest.mark.parametrize("said", SAID)
def test_a_fault_is_said_in_words(said: str) -> None:
    assert words.about(parse(SAID[said])) == said


@pytest.mark.parametrize("said", SAID)
def test_what_is_in_force_gives_back_its_table(said: str) -> None:
    assert parse(table(parse(SAID[said]))) == parse(SAID[said])


def test_every_effect_has_words_that_are_no_python() -> None:
    tables: list[dict[str, Any]] = [
        {"effect": name, **({"code": 500} if name == "status" else {"seconds": 1})} for name in EFFECTS
    ]
    allowed = {"delay", "drip", "never-ending", "reorder"}
    said = [
        words.effect(parse({k: v for k, v in one.items() if k != "seconds" or one["effect"] in allowed}).effect)
        for one in tables
    ]
    assert len(set(said)) == len(get_args(Effect)) == len(EFFECTS)
    assert not [one for one in said if "(" in one or "=" in one]


RULES = st.builds(
    Rule,
    effect=st.one_of(
        st.builds(Garbage, size=st.integers(1, 99), seed=st.integers(-9, 9), head=st.booleans()),
        st.builds(Status, code=st.integers(200, 599), body=st.text(max_size=4)),
    ),
    service=st.sampled_from([None, "wireserver", "blob"]),
    nth=st.lists(st.integers(1, 9), max_size=3).map(tuple),
    first=st.none() | st.integers(1, 9),
    since=st.none() | st.integers(0, 9).map(float),
    probability=st.sampled_from([0.25, 1.0]),
    seed=st.integers(-3, 3),
)


@given(RULES)
def test_the_table_of_any_fault_makes_the_same_fault(rule: Rule) -> None:
    assert parse(table(rule)) == rule
