"""The resident process: how it starts, ends and starts again, and what its other words answer, in a real guest."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fabriclab.faults.effects import Drop
from fabriclab.faults.rule import Rule
from fabriclab.scenario.lab import Lab
from scenarios import labs

pytestmark = labs.in_a_guest

PROVISIONED = f"""
{labs.GOOD}
[[step]]
id = "slow"
at = 3600
do = "publish"
[[step.extension]]
sample = "slow"
name = "Lab.Slow"
public = {{ seconds = 4 }}
"""
SECOND = 1.0
LISTENER = """
import socket
channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
channel.bind("/run/notify")
open("/run/notified", "w").close()
while True:
    told = channel.recv(4096).decode()
    with open("/run/notified", "a") as file:
        file.write(told + "\\n")
"""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with labs.begun(labs.scenario_of(tmp_path, PROVISIONED)) as made:
        labs.await_ready(made)
        yield made


# -- ending


def test_sigterm_ends_it_cleanly_within_a_second(lab: Lab) -> None:
    assert lab.guest.read("/run/waagent.pid") == str(lab.service.number).encode()
    assert labs.terminate(lab) < SECOND
    assert lab.guest.read("/run/waagent.pid") is None
    assert labs.log(lab).rstrip().endswith("the agent ends")


def test_sigterm_during_an_extension_command_neither_waits_for_it_nor_kills_it(lab: Lab) -> None:
    labs.do(lab, "slow")
    labs.await_entry(lab, labs.says("Lab.Slow", extension="transitioning", text="slow: begun"), "the slow extension runs")
    assert labs.terminate(lab) < SECOND
    assert lab.guest.shell("ps -eo args= | grep '[h]andler.sh enable'").ok, "the command was killed with the agent"
    before = lab.journal.last
    lab.service.start()
    labs.await_entry(lab, labs.says("Lab.Slow", "Ready", "success"), "the next agent takes its result over", before)
    commands = (lab.guest.read("/var/log/azure/Lab.Slow/commands.log") or b"").decode()
    assert re.findall(r";(\w+);", commands) == ["install", "enable", "enabled"], "a command that went on was run again"


def test_sigterm_ends_it_while_the_wire_server_is_silent(tmp_path: Path) -> None:
    scenario = labs.scenario_of(tmp_path, PROVISIONED + '[[fault]]\nservice = "wireserver"\neffect = "drop"\n')
    with labs.begun(scenario) as lab:
        labs.await_entry(lab, lambda entry: entry.service == "wireserver", "the wire server is asked")
        assert labs.terminate(lab) < SECOND


def test_sigterm_ends_it_while_a_request_of_a_serving_agent_hangs(lab: Lab) -> None:
    lab.fabric.inject(Rule(Drop()))
    labs.await_entry(lab, lambda entry: bool(entry.exchange and entry.exchange.fault), "a request hangs", lab.journal.last)
    assert labs.terminate(lab) < SECOND


# -- starting


def test_a_second_start_refuses_and_leaves_the_first_alone(lab: Lab) -> None:
    done = labs.agent(lab, "-daemon")
    assert done.status == 0
    assert f"another agent runs already (process {lab.service.number})" in done.output
    assert lab.service.is_running
    assert lab.guest.read("/run/waagent.pid") == str(lab.service.number).encode()


def test_a_pid_file_that_names_another_program_does_not_block_the_start(tmp_path: Path) -> None:
    with labs.begun(labs.scenario_of(tmp_path, PROVISIONED + STALE)) as lab:
        labs.await_ready(lab)


STALE = """
[[step]]
do = "run"
command = "printf 1 >/run/waagent.pid"
"""


def test_a_restart_in_a_provisioned_guest_goes_straight_on_with_the_goal_state(lab: Lab) -> None:
    labs.do(lab, "good")
    labs.await_entry(lab, labs.says("Lab.Good", "Ready", "success"), "the extension succeeds")
    before, written = lab.journal.last, len(labs.log(lab))
    unchanged = {change.path: change.after for change in lab.guest.changes() if change.path.startswith(("/etc/", "/home/"))}
    labs.terminate(lab)
    lab.service.start()
    labs.await_entry(lab, labs.says("Lab.Good", "Ready", "success"), "the status is reported again", before)
    labs.await_log(lab, "[Lab.Good-1.0.0] Command: handler.sh enable\n[stdout]\ngood: enable 0", written)
    said = labs.log(lab)[written:]
    assert "this machine was provisioned before" in said
    assert not re.search(r"useradd|chpasswd|sshd_config|ssh-keygen|\bhostname\b web", said), said
    reports = [entry.summary for entry in lab.journal.since(before) if entry.kind == "health"]
    assert reports == [], "a health report of a provisioned machine"
    commands = (lab.guest.read(labs.COMMANDS) or b"").decode()
    assert [line.split(";")[1:3] for line in commands.split()] == [["install", "0"], ["enable", "0"], ["enable", "0"]]
    now = {change.path: change.after for change in lab.guest.changes() if change.path.startswith(("/etc/", "/home/"))}
    assert now == unchanged


def test_a_service_manager_that_listens_is_told_of_start_and_end(tmp_path: Path) -> None:
    with labs.begun(labs.scenario_of(tmp_path, "starts_agent = false\n" + PROVISIONED)) as lab:
        listening = lab.guest.spawn(["/usr/bin/python3", "-c", LISTENER])
        while lab.guest.read("/run/notified") is None:
            assert listening.poll() is None, "the listener ended"
        running = lab.guest.spawn([*labs.AGENT, "-daemon"], environment={"NOTIFY_SOCKET": "/run/notify"})
        labs.await_ready(lab)
        running.stop()
        told = (lab.guest.read("/run/notified") or b"").decode().splitlines()
        assert told[0] == "READY=1"
        assert "STOPPING=1" in told  # the boot lane may still say its last word beside it
        listening.stop()


def test_start_goes_into_the_background_and_returns_at_once(tmp_path: Path) -> None:
    with labs.begun(labs.scenario_of(tmp_path, "starts_agent = false\n" + PROVISIONED)) as lab:
        done = labs.agent(lab, "-start")
        assert (done.status, done.output, done.errors) == (0, "", "")
        labs.await_ready(lab)
        number = (lab.guest.read("/run/waagent.pid") or b"").decode()
        assert lab.guest.shell(f"kill -TERM {number} && tail --pid={number} -f /dev/null").ok


def test_the_log_says_the_version_where_the_backup_extension_looks_for_it(lab: Lab) -> None:
    version = re.search(r"(?m)^Goal state agent: (\S+)$", labs.agent(lab, "-version").output)
    assert version is not None
    assert f"Azure Linux Agent Version: {version[1]}" in labs.log(lab)
