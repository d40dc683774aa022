"""Init scripts and the real agent in a guest, beside stand-ins for their systems: started it provisions, stopped it ends.

The scripts of the BSDs name places that a guest does not have; `tests/packaging/test_init_scripts.py` runs them.
"""

from pathlib import Path

import pytest

from scenarios import labs
from unit.fakes.init_systems import PREFIX, STAND_INS
from waagent.guest.detect import choose
from waagent.guest.profile import Identity
from waagent.install.placement import place

pytestmark = [*labs.in_a_guest, pytest.mark.slow]

SCENARIO = """
starts_agent = false

[ovf]
hostname = "web-1"
username = "kofi"
ssh_keys = ["generated"]
"""
SYSTEMS = {
    "redhat": Identity("centos", "6.10"),
    "suse": Identity("sles", "11.4"),
    "devuan": Identity("devuan", "5"),
    "openrc": Identity("alpine", "3.19"),
    "openwrt": Identity("openwrt", "23.05"),
}
PUT = 'mkdir -p "${0%/*}" && cat >"$0" && chmod 755 "$0"'
AGENTS = "pgrep -f '^/usr/bin/python3 .*/usr/sbin/waagent -daemon' | wc -l"


@pytest.mark.parametrize("name", sorted(SYSTEMS))
def test_a_script_starts_the_agent_which_provisions_and_ends_when_it_is_stopped(tmp_path: Path, name: str) -> None:
    files = place(choose(SYSTEMS[name]), systemd=False, python="/usr/bin/python3").files
    service = next(file for file in files if "init.d/" in file.path)
    given = {f"/{path}": text.replace("@ROOT@", "") for path, text in STAND_INS.items()} | {service.path: service.content}
    call = " ".join(["/bin/sh", *([f"/{PREFIX[name]}"] if name in PREFIX else []), service.path])
    with labs.begun(labs.scenario_of(tmp_path, SCENARIO)) as lab:
        for path, text in given.items():
            assert lab.guest.run(["sh", "-c", PUT, path], given=text.encode()).ok
        assert lab.guest.shell(f"{call} status").status != 0
        done = lab.guest.shell(f"{call} start")
        assert done.ok, done.errors
        labs.await_ready(lab)
        assert lab.guest.shell(f"{call} status").ok
        assert lab.guest.shell("hostname").output == "web-1\n"
        assert lab.guest.shell(f"{call} restart").ok
        labs.await_log(lab, "this machine was provisioned before")
        assert lab.guest.shell(AGENTS).output.strip() == "1"
        done = lab.guest.shell(f"{call} stop")
        assert done.ok, done.errors
        assert labs.settled(lambda: lab.guest.shell(AGENTS).output.strip(), lambda count: count == "0") == "0"
