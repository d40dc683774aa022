"""A disk of somebody's own boots with its own boot loader, and the lab says what it cannot judge there.

To see who has started whom, the disk is a boot sector that writes a line on the serial port. Then whole ones as image builders
make them, with boot loader, kernel and the agent's package (own_disks.py), go through a scenario of the library.
"""

from pathlib import Path

import pytest

from fabriclab.guests import assemble, vm_firmware
from fabriclab.guests.root import RootUnavailable
from fabriclab.journal.journal import Journal
from fabriclab.scenario import document
from fabriclab.scenario.execution import execute
from fabriclab.scenario.lab import opened
from fabriclab.scenario.runner import Runner
from scenarios import labs
from vm import own_disks, vm_labs

pytestmark = vm_labs.in_a_machine

LINE = b"own boot loader"
SCENARIO = """
[ovf]
hostname = "web-1"
username = "kofi"

[configuration]
"Logs.Verbose" = true

[[step]]
id = "inside"
do = "run"
command = "true"

[[expect]]
health = "Ready"
absent = true
within = 0.5

[[expect]]
file = "/etc/hostname"

[[expect]]
at = "inside"
health = "NotReady"
"""


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """xor ax,ax; mov ds,ax; mov si,text; then each byte to port 3F8, once 3FD says that it is free; hlt."""
    text = 0x40
    program = bytes.fromhex("31c08ed8be") + (0x7C00 + text).to_bytes(2, "little")
    program += bytes.fromhex("ac84c0741288c3bafd03eca82074fb88d8baf803eeebe9f4ebfd")
    sector = (program.ljust(text, b"\x90") + LINE + b"\0").ljust(510, b"\0") + b"\x55\xaa"
    path = tmp_path / "own.raw"
    path.write_bytes(sector.ljust(1 << 20, b"\0"))
    return path


def test_it_boots_by_itself_and_stays_as_it_is(disk: Path, tmp_path: Path) -> None:
    before = disk.read_bytes()
    with opened(labs.scenario_of(tmp_path, SCENARIO), assemble.on_image(disk), Journal()) as lab:
        guest = vm_labs.machine(lab)
        said = labs.settled(lambda: guest.console, lambda text: LINE.decode() in text, vm_labs.PATIENCE)
        assert LINE.decode() in said
    assert disk.read_bytes() == before


def test_what_concerns_its_inside_is_left_out_and_said(disk: Path, tmp_path: Path) -> None:
    journal = Journal()
    result = execute(
        labs.scenario_of(tmp_path, SCENARIO), assemble.on_image(disk), journal, lambda event: None, lambda text: None
    )
    assert [verdict.held for verdict in result.verdicts] == [True]
    said = [entry.summary.partition("own: ")[2] for entry in journal.entries() if "left out" in entry.summary]
    assert said == ["step inside", "/etc/hostname is there", "health report NotReady", "setting Logs.Verbose"]


@pytest.mark.parametrize("firmware", [vm_firmware.BIOS, vm_firmware.UEFI])
def test_a_whole_image_with_the_package_is_provisioned_and_runs_an_extension(
    package: Path, tmp_path: Path, firmware: str
) -> None:
    image = own_disks.make(package, tmp_path, firmware)
    found = vm_firmware.of_disk(image, "qcow2")
    assert found == firmware
    journal = Journal()
    with opened(document.find("first-boot"), assemble.on_image(image), journal) as lab:
        runner = Runner(lab, lambda text: None)
        runner.begin()
        runner.run()
        said = vm_labs.machine(lab).console
    assert [(verdict.text, verdict.detail) for verdict in runner.verdicts if not verdict.held] == [], said[-2000:]
    assert {"health report Ready", 'ssh log-in as maria by key, `id -un` prints "maria"'} <= {
        one.text for one in runner.verdicts
    }
    assert "Booting `Debian'" in said and "Linux version" in said


def test_a_disk_that_nothing_starts_is_refused_before_a_machine_is_made(tmp_path: Path) -> None:
    path = tmp_path / "data.raw"
    path.write_bytes(bytes(1 << 20))
    with pytest.raises(RootUnavailable, match="nothing starts it"):
        assemble.image_of(assemble.on_image(path))


def test_a_file_that_is_no_image_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "disk.vmdk"
    path.write_bytes(b'# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="monolithicFlat"\n')
    with pytest.raises(RootUnavailable, match=r"disk\.vmdk"):
        assemble.image_of(assemble.on_image(path))
