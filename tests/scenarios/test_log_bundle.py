"""Support's bundle of logs, end to end: what the host gets, what it must never get, and what it costs the agent."""

import gzip
import io
import zipfile
from pathlib import Path

import pytest

from fabriclab.emulator import logs
from fabriclab.scenario import document, hearing
from fabriclab.scenario.lab import Lab
from scenarios import fabric_labs, labs

pytestmark = [*labs.in_a_guest, pytest.mark.timeout(300)]

SOON = """
[configuration]
"Debug.LogCollectorInitialDelay" = 1
"Logs.CollectPeriod" = 2
"Extensions.GoalStatePeriod" = 1
"""
PLACE = "/var/lib/waagent/logcollector"


@pytest.mark.parametrize("name", ["log-bundle", "log-bundle-refused"])
def test_a_scenario_of_the_library_holds(name: str) -> None:
    assert labs.not_held(labs.run(document.find(name))) == []


def test_no_secret_comes_with_the_bundle(tmp_path: Path) -> None:
    scenario = document.find("log-bundle")
    with labs.begun(scenario) as lab:
        labs.await_ready(lab)
        publish = next(step for step in scenario.steps if type(step.do).__name__ == "Publish")
        labs.do(lab, publish.name)
        fabric_labs.await_success(lab, "hello")
        labs.do(lab, "hostile")
        before = lab.journal.last
        found = bundle(lab, before, "var/log/azure/Lab.Good/uses.log.1.gz")
        shadow = (lab.guest.read("/etc/shadow") or b"").decode()
        (key,) = lab.guest.shell("cat $(ls /var/lib/waagent/*.prv | head -n 1) | sed -n 2p").output.splitlines()
    text = b"\n".join(found.values()) + gzip.decompress(found["var/log/azure/Lab.Good/uses.log.1.gz"])
    hashed = next(line.split(":")[1] for line in shadow.splitlines() if line.startswith("maria:"))
    for secret in ("SECRET", "nsit-91-quay", "not to be seen", "bm90IGZvciBzdXBwb3J0", "sig=S", hashed, key):
        assert secret.encode() not in text, secret
    assert b"PRIVATE KEY" not in text
    assert b'"protectedSettings": "<redacted>"' in found["var/lib/waagent/Lab.Good-1.0.0/config/0.settings"]
    assert b"after the key" in found["var/log/azure/Lab.Good/uses.log"]
    assert b"hello" in found["var/lib/waagent/Lab.Good-1.0.0/config/0.settings"]


@pytest.mark.parametrize("setting", ['"Logs.Collect" = false', '"CGroups.Enabled" = false'])
def test_where_it_is_turned_off_nothing_is_collected(tmp_path: Path, setting: str) -> None:
    with fabric_labs.provisioned(tmp_path, f"{SOON}{setting}") as lab:
        before = fabric_labs.publish(lab)
        fabric_labs.await_success(lab, "one", before)
        polls = [lab.journal.last]
        for _ in range(4):  # a poll comes every second: longer than the collector's delay
            polls.append(labs.await_entry(lab, fabric_labs.asked("wireserver", "comp=goalstate"), "a poll", polls[-1]).number)
        assert fabric_labs.requests(lab, "hostplugin", "/vmAgentLog") == []
        assert lab.guest.read(f"{PLACE}/results.txt") is None


def test_a_person_gets_the_bundle_without_limits_and_the_path_on_standard_output(tmp_path: Path) -> None:
    with fabric_labs.provisioned(tmp_path) as lab:
        done = lab.guest.shell("waagent -collect-logs -full")
        assert (done.status, done.output) == (0, f"{PLACE}/logs.zip\n"), done.errors
        names = zipfile.ZipFile(io.BytesIO(lab.guest.read(f"{PLACE}/logs.zip") or b"")).namelist()
        assert {"etc/fstab", "etc/ssh/sshd_config", "var/log/waagent.log", "var/lib/waagent/provisioned"} <= set(names)


def test_a_collector_outside_of_its_slice_says_so(tmp_path: Path) -> None:
    with fabric_labs.provisioned(tmp_path) as lab:
        done = lab.guest.shell("_AZURE_GUEST_AGENT_LOG_COLLECTOR_MONITOR_CGROUPS_=1 waagent -collect-logs")
        assert done.status == 4
        assert "does not run in azure-walinuxagent-logcollector.slice" in labs.log(lab)
        assert lab.guest.read(f"{PLACE}/logs.zip") is None


@pytest.mark.slow
def test_a_collector_whose_agent_was_killed_gives_up_and_leaves_nothing_half_made(tmp_path: Path) -> None:
    with fabric_labs.provisioned(tmp_path, '[configuration]\n"Debug.LogCollectorInitialDelay" = 8\n') as lab:
        fill(lab)
        half = labs.settled(lambda: lab.guest.shell(f"ls {PLACE}/logs.zip.*").output, bool, 30.0)
        assert half
        lab.guest.shell(f"kill -KILL {lab.service.number}")
        left = labs.settled(lambda: lab.guest.shell("pgrep -f -- -collect-logs$").output, lambda found: not found, 20.0)
        assert not left
        assert lab.guest.shell(f"ls {PLACE}").output == ""


@pytest.mark.slow
def test_the_agent_stays_small_while_a_large_bundle_is_made_and_carried(tmp_path: Path) -> None:
    with fabric_labs.provisioned(tmp_path, '[configuration]\n"Debug.LogCollectorInitialDelay" = 8\n') as lab:
        pid = lab.service.number
        fill(lab)
        before = memory(lab, pid)
        lab.guest.shell(f"echo 5 >/proc/{pid}/clear_refs")  # the peak counts from here
        names = bundle(lab, 0, "var/log/azure/Big/4.log", patience=120.0)
        assert len(names["var/log/azure/Big/4.log"]) > 29_000_000
        peak = int(lab.guest.shell(f"awk '/VmHWM/ {{print $2}}' /proc/{pid}/status").output)
        print(f"the agent: {before} KiB before, {peak} KiB at most while 118 MB of logs were collected and sent")
        assert peak < 1.2 * before


def fill(lab: Lab) -> None:
    """118 MB of logs."""
    done = lab.guest.shell(
        "mkdir -p /var/log/azure/Big; cd /var/log/azure/Big; "
        "for n in 1 2 3 4; do head -c 22000000 /dev/urandom | base64 >$n.log; done",
        timeout=60.0,
    )
    assert done.ok, done.errors


def memory(lab: Lab, pid: int) -> int:
    return int(lab.guest.shell(f"awk '/VmRSS/ {{print $2}}' /proc/{pid}/status").output)


def bundle(lab: Lab, after: int, name: str, patience: float = labs.PATIENCE) -> dict[str, bytes]:
    """The first bundle after an entry of the journal that has a file of this name in it."""
    labs.await_entry(lab, lambda entry: entry.kind == hearing.LOGS and name in entry.facts["names"], name, after, patience)
    with zipfile.ZipFile(io.BytesIO(lab.fabric.blobs.get(logs.CONTAINER, logs.NAME))) as found:
        return {each: found.read(each) for each in found.namelist()}
