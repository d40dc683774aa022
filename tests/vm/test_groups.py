"""Control groups of version 2 alone, on a kernel of its own: the share of the agent, and the scope of the log collector."""

import re
from pathlib import Path

from fabriclab.scenario import hearing
from scenarios import labs
from vm import vm_labs
from vm.vm_labs import PATIENCE, do

pytestmark = vm_labs.in_a_machine

SCENARIO = """
[configuration]
"Provisioning.SshHostKeyPairType" = "ed25519"
"Debug.LogCollectorInitialDelay" = 10
"Logs.CollectPeriod" = 30
"Debug.CgroupCheckPeriod" = 5
"Debug.CgroupLogMetrics" = true

[ovf]
hostname = "web-1"
username = "kofi"
ssh_keys = ["generated"]
"""
OWN = "/sys/fs/cgroup/system.slice/walinuxagent.service"
COLLECTOR = "/azure-walinuxagent-logcollector.slice/collect-logs.scope"


def test_version_two_holds_the_agent_and_the_collector_down(tmp_path: Path) -> None:
    with vm_labs.begun(tmp_path, SCENARIO) as lab:
        vm_labs.await_entry(lab, labs.is_ready, "Ready")
        labs.await_log(lab, "Total Memory Throttled Events [walinuxagent.service]", patience=PATIENCE)
        assert do(lab, f"cat {OWN}/cpu.max") == "50000 100000\n"
        assert {"cpu", "memory"} <= set(do(lab, f"cat {OWN}/cgroup.controllers").split())

        # With 5 % of an emulated processor the collector takes its time.
        find = f"find /sys/fs/cgroup -path '*{COLLECTOR}'"
        place = labs.settled(lambda: lab.guest.shell(find).output.strip(), bool, PATIENCE)
        assert re.fullmatch(rf"/sys/fs/cgroup/azure\.slice/azure-walinuxagent\.slice{re.escape(COLLECTOR)}", place), labs.log(
            lab
        )
        assert do(lab, f"cat {place}/cpu.max") == "5000 100000\n"
        assert do(lab, f"cat {place}/memory.high") == f"{170 * 1024 * 1024}\n"
        assert "waagent" in do(lab, f"tr '\\0' ' ' </proc/$(head -n 1 {place}/cgroup.procs)/cmdline")
        do(lab, "systemctl set-property --runtime collect-logs.scope CPUQuota=100%")  # without any the controller would go
        vm_labs.await_entry(lab, lambda entry: entry.kind == hearing.LOGS, "a bundle")

        do(lab, f"setsid sleep 600 >/dev/null 2>&1 & echo $! >{OWN}/cgroup.procs")
        labs.await_log(lab, "the agent's CPU is not limited any more", patience=PATIENCE)
        assert do(lab, f"cat {OWN}/cpu.max") == "max 100000\n"
