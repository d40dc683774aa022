"""Files that come from anywhere – scenarios, adapters, faults, journals – are read or refused: in words, and soon."""

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fabriclab.cli.replay import read
from fabriclab.faults import parse as faults
from fabriclab.faults.parse import BadFault
from fabriclab.guests import adapter
from fabriclab.guests.adapter import BadAdapter
from fabriclab.journal.lines import BadJournal
from fabriclab.scenario import document
from fabriclab.scenario.table import BadScenario, Table

SOON = 5.0  # seconds, on a machine that does other things as well
_WORDS = """machine ovf medium fabric fault step expect configuration name about count lasts do at id extension sample health
handler file mode matches command requests never effect service code first publish reboot run good Ready start end identity
switches certificates hostname disk content mib within delay ssh_keys generated address dhcp"""
WORDS = _WORDS.split()
keys = st.sampled_from(WORDS) | st.text(max_size=6)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.sampled_from(WORDS),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(keys, inside, max_size=5),
    max_leaves=25,
)
tables = st.dictionaries(keys, values, max_size=8)
calm = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@calm
@given(tables)
def test_any_table_is_a_scenario_or_is_refused(found: dict[str, Any]) -> None:
    try:
        document.parse(Table(found, "some.toml"), Path("some.toml"))
    except BadScenario as problem:
        assert str(problem).startswith("some.toml: ")


@calm
@given(st.sampled_from(WORDS), tables)
def test_any_step_and_any_expectation_is_one_or_is_refused(verb: str, found: dict[str, Any]) -> None:
    for whole in ({"step": [{**found, "do": verb}]}, {"expect": [{**found, verb: found.get("name", verb)}]}):
        try:
            document.parse(Table(whole, "some.toml"), Path("some.toml"))
        except BadScenario as problem:
            assert str(problem).startswith("some.toml: ")


@calm
@given(st.sampled_from([*faults.EFFECTS, "x"]), tables)
def test_any_fault_is_one_or_is_refused(effect: str, found: dict[str, Any]) -> None:
    try:
        faults.parse({**found, "effect": effect})
    except BadFault:
        pass


@calm
@given(tables)
def test_any_adapter_is_one_or_is_refused(found: dict[str, Any]) -> None:
    try:
        adapter.parse(found, Path("some.toml"))
    except BadAdapter as problem:
        assert str(problem).startswith("some.toml: ")


@pytest.mark.parametrize("name", ["first-boot", "ext-life", "resource-disk"])
def test_a_scenario_with_bytes_that_were_hit_is_read_or_refused(name: str, tmp_path: Path) -> None:
    whole, dice = bytearray(document.find(name).source.read_bytes()), random.Random(7)
    path = tmp_path / "hit.toml"
    for _ in range(200):
        hit = bytearray(whole)
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(hit))
            hit[at : at + dice.randint(0, 3)] = dice.choice([b"", b'"', b"[", b"]]", b"\xff", b"\0", b"=", b"\n", b"9" * 30])
        path.write_bytes(hit)
        try:
            document.load(path)
        except BadScenario as problem:
            assert str(problem).startswith(f"{path}: ")


HUGE: dict[str, Callable[[], bytes]] = {
    "a text of eight megabytes": lambda: b'about = "' + b"a" * (8 << 20) + b'"\n',
    "a number of ten thousand digits": lambda: b"lasts = " + b"9" * 10_000 + b"\n",
    "lists in lists in lists": lambda: b"x = " + b"[" * 20_000 + b"]" * 20_000 + b"\n",
    "ten thousand steps": lambda: b'[[step]]\ndo = "note"\ntext = "x"\n' * 10_000,
    "ten thousand parts of a name": lambda: b".".join([b"a"] * 10_000) + b" = 1\n",
    "more than anybody writes": lambda: b"#" * (17 << 20),
    "no text at all": lambda: bytes(range(256)) * 4000,
    "a directory": lambda: b"",
}


@pytest.mark.parametrize("kind", HUGE)
def test_a_file_that_is_too_much_is_read_or_refused_soon(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "huge.toml"
    if kind == "a directory":
        path.mkdir()
    else:
        path.write_bytes(HUGE[kind]())
    begun = time.process_time()
    for load, refusal in ((document.load, BadScenario), (adapter.load, BadAdapter)):
        try:
            load(path)  # type: ignore[operator]
        except refusal as problem:
            assert str(problem).startswith(f"{path}: ") and len(str(problem)) < 1000
    assert time.process_time() - begun < SOON


NO_JOURNAL = [
    *(b"\xff\xfe", b'{"number": 1}\n{', b"[" * 100_000, b'{\n"journal": [1]}', b'{\n"journal": 7}', b"{\n[]"),
    b'{\n"journal": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"number": ' + b"[" * 100_000,
]


@pytest.mark.parametrize("text", NO_JOURNAL, ids=range(len(NO_JOURNAL)))
def test_a_file_that_is_no_journal_is_refused(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(text)
    with pytest.raises(BadJournal, match=str(path)):
        read(path)


@calm
@given(values)
def test_any_line_is_an_entry_or_is_refused(found: Any) -> None:
    from fabriclab.journal import lines

    for line in (json.dumps(found), json.dumps({"number": found, "since": found, "wall": "2026-01-01", "exchange": found})):
        try:
            lines.parse(line, "some.jsonl:1")
        except BadJournal as problem:
            assert str(problem).startswith("some.jsonl:1: ")
