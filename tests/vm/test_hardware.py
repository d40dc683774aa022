"""What a scenario can ask of a virtual machine's hardware: a second network card, a system disk on NVMe; and what it says."""

from collections.abc import Iterator

import pytest

from fabriclab.scenario.lab import Lab
from scenarios import labs
from scenarios.test_fidelity import claimed, tried
from vm import vm_labs
from vm.vm_labs import do

pytestmark = [*vm_labs.in_a_machine, pytest.mark.xdist_group("vm-hardware")]

SCENARIO = """
[machine]
hostname = "image"
second_card = "10.78.0.4/24"
system_disk = "nvme"

[[machine.disk]]
on = "nvme"
mib = 48

[configuration]
"Provisioning.SshHostKeyPairType" = "ed25519"

[ovf]
hostname = "web-1"
username = "kofi"
ssh_keys = ["generated"]
"""
GATEWAY = """python3 -c '
import socket
try:
    socket.create_connection(("10.78.0.1", 9), 20)
except ConnectionRefusedError:
    print("there")
'"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with vm_labs.begun(tmp_path_factory.mktemp("hardware"), SCENARIO) as made:
        vm_labs.await_entry(made, labs.is_ready, "the agent reports Ready")
        yield made


def test_what_the_machine_says_of_itself_is_so(lab: Lab) -> None:
    wanted = claimed("vm") | {"SCSI disks": False}  # this machine's are all on NVMe
    assert tried(lab) == wanted


def test_the_system_is_on_nvme_and_the_other_disk_is_left_alone(lab: Lab) -> None:
    root, other = disks(lab)
    assert do(lab, "findmnt --noheadings --output SOURCE /") == f"/dev/{root}\n"
    assert do(lab, f"lsblk --noheadings --list --output NAME,TYPE /dev/{other} | tr -s ' '") == f"{other} disk\n"


def test_the_second_card_has_its_name_and_network_and_the_first_is_the_platforms(lab: Lab) -> None:
    looks_right(lab)
    asked = [entry.summary for entry in lab.journal.entries() if entry.service == "dhcp"]
    assert asked and all("from 00:0d:3a:11:22:33" in text for text in asked)


def test_both_are_there_after_a_boot(lab: Lab) -> None:
    lab.reboot(start_agent=True)
    looks_right(lab)
    disks(lab)
    vm_labs.settled(lab, "systemctl show --property=StatusText --value walinuxagent", "serving goal states")


def disks(lab: Lab) -> list[str]:
    """The system's, and the one of 48 MiB."""
    sizes = dict(
        line.split() for line in do(lab, "cd /sys/block; for one in nvme*; do echo $one $(cat $one/size); done").splitlines()
    )
    assert len(sizes) == 2
    found = sorted(sizes, key=lambda name: -int(sizes[name]))
    assert int(sizes[found[1]]) == 48 << 11
    return found


def looks_right(lab: Lab) -> None:
    vm_labs.settled(lab, "ip -4 -o address show eno1 | grep -o 'inet [^ ]*'", "inet 10.78.0.4/24")
    assert do(lab, "cat /sys/class/net/eth0/address /sys/class/net/eno1/address") == "00:0d:3a:11:22:33\n00:0d:3a:99:88:77\n"
    assert do(lab, "ip -4 route show default").startswith("default via 10.77.0.1 dev eth0")
    assert do(lab, GATEWAY) == "there\n"
