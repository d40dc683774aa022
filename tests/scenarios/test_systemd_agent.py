"""Our agent as systemd runs it: its unit, what a restart, a kill and a reboot of the guest leave alone, and where commands run.

All tests here go on in one guest, each from the state that it finds; the order is that of a machine's life.
"""

import re
import time
from collections.abc import Iterator

import pytest

from fabriclab.journal.entry import Entry
from fabriclab.scenario import hearing
from fabriclab.scenario.lab import Lab
from fabriclab.scenario.service import ENDED, STARTED
from scenarios import labs, systemd_labs
from scenarios.systemd_labs import UNIT, calls, do, groups, names, show

pytestmark = [*systemd_labs.on_systemd, pytest.mark.xdist_group("systemd-agent"), pytest.mark.timeout(240)]

SLICE = "azure-vmextensions-Lab.Witness.slice"
SLICES = f"/azure.slice/azure-vmextensions.slice/{SLICE}"
SCOPE = r"/(?P<word>[a-z]+)_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.scope"
LINK = "cat /sys/class/net/eth0/carrier_changes; ip -4 -o address show eth0 | tr -s ' ' | cut -d' ' -f 2-4"
FAILING = "#!/bin/sh\\necho no manager >&2\\nexit 1\\n"


@pytest.fixture(scope="module", params=["bookworm", pytest.param("trixie", marks=pytest.mark.long)])
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    used = systemd_labs.adapter_of(suite=request.param)
    with systemd_labs.begun(tmp_path_factory.mktemp("systemd"), used=used) as made:
        labs.await_ready(made)
        yield made


def test_the_unit_is_active_once_the_agent_says_so_and_tells_what_it_does(lab: Lab) -> None:
    labs.settled(lambda: show(lab, "StatusText"), lambda text: text == ["serving goal states"])
    seen = show(lab, "Type", "ActiveState", "SubState", "MainPID", "StatusText", "Result", "NRestarts")
    assert seen == ["notify", "active", "running", str(lab.service.number), "serving goal states", "success", "0"]
    assert systemd_labs.machine(lab).await_boot() == "running"
    assert do(lab, "systemctl --failed --no-legend") == ""
    (command,) = do(lab, f"tr '\\0' ' ' </proc/{lab.service.number}/cmdline").splitlines()
    assert command.split() == [*labs.AGENT, "-daemon"]


def test_a_command_runs_in_a_scope_below_the_slice_of_its_handler(lab: Lab) -> None:
    unit = "/run/systemd/system/witness-service.service"
    do(lab, f"printf '[Service]\\nExecStart=/bin/sleep infinity\\n' >{unit}; systemctl daemon-reload")
    do(lab, "systemctl start witness-service")
    systemd_labs.hold(lab)
    labs.do(lab, "witness")
    systemd_labs.await_calls(lab, "install", "enable")
    for word in ("install", "enable"):
        found = groups(lab, f"{systemd_labs.CALLS}/{word}.cgroup")
        manager = next(found[name] for name in ("name=systemd", "") if name in found)
        matched = re.fullmatch(re.escape(SLICES) + SCOPE, manager)
        assert matched is not None and matched["word"] == word, found
        assert not [path for path in found.values() if UNIT in path], found


def test_the_limits_of_the_manifest_are_on_the_slice_and_on_its_services(lab: Lab) -> None:
    assert show(lab, "CPUQuotaPerSecUSec", "CPUAccounting", "MemoryMax", unit=SLICE) == ["200ms", "yes", "infinity"]
    assert show(lab, "CPUQuotaPerSecUSec", unit="witness-service.service") == ["70ms"]
    assert "CPUQuota" not in do(lab, "grep -rl witness-service /etc/systemd || true")
    quota = lab.guest.read(f"/sys/fs/cgroup/cpu{SLICES}/cpu.cfs_quota_us")
    if quota is not None:  # version 1: the kernel's own word
        assert quota.strip() == b"20000"


def test_a_restart_of_the_agent_leaves_a_running_command_alone_and_finds_it(lab: Lab) -> None:
    (enable,) = [line.split()[1] for line in calls(lab) if line.startswith("enable ")]
    agent, seen = lab.service.number, lab.journal.last
    assert_alone(lab, str(agent))
    do(lab, f"systemctl restart {UNIT}")
    (main,) = show(lab, "MainPID")
    assert main not in ("0", str(agent))
    assert_alone(lab, main)
    assert "left-over" not in do(lab, f"journalctl --no-pager --unit={UNIT}")
    do(lab, f"test -d /proc/{enable}")
    labs.await_log(lab, "an earlier agent had started")
    assert "enabled" not in names(lab)
    systemd_labs.release(lab)
    labs.await_entry(lab, labs.says("Lab.Witness", "Ready", "success"), "the enable that was found succeeds", seen)
    assert names(lab) == ["install", "enable", "enabled"]
    assert not said_again(lab, seen)


def test_a_stop_ends_within_a_second_and_by_itself(lab: Lab) -> None:
    begun = time.monotonic()
    do(lab, f"systemctl stop {UNIT}")
    assert time.monotonic() - begun < 1.0
    state = labs.settled(lambda: show(lab, "ActiveState", "Result", "ExecMainCode", "ExecMainStatus"), lambda seen: True)
    assert state == ["inactive", "success", "1", "0"]
    assert labs.settled(lambda: lab.service.status, lambda status: status is not None) == 0
    assert names(lab) == ["install", "enable", "enabled"]
    lab.service.start()
    assert show(lab, "ActiveState") in (["active"], ["activating"])


def test_an_agent_that_is_killed_comes_back_and_provisions_nothing_again(lab: Lab) -> None:
    labs.settled(lambda: show(lab, "StatusText"), lambda text: text == ["serving goal states"])
    await_one_more_enable(lab, 2)
    keys, seen, killed = host_keys(lab), lab.journal.last, lab.service.number
    lab.service.kill()
    labs.await_entry(lab, lambda entry: entry.kind == ENDED, "the kill is noticed", seen)
    labs.await_entry(lab, lambda entry: entry.kind == STARTED, "systemd starts it again", seen)
    labs.await_entry(lab, labs.says("Lab.Witness", "Ready", "success"), "the status of the new agent", seen)
    assert lab.service.number not in (None, killed)
    assert show(lab, "NRestarts") == ["1"]
    await_one_more_enable(lab, 3)
    assert host_keys(lab) == keys
    assert not said_again(lab, seen)


def test_a_changed_host_name_is_published_and_the_link_stays_up(lab: Lab) -> None:
    log, seen, before = len(labs.log(lab)), lab.journal.last, do(lab, LINK)
    monitor = lab.guest.spawn(["ip", "monitor", "link", "address"], log="monitor.log")
    do(lab, "hostnamectl set-hostname renamed-1")
    labs.await_entry(lab, lambda entry: entry.facts.get("host_name") == "renamed-1", "the fabric's DHCP is told", seen)
    labs.await_log(lab, "systemctl --no-block restart systemd-networkd", log)
    monitor.stop()
    assert do(lab, LINK) == before
    told = (lab.guest.files / "monitor.log").read_text()
    assert "DOWN" not in told and "Deleted" not in told
    assert lab.guest.read("/var/lib/waagent/published_hostname") == b"renamed-1"


def test_after_a_reboot_enable_runs_once_more_and_nothing_is_provisioned_again(lab: Lab) -> None:
    guest, keys, seen = systemd_labs.machine(lab), host_keys(lab), lab.journal.last
    accounts, boots, first = do(lab, "md5sum /etc/passwd /etc/shadow"), guest.boots, do(lab, "cat /etc/machine-id")
    do(lab, "systemctl reboot --no-block")
    guest.await_boots(boots + 1)
    labs.await_entry(lab, labs.says("Lab.Witness", "Ready", "success"), "the status after the reboot", seen)
    await_one_more_enable(lab, 4)
    assert (host_keys(lab), do(lab, "md5sum /etc/passwd /etc/shadow")) == (keys, accounts)
    assert do(lab, "cat /etc/machine-id; hostname") == f"{first}renamed-1\n"
    assert len(do(lab, "journalctl --list-boots --no-pager").splitlines()) >= 2
    assert not said_again(lab, seen)


def test_where_systemd_run_fails_the_command_runs_once_and_outside_the_agents_group(lab: Lab) -> None:
    do(lab, f"printf '{FAILING}' >/usr/local/bin/systemd-run; chmod 755 /usr/local/bin/systemd-run")
    seen = lab.journal.last
    labs.do(lab, "settings")
    labs.await_entry(lab, labs.says("Lab.Witness", "Ready", "success"), "the enable without a scope", seen)
    await_one_more_enable(lab, 5)
    found = groups(lab, f"{systemd_labs.CALLS}/enable.cgroup")
    assert found and not [path for path in found.values() if UNIT in path or SLICE in path], found


def test_an_uninstalled_extension_takes_its_limits_along(lab: Lab) -> None:
    do(lab, "rm /usr/local/bin/systemd-run")
    labs.do(lab, "gone")
    assert labs.settled(lambda: names(lab)[-1], lambda name: name == "uninstall", labs.PATIENCE) == "uninstall"
    seen = labs.settled(lambda: show(lab, "CPUQuotaPerSecUSec", unit=SLICE), lambda quota: quota == ["infinity"])
    assert seen == ["infinity"]
    manager = groups(lab, f"{systemd_labs.CALLS}/uninstall.cgroup")
    assert any(re.fullmatch(re.escape(SLICES) + SCOPE, path) for path in manager.values()), manager


def await_one_more_enable(lab: Lab, count: int) -> None:
    """Each start of the agent, and each new goal state, asks for one."""
    systemd_labs.await_calls(lab, "install", *["enable", "enabled"] * count)


def assert_alone(lab: Lab, agent: str) -> None:
    """Nobody else stays in the control group of the agent's unit; short commands of its own come and go."""
    own = f"system.slice/{UNIT}/cgroup.procs"
    look = f"cat /sys/fs/cgroup/systemd/{own} 2>/dev/null || cat /sys/fs/cgroup/{own}"
    assert labs.settled(lambda: do(lab, look).split(), lambda found: found == [agent]) == [agent]


def host_keys(lab: Lab) -> str:
    return do(lab, "md5sum /etc/ssh/ssh_host_*_key")


def said_again(lab: Lab, after: int) -> list[str]:
    """Reports of a provisioning: none but the first boot has one."""
    return [entry.summary for entry in lab.journal.since(after) if _is_provisioning(entry)]


def _is_provisioning(entry: Entry) -> bool:
    return entry.kind == hearing.HEALTH and entry.facts.get("state") == "NotReady"
