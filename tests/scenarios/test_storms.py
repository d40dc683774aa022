"""What a fabric in trouble gets to see of a serving agent: few requests, no crash, and the next poll after it works.

Each kind of storm is a scenario of the library (`storm-*`), so that `fabriclab run storm-503 --agent debian` shows another
agent in the same trouble. Debian's is run here beside ours where it survives.
"""

from pathlib import Path

import pytest

from fabriclab.guests import adapter
from fabriclab.journal.journal import Journal
from fabriclab.scenario import document
from fabriclab.scenario.execution import execute
from scenarios import fabric_labs as fabric
from scenarios import labs

pytestmark = labs.in_a_guest

STORMS = [name for name in document.names() if name.startswith("storm-")]
AT_HAND = {"storm-503"}
"""What every run of the tests plays."""
COMPARED = ["storm-503", "storm-410", "storm-reset"]


def stormy_requests(journal: Journal) -> int:
    return sum(1 for entry in journal.entries() if entry.fault)


def test_every_kind_of_storm_has_its_scenario() -> None:
    kinds = "410 503 reset mixed drip truncated wrong-length short-length never-ending silent garbage noise"
    assert {name.removeprefix("storm-") for name in STORMS} == set(kinds.split())


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in AT_HAND else pytest.mark.slow) for name in STORMS])
def test_a_serving_agent_asks_little_in_a_storm_and_is_back_with_the_next_poll(name: str) -> None:
    result = labs.run(document.find(name))
    assert labs.not_held(result) == []


@pytest.mark.slow
@pytest.mark.parametrize("effect", ["status", "reset", "truncate", "garbage"])
def test_a_boot_in_a_storm_is_done_as_soon_as_it_ends(tmp_path: Path, effect: str) -> None:
    code = "code = 503" if effect == "status" else ""
    fault = f'[[fault]]\nservice = "wireserver"\nuntil = 20\neffect = "{effect}"\n{code}\n'
    with labs.begun(labs.scenario_of(tmp_path, f"{fault}{fabric.OVF}")) as lab:
        ready = labs.await_ready(lab)
        assert ready.since < 20 + 12
        assert stormy_requests(lab.journal) <= 12


@pytest.mark.long
@pytest.mark.registry
@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", COMPARED)
def test_it_asks_less_than_debian_s_agent_in_the_same_storm(name: str) -> None:
    scenario = document.find(name)
    counts = {}
    for agent in ("ours", "debian"):
        journal = Journal()
        result = execute(scenario, adapter.find(agent), journal, lambda event: None, lambda text: None)
        counts[agent] = stormy_requests(journal)
        print(f"{name}: {agent}: {counts[agent]} requests, not held: {labs.not_held(result)}")
    assert counts["ours"] <= max(counts["debian"], 27)
