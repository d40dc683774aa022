"""A machine is made into an image and provisioned again as another one; what the verb says, asks, leaves and returns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fabriclab.documents.ovf import Ovf
from fabriclab.guests.login import make_key_pair
from fabriclab.guests.process import Completed
from fabriclab.scenario import document
from fabriclab.scenario.lab import Lab
from fabriclab.scenario.medium import Medium
from scenarios import labs

pytestmark = labs.in_a_guest

SCENARIO = document.load(Path(__file__).parent / "deprovision" / "provision.toml")
PACKER = ["/usr/sbin/waagent", "-force", "-deprovision+user"]
NEW = Ovf(hostname="newname-2", username="newperson", password="An0ther-quay-92")


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A guest that was provisioned and whose agent was stopped, as its service manager does it for the verb."""
    with labs.begun(SCENARIO) as made:
        labs.await_ready(made)
        labs.settled(lambda: (made.guest.upper / "var/lib/waagent/ready_unsent").exists(), lambda owed: not owed)
        labs.terminate(made)
        yield made


def traces(lab: Lab, *texts: bytes) -> list[str]:
    """Files that the guest has written or changed, and names, in which any of the texts occurs."""
    found = []
    for place in sorted(lab.guest.upper.rglob("*")):
        name = str(place.relative_to(lab.guest.upper))
        content = place.read_bytes() if place.is_file() and not place.is_symlink() else b""
        found += [f"{text.decode()} in /{name}" for text in texts if text in content or text in name.encode()]
    return found


def secrets_of(lab: Lab) -> tuple[bytes, ...]:
    assert lab.key is not None
    hashed = lab.guest.shell("getent shadow oldperson | cut -d: -f2").output.strip()
    assert hashed.startswith("$6$")
    return b"oldperson", b"oldname-1", lab.key.public.split()[1].encode(), hashed.encode(), b"nsit-91-quay", b"b2xkIGN1c3RvbSB0"


def tree(lab: Lab) -> set[str]:
    return {change.text() + str(change.after and change.after.digest) for change in lab.guest.changes()}


def asked(lab: Lab, answer: bytes, *words: str) -> Completed:
    return lab.guest.run([*labs.AGENT, *(words or ("-deprovision+user",))], given=answer, timeout=30.0)


def test_after_packers_call_nothing_of_the_old_machine_is_left_and_another_document_makes_another_machine(lab: Lab) -> None:
    secrets = secrets_of(lab)
    assert traces(lab, *secrets), "there is nothing to forget"
    done = lab.guest.run(PACKER)
    assert (done.status, done.errors) == (0, "")
    assert traces(lab, *secrets) == []
    lab.reboot(start_agent=False)
    lab.insert_medium(Medium(ovf=NEW, ssh_keys=(make_key_pair().public,)))
    before = lab.journal.last
    lab.service.start()
    labs.await_ready(lab, before)
    guest = lab.guest
    assert guest.shell("hostname; cat /etc/hostname").output.split() == ["newname-2", "newname-2"]
    assert guest.shell("id -un newperson; cat /etc/sudoers.d/waagent").output == "newperson\nnewperson ALL=(ALL) ALL\n"
    assert not guest.shell("id oldperson").ok and not guest.shell("test -e /home/oldperson").ok
    assert guest.shell("ls /etc/ssh/ssh_host_*_key").output.split() == ["/etc/ssh/ssh_host_rsa_key"]
    assert traces(lab, *secrets) == []


def test_the_librarys_scenario_holds() -> None:
    assert labs.not_held(labs.run(document.find("deprovision"))) == []


def test_a_dry_run_prints_its_plan_and_touches_nothing(lab: Lab) -> None:
    before = tree(lab)
    done = asked(lab, b"", "-deprovision+user", "-dry-run")
    assert (done.status, done.errors) == (0, "")
    assert "WARNING! The account oldperson and its entire home directory will be deleted." in done.output
    assert re.search(r"^\d+\. run userdel -f -r oldperson ", done.output, re.MULTILINE)
    assert re.search(r"^\d+\. empty directory /var/lib/waagent ", done.output, re.MULTILINE)
    assert "(y/n)" not in done.output
    assert tree(lab) == before


@pytest.mark.parametrize("answer", [b"", b"n\n", b"no\n", b"\n", b"maybe\n"])
def test_anything_but_yes_touches_nothing(lab: Lab, answer: bytes) -> None:
    before = tree(lab)
    done = asked(lab, answer)
    assert done.status == 1
    assert "Do you want to proceed (y/n)" in done.output and "Nothing was done." in done.output
    assert tree(lab) == before


def test_yes_does_it_and_what_is_left_on_purpose_is_listed(lab: Lab) -> None:
    done = asked(lab, b"yes\n", "-deprovision")
    assert (done.status, done.errors) == (0, "")
    assert "This machine is deprovisioned." in done.output
    assert "Left on purpose: /etc/machine-id is kept" in done.output
    assert lab.guest.shell("id oldperson; test -d /home/oldperson").ok, "without +user the account stays"
    assert lab.guest.shell("ls -A /var/lib/waagent /var/log/azure").output.split() == ["/var/lib/waagent:", "/var/log/azure:"]
    again = asked(lab, b"y\n", "-deprovision+user")
    assert again.status == 0
    assert "The deletion of a user is skipped." in again.output


def test_what_failed_is_told_the_rest_is_done_and_the_status_says_so(lab: Lab) -> None:
    assert lab.guest.shell("mv /usr/sbin/userdel /usr/sbin/userdel.away").ok
    done = lab.guest.run(PACKER)
    assert done.status == 1
    assert "FAILED: userdel is not installed" in done.errors
    assert "STILL THERE: the account oldperson still exists" in done.output
    assert "Deprovisioning is incomplete." in done.output
    assert not lab.guest.shell("ls /etc/ssh/ssh_host_*").ok
    assert lab.guest.shell("ls -A /var/lib/waagent").output == ""


def test_an_agent_that_still_runs_may_write_again_and_makes_the_status_bad() -> None:
    with labs.begun(replace(SCENARIO)) as lab:
        labs.await_ready(lab)
        done = lab.guest.run(PACKER)
        assert done.status == 1
        assert re.search(r"STILL THERE: the agent still runs \(process \d+\)", done.output)
