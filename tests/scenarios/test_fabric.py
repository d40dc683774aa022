"""The library's scenarios about the fabric, with our agent; the details are in the test_fabric_*.py beside this one."""

import pytest

from fabriclab.scenario import document
from scenarios import labs

pytestmark = labs.in_a_guest

SCENARIOS = (
    *("fast-track", "no-fast-track", "container-changes", "on-hold", "unknown-feature"),
    *("certificate-rotation", "certificates-by-3des", "certificates-garbage"),
    *("dhcp-discovery", "false-wire-server", "storage-blocked", "status-page-blob"),
)


WAITED = ("jit-user", "wire-server-moves")
"""Those in which the agent is given time to notice."""


@pytest.mark.parametrize("name", [*SCENARIOS, *(pytest.param(name, marks=pytest.mark.slow) for name in WAITED)])
def test_the_scenario_holds(name: str) -> None:
    assert labs.not_held(labs.run(document.find(name))) == []
