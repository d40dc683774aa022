"""Control groups of version 2 alone, on a kernel of its own: the share of the agent, and the scope of the log collector."""

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
SCOPE = "/sys/fs/cgroup/azure.slice/azure-walinuxagent.slice/azure-walinuxagent-logcollector.slice/collect-logs.scope"


def test_version_two_holds_the_agent_and_the_collector_down(tmp_path: Path) -> None:
    with vm_labs.begun(tmp_path, SCENARIO) as lab:
        vm_labs.await_entry(lab, labs.is_ready, "Ready")
        labs.await_log(lab, "Total Memory Throttled Events [walinuxagent.service]", patience=PATIENCE)
        assert do(lab, f"cat {OWN}/cpu.max") == "50000 100000\n"
        assert {"cpu", "memory"} <= set(do(lab, f"cat {OWN}/cgroup.controllers").split())

        look = f"cat {SCOPE}/cpu.max {SCOPE}/memory.high"  # there while a collector works
        seen = labs.settled(lambda: lab.guest.shell(look).output.split(), lambda words: len(words) == 3, PATIENCE)
        assert seen == ["5000", "100000", str(170 * 1024 * 1024)], labs.log(lab)
        # With 5 % of an emulated processor it takes its time. Without any quota the controller would go.
        lab.guest.shell("systemctl set-property --runtime collect-logs.scope CPUQuota=100%")
        vm_labs.await_entry(lab, lambda entry: entry.kind == hearing.LOGS, "a bundle")

        do(lab, f"setsid sleep 600 >/dev/null 2>&1 & echo $! >{OWN}/cgroup.procs")
        labs.await_log(lab, "the agent's CPU is not limited any more", patience=PATIENCE)
        assert do(lab, f"cat {OWN}/cpu.max 2>/dev/null || true") in ("", "max 100000\n")  # the controller may go with it
