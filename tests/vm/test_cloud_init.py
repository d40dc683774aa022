"""Debian's own cloud-init, unmodified, on the lab's fabric: alone, and beside the agent's Debian package.

It finds its platform by the machine's SMBIOS data, its user on a UDF disc, asks DHCP, metadata and wire server, and says Ready
by itself: a witness of the emulator that shares nothing with our agent.
"""

from pathlib import Path

import pytest

from fabriclab.guests import adapter
from fabriclab.guests.adapter import Adapter
from fabriclab.journal.journal import Journal
from fabriclab.scenario import document, hearing
from fabriclab.scenario.execution import execute
from scenarios import labs
from vm import vm_labs
from vm.vm_labs import do

pytestmark = vm_labs.in_a_machine

UNIT = "walinuxagent.service"
BESIDE = """
starts_agent = false

[machine]
hostname = "image"

[ovf]
hostname = "web-1"
username = "maria"
ssh_keys = ["generated"]
custom_text = \"\"\"#cloud-config
locale: C.UTF-8
ssh_genkeytypes: [rsa]
\"\"\"

[[step]]
id = "extension"
at = 100000
do = "publish"

[[step.extension]]
sample = "good"
name = "Lab.Good"
public = { message = "hello" }
protected = { secret = "not to be seen" }
"""


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_it_provisions_a_user_and_reports_ready(suite: str) -> None:
    """Versions 22.4 and 25.1, which do not ask for the same and do not believe the same."""
    journal, told = Journal(), []
    used = vm_labs.adapter_of(adapter.find("cloud-init"), suite)
    result = execute(document.find("first-boot-cloud-init"), used, journal, told.append, lambda text: None)
    assert [(verdict.text, verdict.detail) for verdict in result.verdicts if not verdict.held] == []
    asked = [entry.summary for entry in journal.entries() if entry.service == "dhcp" and "DISCOVER" in entry.summary]
    assert any(text.endswith("as web-1") for text in asked), asked  # the machine's name, as its network has it from then on


def test_beside_it_our_package_runs_extensions_and_provisions_nothing(package: Path, tmp_path: Path) -> None:
    """`Provisioning.Agent=auto`, as shipped: whoever is enabled provisions, and that is cloud-init here."""
    layer = tmp_path / "layer"
    (layer / "srv").mkdir(parents=True)
    (layer / "srv" / package.name).write_bytes(package.read_bytes())
    plain = adapter.find("cloud-init")
    both = Adapter(
        *("both", layer / "adapter.toml"), packages=plain.packages, copy=".", command=("true",), unit="", held_by=plain.held_by
    )
    with vm_labs.begun(tmp_path, BESIDE, vm_labs.adapter_of(both)) as lab:
        guest = vm_labs.machine(lab)
        do(lab, f"DEBIAN_FRONTEND=noninteractive apt-get install --yes /srv/{package.name}")
        assert do(lab, f"systemctl is-enabled {UNIT} cloud-init-local") == "enabled\nenabled\n"
        assert guest.open_gate()  # the first boot of the image with both

        first = vm_labs.await_entry(lab, labs.is_ready, "cloud-init reports Ready")
        second = vm_labs.await_entry(lab, labs.is_ready, "the agent reports Ready", first.number)
        do(lab, "cloud-init status --wait")
        assert do(lab, "hostname; id -un maria") == "web-1\nmaria\n"
        assert guest.read("/var/lib/waagent/provisioned"), labs.log(lab)

        labs.do(lab, "extension")
        succeeded = labs.says("Lab.Good", "Ready", "success", "hello; protected settings: read")
        vm_labs.await_entry(lab, succeeded, "Lab.Good succeeds", second.number)

        # what cloud-init has made is as it made it, and nobody says Ready again
        assert do(lab, "ls /etc/sudoers.d; ls /etc/ssh/sshd_config.d") == "90-cloud-init-users\nREADME\n50-cloud-init.conf\n"
        keys = do(lab, "cat /etc/ssh/ssh_host_*.pub; cat /home/maria/.ssh/authorized_keys")
        do(lab, f"systemctl restart {UNIT}")
        seen = lab.journal.last
        vm_labs.await_entry(lab, lambda entry: entry.kind == hearing.STATUS, "the agent goes on after a restart", seen)
        assert do(lab, "cat /etc/ssh/ssh_host_*.pub; cat /home/maria/.ssh/authorized_keys") == keys
        reports = [entry.facts for entry in lab.journal.entries() if entry.kind == hearing.HEALTH]
        assert [one.get("state") for one in reports].count("Ready") == 2
        assert {one.get("substatus") for one in reports if one.get("state") != "Ready"} <= {"Provisioning"}
