"""Random faults by seed, and the few of them that matter."""

from collections.abc import Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from fabriclab.scenario import document, storms
from fabriclab.scenario.storms import FaultTable
from fabriclab.scenario.table import tomllib


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


def test_a_shrunk_scenario_is_a_scenario(tmp_path: Path) -> None:
    plain = document.find("first-boot")
    tables = storms.faults(3)
    path = tmp_path / "shrunk.toml"
    path.write_text(plain.source.read_text() + storms.text(tables))
    assert tomllib.loads(path.read_text())["fault"][-len(tables) :] == tables
    assert document.load(path).faults == storms.under(plain, tables).faults
