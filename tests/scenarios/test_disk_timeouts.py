"""The timeouts of SCSI disks in a real guest: those that are there, one that is attached later, and none at all.

The guest's /sys is laid over the machine's own and cannot be written to, so that a made-up disk is a link from /sys/block to
files of the guest: what the agent writes shows in the guest's tree.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fabriclab.scenario.lab import Lab
from scenarios import labs

pytestmark = labs.in_a_guest

PLACE = "/srv/lab-scsi"
CONFIGURATION = """
starts_agent = false

[configuration]
"Provisioning.Enabled" = "n"
"ResourceDisk.Format" = "n"
"Logs.Verbose" = "y"
"OS.RootDeviceScsiTimeoutPeriod" = "{period}"
{more}
"""


@pytest.fixture
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    with labs.begun(labs.scenario_of(tmp_path, CONFIGURATION.format(**{"period": "300", "more": "", **request.param}))) as made:
        yield made


def attach(lab: Lab, name: str, timeout: str = "30") -> None:
    """A disk appears in the guest; the kernel's word of it is that of a loop device that comes and goes."""
    directory = f"{PLACE}/{name}/device"
    assert lab.guest.shell(f"mkdir -p {directory} && printf '{timeout}\\n' >{directory}/timeout").ok
    (lab.guest.files / "block" / name).symlink_to(f"{PLACE}/{name}")


def announce(lab: Lab) -> None:
    (lab.guest.files / "disks" / "announced").write_bytes(bytes(1 << 20))
    number = lab.guest.namespace.attach_disk("guest/disks/announced", True, scan_partitions=False)
    lab.guest.namespace.detach_disk(number)


def timeout(lab: Lab, name: str) -> str:
    return (lab.guest.read(f"{PLACE}/{name}/device/timeout") or b"").decode().strip()


def await_timeout(lab: Lab, name: str, wanted: str) -> None:
    assert labs.settled(lambda: timeout(lab, name), lambda seen: seen == wanted, labs.PATIENCE) == wanted, labs.log(lab)


@pytest.mark.parametrize("lab", [{}], indirect=True)
def test_every_scsi_disk_gets_the_default_and_one_that_is_attached_later_gets_it_at_once(lab: Lab) -> None:
    attach(lab, "sda")
    attach(lab, "sdb", "180")
    attach(lab, "nvme0n1")
    lab.service.start()
    for name in ("sda", "sdb"):
        await_timeout(lab, name, "300")
    attach(lab, "sdc")
    announce(lab)
    await_timeout(lab, "sdc", "300")  # the period is five minutes: only news of the kernel can have told
    assert timeout(lab, "nvme0n1") == "30"


@pytest.mark.parametrize("lab", [{"period": "1", "more": '"OS.RootDeviceScsiTimeout" = "120"'}], indirect=True)
def test_what_somebody_sets_back_is_set_again_with_the_period(lab: Lab) -> None:
    attach(lab, "sda")
    lab.service.start()
    await_timeout(lab, "sda", "120")
    assert lab.guest.shell(f"echo 30 >{PLACE}/sda/device/timeout").ok
    await_timeout(lab, "sda", "120")


@pytest.mark.parametrize("lab", [{"more": '"OS.RootDeviceScsiTimeout" = "None"'}], indirect=True)
def test_none_leaves_what_the_system_has(lab: Lab) -> None:
    attach(lab, "sda")
    lab.service.start()
    labs.await_log(lab, "OS.RootDeviceScsiTimeout is not set")
    labs.await_ready(lab)
    announce(lab)
    assert timeout(lab, "sda") == "30"


@pytest.mark.parametrize("lab", [{}], indirect=True)
def test_a_machine_without_scsi_disks_says_so_once_and_why_an_old_kernels_option_is_not_needed(lab: Lab) -> None:
    lab.service.start()
    labs.await_log(lab, "there is no SCSI disk here")
    labs.await_log(lab, "numa=off is not needed with the kernel")
    labs.await_ready(lab)
    announce(lab)
    assert labs.log(lab).count("there is no SCSI disk here") == 1
