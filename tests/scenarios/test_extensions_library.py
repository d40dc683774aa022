"""The library's scenarios about extensions, with our agent; the slow half with Debian's, where it has what they ask for."""

import pytest

from fabriclab.scenario import document
from scenarios import labs

pytestmark = [*labs.in_a_guest, pytest.mark.xdist_group("extension-library"), pytest.mark.timeout(400)]

NAMES = ("ext-life", "ext-several", "ext-dependencies", "ext-restart")
OURS = {"ext-restart"}
"""Debian's agent runs the command again."""


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name == "ext-life" else pytest.mark.slow) for name in NAMES])
def test_a_scenario_of_the_library_holds(name: str) -> None:
    assert labs.not_held(labs.run(document.find(name))) == []


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in NAMES if name not in OURS])
def test_a_scenario_of_the_library_holds_with_another_agent(name: str) -> None:
    assert labs.not_held(labs.run(document.find(name), "debian")) == []


def test_every_scenario_about_extensions_is_played() -> None:
    assert {path.stem for path in (labs.PROJECT / "src/fabriclab/scenario/library").glob("ext-*.toml")} == set(NAMES)
