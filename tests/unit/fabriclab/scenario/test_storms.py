"""Random faults by seed, and the few of them that matter."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabriclab.given import toml
from fabriclab.scenario import document, storms
from fabriclab.scenario.storms import FaultTable


def test_the_same_seed_gives_the_same_faults_and_another_gives_others() -> None:
    assert storms.faults(7) == storms.faults(7)
    assert storms.faults(7) != storms.faults(8)


@given(st.integers(0, 10**6), st.integers(1, 30))
def test_every_fault_can_be_read_and_ends(seed: int, count: int) -> None:
    rules = storms.under(document.find("first-boot"), storms.faults(seed, count)).faults
    assert len(rules) == count
    assert all(rule.until is not None and rule.until <= storms.LATEST + storms.LONGEST for rule in rules)


def test_expectations_may_come_later_for_it() -> None:
    plain = document.find("first-boot")
    stormy = storms.under(plain, storms.faults(1))
    assert [one.within + storms.SLACK for one in plain.expectations] == [one.within for one in stormy.expectations]


@given(
    st.integers(0, 99), st.integers(1, 12).flatmap(lambda count: st.tuples(st.just(count), st.sets(st.integers(0, count - 1))))
)
def test_what_is_left_after_shrinking_is_what_matters(seed: int, case: tuple[int, set[int]]) -> None:
    count, matters = case
    tables = [{**table, "number": at} for at, table in enumerate(storms.faults(seed, count))]

    def fails(part: Sequence[FaultTable]) -> bool:
        return matters <= {table["number"] for table in part}

    assert {table["number"] for table in storms.shrink(tables, fails)} == matters


@pytest.mark.parametrize("before", ["", "patience = 5\n"])
def test_a_shrunk_scenario_is_the_one_that_failed(tmp_path: Path, before: str) -> None:
    path, tables = tmp_path / "first-boot.toml", storms.faults(3)
    path.write_text(before + document.find("first-boot").source.read_text())
    plain = document.load(path)
    shrunk = tmp_path / "shrunk.toml"
    shrunk.write_text(storms.written(path.read_text(), tables, "seed 3"))
    assert toml.loads(shrunk.read_text())["fault"][-len(tables) :] == tables
    wanted, found = storms.under(plain, tables), document.load(shrunk)
    assert (found.faults, found.expectations, found.steps) == (wanted.faults, wanted.expectations, wanted.steps)
