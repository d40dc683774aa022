"""What only some machines need is loaded only there: a first boot does not pay for it."""

import subprocess
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src"
SELDOM = (
    *("waagent.rdma", "waagent.scvmm.run", "waagent.duties.load_balancer", "waagent.system.real.listener"),
    *("waagent.codec.shared_config", "email.utils"),
)


def _loaded(program: str) -> list[str]:
    """What a fresh interpreter, without the environment's own additions, has loaded in the end."""
    done = subprocess.run(
        ["/usr/bin/python3", "-I", "-c", f"import sys; sys.path.insert(0, {str(SOURCE)!r})\n{program}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_a_daemon_that_nobody_asks_for_it_loads_neither_rdma_nor_system_center_nor_the_responder() -> None:
    loaded = _loaded("import waagent.daemon.supervise, waagent.daemon.serving, waagent.cli.wiring, sys; print(*sys.modules)")
    assert "waagent.daemon.supervise" in loaded
    assert [name for name in SELDOM if name in loaded] == []


def test_what_libraries_import_for_others_is_not_executed_in_a_daemon_that_has_unpacked_a_package() -> None:
    program = (
        "import waagent.cli.main, waagent.cli.wiring, waagent.daemon.supervise, waagent.daemon.serving, sys\n"
        "import waagent.provision.run, waagent.extension.run, waagent.extension.archive\n"
        "print(*sys.modules)"
    )
    loaded = _loaded(program)
    assert {"inspect", "pathlib", "shutil", "zipfile", "dataclasses"} <= set(loaded), "they stand there, unexecuted"
    brought_along = ("ast", "dis", "tokenize", "traceback", "urllib.parse", "ipaddress")
    assert [name for name in brought_along if name in loaded] == []
