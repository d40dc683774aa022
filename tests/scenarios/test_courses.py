"""The words that do a part of a daemon's life: -provision, and -run-exthandlers (guest.md 8.2)."""

from collections.abc import Iterator

import pytest

from fabriclab.journal.entry import Entry
from fabriclab.scenario.lab import Lab
from scenarios import labs

pytestmark = labs.in_a_guest

USER = """
starts_agent = false

[ovf]
hostname = "web-1"
username = "maria"
ssh_keys = ["generated"]
"""


@pytest.fixture
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with labs.begun(labs.scenario_of(tmp_path_factory.mktemp("courses"), USER)) as made:
        yield made


def is_status(entry: Entry) -> bool:
    return entry.facts.get("kind") == "status"


def test_provision_does_it_once_reports_it_and_ends(lab: Lab) -> None:
    done = labs.agent(lab, "-provision")
    assert done.status == 0, done.output + done.errors
    assert lab.guest.shell("id maria").ok
    assert labs.await_ready(lab)
    assert not [entry for entry in lab.journal.entries() if is_status(entry)], "goal states were served"
    assert lab.guest.read("/run/waagent.pid") is None
    again = labs.agent(lab, "-provision")
    assert again.status == 0
    assert "was provisioned before" in again.output


def test_provision_beside_a_daemon_is_refused(lab: Lab) -> None:
    lab.service.start()
    labs.await_ready(lab)
    done = labs.agent(lab, "-provision")
    assert done.status == 1
    assert "another agent runs already" in done.output


@pytest.mark.slow
def test_provision_without_a_medium_reports_the_failure_and_ends_with_1(lab: Lab) -> None:
    lab.eject_medium()
    done = labs.agent(lab, "-provision")
    assert done.status == 1
    report = labs.await_entry(
        lab, lambda entry: entry.facts.get("substatus") == "ProvisioningFailed", "the failure is reported"
    )
    assert "no provisioning medium" in str(report.facts.get("description"))
    assert lab.guest.read("/var/lib/waagent/provisioned") is None


def test_run_exthandlers_serves_goal_states_and_provisions_nothing(lab: Lab) -> None:
    lab.guest.shell(f"setsid {' '.join(labs.AGENT)} -run-exthandlers -debug >/dev/null 2>&1 &")
    labs.await_entry(lab, is_status, "a status is uploaded")
    assert not lab.guest.shell("id maria").ok
    assert lab.guest.read("/var/lib/waagent/provisioned") is None
    assert not [entry for entry in lab.journal.entries() if labs.is_ready(entry)]
    assert " ExtHandler " in labs.log(lab)
    assert lab.guest.shell("kill -TERM $(cat /run/waagent.pid)").ok
    assert labs.settled(lambda: lab.guest.read("/run/waagent.pid"), lambda content: content is None) is None


@pytest.mark.slow
def test_run_exthandlers_ends_with_the_process_that_started_it(lab: Lab) -> None:
    lab.guest.shell(f"setsid sh -c '{' '.join(labs.AGENT)} -run-exthandlers & sleep 3' >/dev/null 2>&1 &")
    labs.await_log(lab, "the process that started this one is gone", patience=60.0)
    assert labs.settled(lambda: lab.guest.read("/run/waagent.pid"), lambda content: content is None) is None


def test_the_state_directory_is_the_working_directory_of_an_agent_that_runs(lab: Lab) -> None:
    lab.service.start()
    labs.await_ready(lab)
    assert lab.guest.shell("readlink /proc/$(cat /run/waagent.pid)/cwd").output == "/var/lib/waagent\n"


def test_a_file_in_the_place_of_the_extensions_logs_is_said_and_fails_no_vm(lab: Lab) -> None:
    lab.guest.shell("rm -rf /var/log/azure; : > /var/log/azure")
    lab.service.start()
    labs.await_ready(lab)
    assert "/var/log/azure" in labs.log(lab)
