"""Finding the temporary disk, and no other (guest.md 4.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.fakes import MemoryFiles
from unit.resourcedisk.machines import BUS, DATA, GEN1, GEN2
from waagent.resourcedisk import nvme, vmbus


def device(files: MemoryFiles, number: int, identity: str, *below: str) -> MemoryFiles:
    files.put(f"{BUS}/vmbus_{number}/device_id", identity)
    for path in below:
        files.put(f"{BUS}/vmbus_{number}/{path}/size", "")
    return files


def scsi(name: str, lun: int = 0, host: int = 3) -> str:
    return f"host{host}/target{host}:0:0/{host}:0:0:{lun}/block/{name}"


def test_the_device_of_its_own_on_generation_1() -> None:
    files = device(MemoryFiles(), 1, f"{{{GEN1}}}\n", scsi("sdb"))
    device(files, 2, "{00000000-0000-8899-0000-000000000000}\n", scsi("sda"))
    assert vmbus.find(files) == vmbus.Found("sdb")


def test_the_disk_with_lun_1_on_generation_2() -> None:
    files = device(MemoryFiles(), 1, f"{{{GEN2}}}\n", scsi("sda", 0), scsi("sdc", 1), scsi("sr0", 2), scsi("sdd", 3))
    assert vmbus.find(files) == vmbus.Found("sdc")


def test_old_kernels_write_the_name_into_the_directorys() -> None:
    files = device(MemoryFiles(), 1, f"{{{GEN1}}}\n", "host3/target3:0:0/3:0:0:0/block:sdb")
    assert vmbus.find(files) == vmbus.Found("sdb")


def test_data_disks_are_never_found() -> None:
    files = MemoryFiles()
    for number, letter in enumerate("bcd"):
        device(files, number, f"{{f8b3781{letter}-1e82-4818-a1c3-63d806ec15bb}}\n", scsi(f"sd{letter}", 1), scsi("sdx", 0))
    assert vmbus.find(files) == vmbus.Found()


def test_a_vm_without_such_a_disk_is_no_failure() -> None:
    assert vmbus.find(MemoryFiles()) == vmbus.Found()
    assert vmbus.find(device(MemoryFiles(), 1, f"{{{GEN1}}}\n")) == vmbus.Found()


def test_two_that_look_like_it_are_none() -> None:
    files = device(device(MemoryFiles(), 1, f"{{{GEN1}}}", scsi("sdb")), 2, f"{{{GEN1}}}", scsi("sdc"))
    found = vmbus.find(files)
    assert (found.name, found.doubt) == ("", "sdb and sdc both look like it")


def test_generation_1s_own_device_counts_before_a_lun() -> None:
    files = device(device(MemoryFiles(), 1, f"{{{GEN2}}}", scsi("sdc", 1)), 2, f"{{{GEN1}}}", scsi("sdb"))
    assert vmbus.find(files).name == "sdb"


@pytest.mark.parametrize("link", vmbus.LINKS)
def test_a_link_of_udev_that_says_otherwise_makes_it_doubtful(link: str) -> None:
    files = device(MemoryFiles(), 1, f"{{{GEN1}}}", scsi("sdb"))
    assert vmbus.find(files.put_link(link, "../../sdb")).name == "sdb"
    found = vmbus.find(device(MemoryFiles(), 1, f"{{{GEN1}}}", scsi("sdb")).put_link(link, "../../sdc"))
    assert found.name == "" and link in found.doubt


def test_names_that_no_disk_has_are_passed_over() -> None:
    odd = [scsi(name) for name in ("sr0", "loop0", "s d b", "sdb1", "..b", "dm-0", "sdb;reboot")]
    assert vmbus.find(device(MemoryFiles(), 1, f"{{{GEN1}}}", *odd)) == vmbus.Found()


def test_links_below_a_device_are_not_followed() -> None:
    files = device(MemoryFiles(), 1, f"{{{GEN1}}}")
    files.put("/sys/other/block/sdc/size", "").put_link(f"{BUS}/vmbus_1/subsystem", "/sys/other")
    assert vmbus.find(files) == vmbus.Found()


def test_a_circle_of_directories_ends() -> None:
    files = device(MemoryFiles(), 1, f"{{{GEN1}}}", "/".join(["deep"] * 30 + ["block", "sdb"]))
    assert vmbus.find(files) == vmbus.Found()


@given(st.lists(st.tuples(st.sampled_from([GEN1, GEN2, DATA, "", "{", "nonsense"]), st.text(max_size=9), st.integers(0, 9))))
def test_what_is_found_hangs_where_a_temporary_disk_hangs(devices: list[tuple[str, str, int]]) -> None:
    files, allowed = MemoryFiles(), set()
    for number, (identity, name, lun) in enumerate(devices):
        if "/" in name or name in ("", ".", "..") or "\0" in name:
            name = "sdq"
        device(files, number, f"{{{identity}}}\n", scsi(name, lun))
        if identity == GEN1 or (identity == GEN2 and lun == 1):
            allowed.add(name)
    assert vmbus.find(files).name in {"", *allowed}


MODEL = "Microsoft NVMe Direct Disk v2          \n"


def test_local_nvme_disks_are_known_by_their_model_and_have_a_steady_order() -> None:
    files = MemoryFiles()
    for number, model, serial in (
        (0, "MSFT NVMe Accelerator v1.0\n", "x"),
        (1, MODEL, "b b"),
        (2, MODEL, "a"),
        (3, "Other", "c"),
    ):
        files.put(f"/sys/class/nvme/nvme{number}/model", model).put(f"/sys/class/nvme/nvme{number}/serial", serial)
        files.put(f"/sys/class/nvme/nvme{number}/nvme{number}n1/size", "").put(f"/sys/block/nvme{number}n1/size", "1")
    files.put("/sys/class/nvme/odd name/model", MODEL)
    assert nvme.find(files) == (nvme.Local("nvme2n1", "a"), nvme.Local("nvme1n1", "b-b"))
