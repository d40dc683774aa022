"""What other systems of Microsoft's want of a machine: a load balancer's probes, System Center's DVD, RDMA."""

from pathlib import Path

import pytest

from fabriclab.scenario import document
from scenarios import labs

pytestmark = labs.in_a_guest


PLAYED = ("load-balancer", "rdma", "rdma-off", "rdma-reboot", "scvmm")


@pytest.mark.parametrize("name", [*PLAYED, pytest.param("scvmm-on-azure", marks=pytest.mark.slow)])
def test_the_librarys_scenario_holds(name: str) -> None:
    assert labs.not_held(labs.run(document.find(name))) == []


NO_ANSWER = """
[configuration]
LBProbeResponder = "n"

[fabric]
probe_port = 16001

[ovf]
hostname = "web-1"
username = "maria"
ssh_keys = ["generated"]

[[expect]]
id = "serving"
requests = { method = "PUT", text = "status" }
at_least = 1

[[expect]]
at = "serving"
delay = 1
probe = 16001
refused = true
"""


def test_with_n_no_probe_is_answered(tmp_path: Path) -> None:
    assert labs.not_held(labs.run(labs.scenario_of(tmp_path, NO_ANSWER))) == []


NOTHING_LISTENS = """
[[expect]]
at = "serving"
command = "! grep -h ' 0A ' /proc/net/tcp /proc/net/tcp6"
"""


def test_an_agent_that_nobody_asks_for_it_listens_on_no_port(tmp_path: Path) -> None:
    text = NO_ANSWER.replace('LBProbeResponder = "n"', "").replace("probe_port = 16001", "") + NOTHING_LISTENS
    assert labs.not_held(labs.run(labs.scenario_of(tmp_path, text))) == []
