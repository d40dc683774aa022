"""The library's scenarios about the fabric, with our agent; the details are in the test_fabric_*.py beside this one."""

import pytest

from fabriclab.scenario import document
from scenarios import labs

pytestmark = labs.in_a_guest

SCENARIOS = (
    *("fast-track", "no-fast-track", "container-changes", "on-hold", "unknown-feature", "jit-user"),
    *("certificate-rotation", "certificates-by-3des", "certificates-garbage"),
    *("dhcp-discovery", "false-wire-server", "wire-server-moves", "storage-blocked", "status-page-blob"),
)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_scenario_holds(name: str) -> None:
    assert labs.not_held(labs.run(document.find(name))) == []
