"""What only some machines need is loaded only there: a first boot does not pay for it."""

import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src"
SELDOM = (
    *("waagent.rdma", "waagent.scvmm.run", "waagent.duties.load_balancer", "waagent.system.real.listener"),
    *("waagent.codec.shared_config", "email.utils"),
)


def test_a_daemon_that_nobody_asks_for_it_loads_neither_rdma_nor_system_center_nor_the_responder() -> None:
    program = "import waagent.daemon.supervise, waagent.daemon.serving, waagent.cli.wiring, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(SOURCE)}, capture_output=True, text=True, check=True
    )
    loaded = done.stdout.split()
    assert "waagent.daemon.supervise" in loaded
    assert [name for name in SELDOM if name in loaded] == []
