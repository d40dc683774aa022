"""Broken provisioning documents in real guests: the fabric hears which element it is, and the machine stays as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from fabriclab.journal.entry import Entry
from fabriclab.scenario.inspection import glob
from fabriclab.scenario.lab import Lab
from scenarios import labs

pytestmark = labs.in_a_guest

PASSWORD = "Tr4nsit-91-quay"
GOOD = {"hostname": "db-node-7", "username": "maria", "password": PASSWORD}
OF_THE_AGENT = ("/var/lib/waagent/**", "/var/log/**", "/mnt/cdrom/**", "/var/lib/hyperv/**")
KEY = 'public_keys = [{ path = "%s", value = "%s" }]'
GOOD_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEXAMPLE maria@desk"
BROKEN = {
    "a host name that is an option": ({"hostname": "-f"}, "", "HostName"),
    "a user name with a colon": ({"username": "maria:0:0"}, "", "UserName"),
    "a user name that is a command": ({"username": "$(touch /made)"}, "", "UserName"),
    "a key outside all homes": ({}, KEY % ("/etc/ssh/keys", GOOD_KEY), "PublicKey 1: the Path"),
    "a key that is none": ({}, KEY % ("/home/maria/.ssh/authorized_keys", "hello"), "PublicKey 1: its Value"),
    "a key whose certificate nobody sent": (
        {},
        f'public_keys = [{{ path = "/home/maria/.ssh/authorized_keys", fingerprint = "{"AB" * 20}" }}]',
        f"no certificate with the Fingerprint {'AB' * 20}",
    ),
    "a password for a system user": ({"username": "daemon"}, "", "daemon is a system user"),
    "custom data that is no Base64": ({"custom_data": "***"}, 'as_is = ["custom_data"]', "CustomData"),
}


def provisioned_with(place: Path, changes: dict[str, str], more: str) -> labs.Scenario:
    lines = "".join(f'{name} = "{value}"\n' for name, value in {**GOOD, **changes}.items())
    settings = '[configuration]\n"Provisioning.DecodeCustomData" = "y"\n"Provisioning.DeleteRootPassword" = "y"\n'
    return labs.scenario_of(place, f"{settings}[ovf]\n{lines}{more}\n")


def failure(lab: Lab) -> Entry:
    return labs.await_entry(
        lab,
        lambda entry: entry.kind == "health" and entry.facts.get("substatus") == "ProvisioningFailed",
        "the failure is reported",
    )


def touched(lab: Lab) -> list[str]:
    """What changed, but for the agent's own places."""
    own = [glob(pattern) for pattern in OF_THE_AGENT]
    return [change.text() for change in lab.guest.changes() if not any(one.fullmatch(change.path) for one in own)]


def holding(lab: Lab, text: str) -> list[str]:
    files = (place for place in lab.guest.upper.rglob("*") if place.is_file() and not place.is_symlink())
    return [str(place) for place in files if text.encode() in place.read_bytes()]


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_document_names_its_element_and_leaves_the_machine_as_it_was(tmp_path: Path, name: str) -> None:
    changes, more, said = BROKEN[name]
    with labs.begun(provisioned_with(tmp_path, changes, more)) as lab:
        assert said in failure(lab).facts["description"]
        assert touched(lab) == []
        assert holding(lab, PASSWORD) == []
        assert "Traceback" not in labs.log(lab)
        assert lab.service.is_running
        assert not lab.guest.shell("test -e /var/lib/waagent/provisioned").ok


def test_an_account_that_cannot_be_made_is_told_in_the_tools_words_and_gets_no_rights(tmp_path: Path) -> None:
    scenario = provisioned_with(tmp_path, {}, KEY % ("/home/maria/.ssh/authorized_keys", GOOD_KEY))
    path = tmp_path / "scenario.toml"
    path.write_text("starts_agent = false\n" + path.read_text())
    with labs.begun(labs.document.load(scenario.source)) as lab:
        assert lab.guest.run(["groupadd", "maria"]).ok
        lab.service.start()
        assert "account: " in failure(lab).facts["description"]
        assert "group maria exists" in failure(lab).facts["description"]
        assert not lab.guest.run(["id", "maria"]).ok
        assert not any("sudoers.d" in line or "/home/" in line or "/etc/ssh" in line for line in touched(lab))
        assert holding(lab, PASSWORD) == []
