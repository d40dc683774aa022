"""docs/compatibility.md: every row names a test that is there. A row without one says so by a dash, and is counted here."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
LEDGER = PROJECT / "docs/compatibility.md"
SCENARIOS = {path.stem for path in (PROJECT / "src/fabriclab/scenario/library").glob("*.toml")}
WITHOUT_TEST = {"Figures of the services that a manifest names"}
"""What is not done at all leaves nothing to test."""


def rows() -> Iterator[tuple[str, str]]:
    """The first and the last cell of each row of the tables whose last column is the test."""
    columns: list[str] = []
    above = ""
    for line in LEDGER.read_text().splitlines():
        if not line.startswith("|"):
            columns = []
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not columns:
            columns = cells
        elif columns[-1] == "Test" and set(line) - set("|-: "):
            assert len(cells) == len(columns), f"{cells[0]}: {len(cells)} cells"
            tests = above if cells[-1] == "as above" else cells[-1]
            above = tests
            yield cells[0], tests


ROWS = list(rows())

assert len(ROWS) > 80


@pytest.mark.parametrize(("what", "tests"), ROWS, ids=[what for what, _ in ROWS])
def test_a_row_names_tests_that_exist(what: str, tests: str) -> None:
    named = re.findall(r"`([^`]+)`", tests)
    if what in WITHOUT_TEST:
        assert tests == "–"
        return
    assert named, f"no test: {tests}"
    missing = [one for one in named if not (any(PROJECT.glob(one.rstrip("/"))) if "/" in one else one in SCENARIOS)]
    assert missing == []


def test_a_scenario_that_the_ledger_names_is_run_by_a_test() -> None:
    """Naming a file of the library proves nothing: a test has to run it."""
    named = {one for _, tests in ROWS for one in re.findall(r"`([^`]+)`", tests) if "/" not in one}
    texts = "\n".join(path.read_text() for path in (PROJECT / "tests/scenarios").glob("*.py"))
    assert sorted(one for one in named if f'"{one}"' not in texts) == []
