"""The guest with systemd: it boots, reboots and powers off as a machine does, and leaves nothing behind however it ends."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from fabriclab.guests import presence
from fabriclab.journal.journal import Journal
from fabriclab.scenario import document
from fabriclab.scenario.execution import execute
from fabriclab.scenario.lab import Lab, opened
from fabriclab.scenario.runner import Runner
from scenarios import labs, systemd_labs
from scenarios import test_host_untouched as untouched
from scenarios.systemd_labs import do, machine, show

pytestmark = [*systemd_labs.on_systemd, pytest.mark.xdist_group("systemd-guest"), pytest.mark.timeout(240)]

WITHOUT_AGENT = """
starts_agent = false
[machine]
hostname = "image"
[ovf]
hostname = "web-1"
username = "kofi"
ssh_keys = ["generated"]
"""
RESTARTED = """
[ovf]
hostname = "web-1"
username = "kofi"
ssh_keys = ["generated"]
[[step]]
id = "off-and-on"
at = "ready"
do = "reboot"
[[expect]]
id = "ready"
health = "Ready"
[[expect]]
agent = "running"
[[expect]]
at = "off-and-on"
requests = { service = "wireserver" }
at_least = 1
[[expect]]
command = "systemctl is-system-running --wait"
prints = "running"
within = 30
"""


@pytest.fixture(scope="module", params=["bookworm", pytest.param("trixie", marks=pytest.mark.long)])
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A guest in which no agent is started; the tests with it go on from each other's state."""
    scenario = labs.scenario_of(tmp_path_factory.mktemp("machine"), WITHOUT_AGENT)
    with opened(scenario, systemd_labs.adapter_of(suite=request.param), Journal()) as made:
        Runner(made, lambda text: None).begin()
        yield made


def test_it_boots_whole_and_nothing_fails(lab: Lab) -> None:
    assert machine(lab).await_boot() == "running"
    assert do(lab, "systemctl --failed --no-legend; cat /proc/1/comm; cat /etc/hostname") == "systemd\nimage\n"
    assert show(lab, "ActiveState", "UnitFileState") == ["inactive", "enabled"]
    assert "Welcome to" in machine(lab).console and "Debian" in machine(lab).console
    assert lab.guest.process in [one.guest for one in presence.labs()]


def test_networkd_has_its_lease_from_the_fabric(lab: Lab) -> None:
    assert "OPTION_245=a83f8110" in do(lab, "cat /run/systemd/netif/leases/*")
    assert do(lab, "systemctl is-active systemd-networkd").strip() == "active"
    assert any(entry.facts.get("message") == "REQUEST" for entry in lab.journal.entries())


def test_limits_are_the_kernels(lab: Lab) -> None:
    do(lab, "systemd-run --quiet --unit=spin --slice=azure-test.slice -p CPUQuota=10% -p MemoryMax=64M sleep infinity")
    quota = lab.guest.read("/sys/fs/cgroup/cpu/azure.slice/azure-test.slice/spin.service/cpu.cfs_quota_us")
    if quota is None:
        pytest.skip("this machine's controllers are not those of version 1")
    assert quota == b"10000\n"
    most = lab.guest.read("/sys/fs/cgroup/memory/azure.slice/azure-test.slice/spin.service/memory.limit_in_bytes")
    assert most == b"67108864\n"
    do(lab, "systemctl stop spin")


def test_a_reboot_from_inside_keeps_the_disk_and_takes_the_medium_away(lab: Lab) -> None:
    guest = machine(lab)
    boots, first = guest.boots, do(lab, "cat /proc/sys/kernel/random/boot_id; touch /var/here /run/gone; ls /dev/sr0")
    do(lab, "systemctl reboot --no-block")
    guest.await_boots(boots + 1)
    assert guest.await_boot() == "running"
    assert do(lab, "cat /proc/sys/kernel/random/boot_id") != first.splitlines()[0] + "\n"
    assert do(lab, "ls -d /var/here /run/gone /dev/sr0 2>/dev/null || true") == "/var/here\n"
    assert show(lab, "ActiveState") == ["inactive"]


def test_a_power_off_from_inside_ends_it_and_it_can_be_started_again(lab: Lab) -> None:
    guest = machine(lab)
    do(lab, "systemctl poweroff --no-block")
    assert guest.await_end(30)
    guest.start()
    assert do(lab, "systemctl is-system-running; ls /var/here") == "running\n/var/here\n"


def test_a_first_boot_holds_in_it() -> None:
    result = execute(document.find("first-boot"), systemd_labs.adapter_of(), Journal(), lambda event: None, lambda text: None)
    assert result.guest == "systemd"
    assert labs.not_held(result) == []


@pytest.mark.long
@pytest.mark.parametrize(("agent", "suite"), [("debian", "bookworm"), ("ours", "trixie")])
def test_a_first_boot_holds_with_other_agents_and_in_other_roots(agent: str, suite: str) -> None:
    used = systemd_labs.adapter_of(agent, suite)
    result = execute(document.find("first-boot"), used, Journal(), lambda event: None, lambda text: None)
    assert labs.not_held(result) == []


def test_off_and_on_by_a_step_starts_the_agent_again_by_its_unit(tmp_path: Path) -> None:
    scenario = labs.scenario_of(tmp_path, RESTARTED)
    result = execute(scenario, systemd_labs.adapter_of(), Journal(), lambda event: None, lambda text: None)
    assert labs.not_held(result) == []


def test_an_address_of_the_scenarios_own_is_set_by_networkd(tmp_path: Path) -> None:
    scenario = labs.scenario_of(tmp_path, 'starts_agent = false\n[machine]\naddress = "10.77.0.9/24"\n')
    with opened(scenario, systemd_labs.adapter_of(), Journal()) as lab:
        assert do(lab, "ip -4 -o address show eth0 | grep -o 'inet [^ ]*'") == "inet 10.77.0.9/24\n"
        assert "168.63.129.16 via 10.77.0.1 dev eth0" in do(lab, "ip route")
        assert [entry for entry in lab.journal.entries() if entry.facts.get("message")] == []


@pytest.mark.parametrize("how", ["killed", pytest.param("ended", marks=pytest.mark.slow)])
def test_nothing_is_left_of_it_however_the_lab_ends(tmp_path: Path, how: str) -> None:
    systemd_labs.adapter_of()
    before = untouched.state()
    running = untouched.start(tmp_path, "--guest", "systemd")
    untouched.read_until(running, "reported NotReady" if how == "killed" else "reported Ready")
    of = untouched.had(running)
    assert groups(running.pid)
    if how == "killed":
        os.kill(running.pid, signal.SIGKILL)
        assert running.wait(10) == -signal.SIGKILL
    else:
        running.communicate(timeout=60)
    untouched.assert_nothing_is_left(of)
    assert labs.settled(lambda: groups(*of.processes), lambda found: not found) == []
    assert os.listdir(tmp_path / "tmp") == []
    assert untouched.state() == before


def groups(*processes: int) -> list[Path]:
    """Control groups of guests whose keeper is one of these, or a child of it."""
    keepers = {*processes, *(child for process in processes for child in children(process))}
    return [path for path in Path("/sys/fs/cgroup").rglob("fabriclab-*") if int(path.name.partition("-")[2]) in keepers]


def children(process: int) -> list[int]:
    path = Path(f"/proc/{process}/task/{process}/children")
    return [int(number) for number in path.read_text().split()] if path.exists() else []
