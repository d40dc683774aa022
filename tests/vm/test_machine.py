"""What is real in a virtual machine and nowhere else in the lab: version 2 control groups, a serial line, NVMe, udev, UDF."""

import json
from collections.abc import Iterator

import pytest

from fabriclab.guests.sandbox import Disk
from fabriclab.scenario.lab import Lab
from scenarios import labs, systemd_labs
from vm import vm_labs
from vm.vm_labs import do

pytestmark = [*vm_labs.in_a_machine, pytest.mark.xdist_group("vm-machine")]

SLICE = "/sys/fs/cgroup/azure.slice/azure-vmextensions.slice/azure-vmextensions-Lab.Witness.slice"
SCENARIO = """
[machine]
hostname = "image"

[[machine.disk]]
on = "nvme"
mib = 48

[configuration]
"Provisioning.SshHostKeyPairType" = "ed25519"

[ovf]
hostname = "web-1"
username = "kofi"
ssh_keys = ["generated"]

[[step]]
id = "witness"
at = 100000
do = "publish"

[[step.extension]]
directory = "witness"
name = "Lab.Witness"
public = {}
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One machine whose agent is ready; the tests go on from each other's state."""
    place = tmp_path_factory.mktemp("machine")
    systemd_labs.write_witness(place / "witness")
    with vm_labs.begun(place, SCENARIO) as made:
        vm_labs.await_entry(made, labs.is_ready, "the agent reports Ready")
        yield made


def test_the_service_manager_sees_microsofts_hypervisor_and_a_vm_of_azure(lab: Lab) -> None:
    assert do(lab, "systemd-detect-virt") == "microsoft\n"
    assert do(lab, "cat /sys/class/dmi/id/chassis_asset_tag") == "7783-7084-3265-9085-8269-3286-77\n"
    assert do(lab, "cat /sys/class/dmi/id/product_uuid").strip() == lab.guest.machine.dmi["product_uuid"].lower()


def test_the_medium_is_a_volume_of_udf_in_a_drive_from_which_the_agent_has_put_it_out(lab: Lab) -> None:
    assert not lab.guest.shell("blkid -p /dev/sr0").ok
    lab.insert_medium(lab.scenario.medium)
    vm_labs.settled(lab, "blkid -p -s TYPE -o value /dev/sr0", "udf")
    assert do(lab, "mount -o ro -t udf,iso9660,vfat /dev/sr0 /mnt && ls /mnt; umount /mnt") == "ovf-env.xml\n"


def test_the_machines_own_client_has_told_the_fabric_its_new_name(lab: Lab) -> None:
    asked = "REQUEST from 00:0d:3a:11:22:33 as web-1"
    vm_labs.await_entry(lab, lambda entry: asked in entry.summary, "a request with the new name")


def test_a_local_nvme_disk_is_one_and_is_left_alone(lab: Lab) -> None:
    assert do(lab, "cat /sys/block/nvme0n1/size") == f"{48 << 11}\n"
    assert do(lab, "lsblk --noheadings --list --output NAME /dev/nvme0n1") == "nvme0n1\n"


def test_an_extensions_limits_are_on_its_slice_in_the_unified_hierarchy(lab: Lab) -> None:
    assert do(lab, "stat -f -c %T /sys/fs/cgroup") == "cgroup2fs\n"
    systemd_labs.hold(lab)
    labs.do(lab, "witness")
    vm_labs.settled(lab, f"grep -c ^enable {systemd_labs.CALLS}/calls", "1")
    assert SLICE.removeprefix("/sys/fs/cgroup") in do(lab, f"cat {systemd_labs.CALLS}/enable.cgroup")
    quota, period = do(lab, f"cat {SLICE}/cpu.max").split()
    assert int(quota) / int(period) == pytest.approx(0.2)
    systemd_labs.release(lab)
    vm_labs.await_entry(lab, labs.says("Lab.Witness", "Ready", "success"), "Lab.Witness succeeds")


def test_a_disk_comes_and_goes_while_the_machine_runs(lab: Lab) -> None:
    lab.guest.attach(Disk("sdb", "hot.img"), bytes(1 << 20))
    vm_labs.settled(lab, "cat /sys/block/sdb/size", "2048")
    assert "/block/sdb" in do(lab, "ls -d /sys/bus/vmbus/devices/00000000-0001-*/host*/target*/*/block/sdb")
    lab.guest.detach("sdb")
    vm_labs.settled(lab, "ls /sys/block/sdb 2>/dev/null || echo gone", "gone")


def test_only_what_was_touched_is_a_change(lab: Lab) -> None:
    before = {change.path for change in lab.guest.changes()}
    do(lab, "echo mine >/root/mine; rm /etc/motd; chmod 600 /etc/issue; touch /etc/issue.net")
    changed = {change.path: change.what for change in lab.guest.changes() if change.path not in before}
    assert changed == {"/root/mine": "added", "/etc/motd": "removed", "/etc/issue": "changed"}


def test_a_boot_is_seen_on_the_serial_line_and_the_agent_comes_back_with_it(lab: Lab) -> None:
    guest, seen = vm_labs.machine(lab), len(vm_labs.machine(lab).console)
    boots, boot = guest.boots, do(lab, "cat /proc/sys/kernel/random/boot_id")
    do(lab, "systemctl reboot --no-block")
    guest.await_boots(boots + 1, vm_labs.PATIENCE)
    assert do(lab, "cat /proc/sys/kernel/random/boot_id") != boot
    vm_labs.settled(lab, "systemctl show --property=StatusText --value walinuxagent", "serving goal states")
    assert "reboot: Restarting system" in guest.console[seen:]
    assert "web-1 login:" in labs.settled(lambda: guest.console[seen:], lambda text: "login:" in text, vm_labs.PATIENCE)
    assert json.loads(do(lab, "lsblk --json --output NAME,TYPE /dev/sr0"))["blockdevices"][0]["type"] == "rom"
