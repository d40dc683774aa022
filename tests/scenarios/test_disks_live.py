"""Data disks that come and go while a guest runs, as `fabriclab do attach-disk` and the page have them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fabriclab.guests import adapter, assemble
from fabriclab.journal.journal import Journal
from fabriclab.scenario import doing, steps
from fabriclab.scenario.doing import StepFailed
from fabriclab.scenario.lab import Lab, opened
from fabriclab.scenario.table import Table
from scenarios import labs, systemd_labs

pytestmark = [*labs.in_a_guest, pytest.mark.xdist_group("disks of the lab")]

SCENARIO = 'starts_agent = false\n[[expect]]\nagent = "ended"\n'


@pytest.fixture(scope="module", params=["sandbox", pytest.param("systemd", marks=systemd_labs.on_systemd)])
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    scenario = labs.scenario_of(tmp_path_factory.mktemp("scenario"), SCENARIO)
    ours = adapter.find("ours")
    used = assemble.on_systemd(ours) if request.param == "systemd" else ours
    with opened(scenario, used, Journal()) as found:
        yield found


def do(lab: Lab, verb: str, **keys: object) -> None:
    doing.do(steps.parse_do(Table({"do": verb, **keys}, "test")), lab)


def test_a_disk_comes_with_its_partition_and_goes_with_it(lab: Lab) -> None:
    do(lab, "attach-disk", content="ext4")
    assert lab.guest.disks[-1] == "sdc"
    assert lab.guest.shell("blkid -o value -s TYPE /dev/sdc1").output == "ext4\n"
    assert lab.guest.shell("mount /dev/sdc1 /mnt && echo kept >/mnt/file && umount /mnt").ok
    with pytest.raises(StepFailed, match="sdc is in the guest already"):
        do(lab, "attach-disk")
    do(lab, "detach-disk")
    assert lab.guest.shell("ls /dev/sd*").output == ""
    with pytest.raises(StepFailed, match="sdc: no such disk in the guest"):
        do(lab, "detach-disk")


def test_a_disk_that_somebody_partitions_by_hand_has_its_nodes(lab: Lab) -> None:
    do(lab, "attach-disk", name="sdd")
    node = "for i in $(seq 100); do [ -b /dev/sdd1 ] && break; sleep 0.05; done"
    done = lab.guest.shell(f"echo 2048,20480 | sfdisk -q /dev/sdd; partx -u /dev/sdd; {node}")
    assert done.ok and lab.guest.shell("mkfs.ext4 -q /dev/sdd1").ok
    do(lab, "detach-disk", name="sdd")
    assert not lab.guest.shell("ls /dev/sdd*").ok


def test_a_disk_that_is_mounted_is_not_pulled_away_and_an_nvme_disk_does_not_come(lab: Lab) -> None:
    do(lab, "attach-disk", content="ext4")
    assert lab.guest.shell("mount /dev/sdc1 /mnt").ok
    with pytest.raises(OSError, match="sdc is mounted at /mnt: only a virtual machine lets go"):
        do(lab, "detach-disk")
    assert lab.guest.shell("umount /mnt").ok
    do(lab, "detach-disk")
    with pytest.raises(OSError, match="an NVMe disk comes with the next boot only"):
        do(lab, "attach-disk", on="nvme")


def test_a_disk_that_came_is_there_after_a_reboot_on_the_likeness_of_the_bus_too(lab: Lab) -> None:
    do(lab, "attach-disk", content="ext4")
    lab.guest.reboot()
    assert lab.guest.shell("blkid -o value -s TYPE /dev/sdc1").output == "ext4\n"
    assert "sdc" in lab.guest.shell("find /sys/bus/vmbus/devices/ -name sdc").output
    do(lab, "detach-disk")
    assert lab.guest.shell("ls /dev/sd*").output == ""
