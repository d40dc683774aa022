"""Parts of the virtual machine that need none: what it is made of, what is compared, what is said when something is missing."""

import os
from pathlib import Path

import pytest

from fabriclab.guests import adapter, assemble, qemu, vm_card, vm_disk, vm_image
from fabriclab.guests.adapter import VM, BadAdapter
from fabriclab.guests.machine import Machine, hyper_v_dmi
from fabriclab.guests.qemu import Hardware
from fabriclab.guests.root import RootUnavailable


def test_what_is_missing_is_named_by_its_packages(tmp_path: Path) -> None:
    with pytest.raises(RootUnavailable, match=r"Debian packages bring: e2fsprogs, qemu-system-x86, qemu-utils, zstd\."):
        vm_image.demand_tools(str(tmp_path))


def test_the_machine_says_azures_names_only_with_an_identity() -> None:
    plain, azure = " ".join(qemu.arguments(Hardware())), " ".join(qemu.arguments(Hardware(identity="A-1")))
    assert "smbios" not in plain
    assert "asset=7783-7084-3265-9085-8269-3286-77" in azure and "uuid=A-1" in azure


def test_the_processor_is_emulated_unless_asked_otherwise() -> None:
    assert "tcg,thread=multi,tb-size=256" in qemu.arguments(Hardware())
    assert "kvm" in qemu.arguments(Hardware(accelerator="kvm"))


def test_the_machine_is_of_the_look_that_a_scenario_asks_for() -> None:
    elsewhere = Hardware.of(Machine(dmi=hyper_v_dmi("99999999-8888-4777-8666-555555555555")), qemu.NVME)
    said = " ".join([*qemu.arguments(elsewhere), *qemu.disk(elsewhere, "/d")])
    assert "asset=0815-4711-1234-5678-9012-3456-78" in said and "7783-7084" not in said
    assert "nvme,serial=root" in said
    assert "smbios" not in " ".join(qemu.arguments(Hardware.of(Machine())))


def test_the_kernels_line_says_what_holds_the_agent_and_what_this_boot_adds() -> None:
    line = qemu.kernel_line(Hardware(words=("cloud-init=disabled",)), ("lab.gate",))
    assert line.endswith(" lab.generation=1 cloud-init=disabled lab.gate")


def test_the_second_card_has_a_name_and_an_address_and_asks_nobody(tmp_path: Path) -> None:
    vm_card.write(tmp_path, "10.78.0.4/24")
    name, network = ((tmp_path / "etc/systemd/network" / one).read_text() for one in ("05-second.link", "20-second.network"))
    assert "MACAddress=00:0d:3a:99:88:77" in name and "Name=eno1" in name
    assert "Address=10.78.0.4/24" in network and "DHCP" not in network


def test_a_disk_of_somebodys_own_has_its_own_kernel(tmp_path: Path) -> None:
    own = vm_image.Image(tmp_path, own=tmp_path / "my.qcow2")
    assert own.disk == tmp_path / "my.qcow2" and qemu.boot(own, "quiet") == []


def test_an_image_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadAdapter, match=r"my\.qcow2: there is no such disk image"):
        assemble.on_image(tmp_path / "my.qcow2")


def test_an_agent_that_is_part_of_a_boot_is_refused_in_any_other_guest() -> None:
    with pytest.raises(
        BadAdapter, match=r"cloud-init: this agent is part of a boot: it needs a virtual machine \(--guest vm\)"
    ):
        assemble.root_of(adapter.find("cloud-init"))


def test_an_agent_in_a_machine_has_what_it_needs_on_systemd_and_is_told_apart() -> None:
    found = assemble.on_vm(adapter.find("ours"), "trixie")
    assert (found.guest, found.suite, found.root) == (VM, "trixie", "debian")
    assert "systemd" in found.packages


def test_the_lab_lays_no_initial_file_system_of_the_root(tmp_path: Path) -> None:
    base, layer = tmp_path / "base", tmp_path / "layer"
    (base / "boot").mkdir(parents=True)
    layer.mkdir()
    vm_image.write_layer(layer, base)
    hands = (layer / "etc/systemd/system/lab-hands.service").read_text()
    assert r"dev-virtio\x2dports-lab.0.device" in hands and "lab.0 lab.shell" in hands
    assert (layer / "usr/lib/fabriclab/hands.py").read_text() == (vm_image.INSIDE / "hands.py").read_text()
    assert os.readlink(layer / "etc/systemd/system/apt-daily.timer") == "/dev/null"


def test_two_states_of_a_disk_are_compared_by_what_was_touched(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    for place in (before, after):
        (place / "etc/deep").mkdir(parents=True)
        (place / "etc/same").write_text("same")
        (place / "etc/other").write_text("1")
        (place / "etc/deep/gone").write_text("x")
    (before / "turns").write_text("a file")
    (after / "etc/other").write_text("2")
    (after / "etc/deep/gone").unlink()
    (after / "etc/deep").rmdir()
    (after / "turns").mkdir()
    (after / "turns/into").write_text("a directory")
    found = [(change.path, change.what) for change in vm_disk.compare(before, after)]
    assert found == [
        ("/etc/deep", "removed"),
        ("/etc/deep/gone", "removed"),
        ("/etc/other", "changed"),
        ("/turns", "changed"),
        ("/turns/into", "added"),
    ]
