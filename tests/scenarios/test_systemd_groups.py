"""The agent's own control group, and the log collector's, where systemd runs: what is limited, measured and given up.

All tests here go on in one guest, each from the state that it finds.
"""

import io
import re
import zipfile
from collections.abc import Iterator

import pytest

from fabriclab.emulator import logs
from fabriclab.scenario import hearing
from fabriclab.scenario.lab import Lab
from scenarios import labs, systemd_labs
from scenarios.systemd_labs import UNIT, do, show

pytestmark = [*systemd_labs.on_systemd, pytest.mark.xdist_group("systemd-groups"), pytest.mark.timeout(240)]

CONFIGURATION = """
"Debug.LogCollectorInitialDelay" = 4
"Logs.CollectPeriod" = 4
"Debug.CgroupCheckPeriod" = 2
"Debug.CgroupLogMetrics" = true
"""


@pytest.fixture(scope="module", params=["bookworm", pytest.param("trixie", marks=pytest.mark.slow)])
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    used = systemd_labs.adapter_of(suite=request.param)
    with systemd_labs.begun(tmp_path_factory.mktemp("systemd"), CONFIGURATION, used) as made:
        labs.await_ready(made)
        yield made


def test_the_agent_has_half_a_cpu_and_no_unit_of_it_was_written(lab: Lab) -> None:
    seen = labs.settled(lambda: show(lab, "CPUQuotaPerSecUSec"), lambda found: found == ["500ms"], labs.PATIENCE)
    assert seen == ["500ms"], labs.log(lab)
    quota = lab.guest.read(f"/sys/fs/cgroup/cpu/system.slice/{UNIT}/cpu.cfs_quota_us")
    if quota is not None:  # version 1: the kernel's own word
        assert quota.strip() == b"50000"
    assert do(lab, "ls -d /etc/systemd/system/*.d/*CPUQuota* /usr/lib/systemd/system/*.d/*CPUQuota* 2>/dev/null || true") == ""
    assert do(lab, "journalctl --no-pager _PID=1 | grep -F Reloading. || true") == ""


def test_what_the_agent_uses_is_measured_logged_and_told(lab: Lab) -> None:
    labs.await_log(lab, "Total Memory Usage (B) [walinuxagent.service]")
    labs.await_log(lab, "% Processor Time [walinuxagent.service]")
    told = labs.await_entry(
        lab, lambda entry: entry.kind == "telemetry" and "% Processor Time" in str(entry.facts), "a figure is told"
    )
    assert told.refusal is None


def test_the_collector_works_in_a_scope_of_its_own_slice_and_within_limits(lab: Lab) -> None:
    labs.await_entry(lab, lambda entry: entry.kind == hearing.LOGS, "a bundle arrives")
    with zipfile.ZipFile(io.BytesIO(lab.fabric.blobs.get(logs.CONTAINER, logs.NAME))) as bundle:
        assert {"results.txt", "var/log/waagent.log"} <= set(bundle.namelist())
    said = do(lab, "journalctl --no-pager --unit=collect-logs.scope")
    assert re.search(r"Started collect-logs\.scope", said), said
    # The one that works next, stopped where it stands: what the kernel says of it.
    wait = "until pid=$(pgrep -f '^/usr/bin/python3 /usr/sbin/waagent -collect-logs$') && [ -n \"$pid\" ]; do sleep 0.05; done"
    do(lab, f"{wait}; kill -STOP $pid; echo $pid >/run/collector")
    found = do(lab, "cat /proc/$(cat /run/collector)/cgroup")
    assert "azure-walinuxagent-logcollector.slice/collect-logs.scope" in found and UNIT not in found
    assert show(lab, "CPUQuotaPerSecUSec", unit="collect-logs.scope") == ["50ms"]
    do(lab, "kill -CONT $(cat /run/collector)")


def test_something_else_in_the_agents_group_ends_its_limit(lab: Lab) -> None:
    do(lab, "setsid sleep 600 >/dev/null 2>&1 & echo $! >/run/stranger")
    do(lab, f"for each in $(find /sys/fs/cgroup -path '*/{UNIT}/cgroup.procs'); do cat /run/stranger >$each; done")
    labs.await_log(lab, "the agent's CPU is not limited any more")
    assert "(sleep)" in labs.log(lab)
    assert show(lab, "CPUQuotaPerSecUSec") == ["infinity"]
    do(lab, "kill $(cat /run/stranger)")


def test_extensions_still_run_in_scopes_afterwards(lab: Lab) -> None:
    labs.do(lab, "witness")
    systemd_labs.await_calls(lab, "install", "enable", "enabled")
    found = systemd_labs.groups(lab, f"{systemd_labs.CALLS}/enable.cgroup")
    assert not [path for path in found.values() if UNIT in path], found
    assert [path for path in found.values() if "azure-vmextensions-Lab.Witness.slice" in path], found
