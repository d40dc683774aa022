"""What the agent's children find in their environment, in a real guest (guest.md 6.9)."""

from __future__ import annotations

from pathlib import Path

from scenarios import labs

pytestmark = labs.in_a_guest

SCENARIO = """
starts_agent = false

[configuration]
"OS.EnableFIPS" = "y"

[ovf]
hostname = "web-1"
username = "kofi"
ssh_keys = ["generated"]
"""
SPY = """#!/bin/sh
env >>/var/tmp/environment
exec /usr/bin/ssh-keygen "$@"
"""


def test_fips_and_the_daemons_version_reach_every_command(tmp_path: Path) -> None:
    with labs.begun(labs.scenario_of(tmp_path, SCENARIO)) as lab:
        spy = "/usr/local/bin/ssh-keygen"
        assert lab.guest.run(["/bin/sh", "-c", f"cat >{spy}; chmod 755 {spy}"], given=SPY.encode()).ok
        lab.service.start()
        labs.await_ready(lab)
        seen = labs.await_file(lab, "/var/tmp/environment").decode().splitlines()
        version = labs.agent(lab, "-version").output.split()[0].removeprefix("WALinuxAgent-")
        for line in ("OPENSSL_FIPS=1", f"_AZURE_GUEST_AGENT_DAEMON_VERSION_={version}", "LC_ALL=C.UTF-8"):
            assert line in seen, seen
