"""System Center's DVD: when it is looked for, what is started, what stays as it was (guest.md 6.8)."""

from __future__ import annotations

import pytest

from unit.fakes import FrozenClock, MemoryFiles, ScriptedCommands
from unit.fakes import system as fake_system
from waagent.config.parse import parse
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.guest.families.bsd import FREEBSD
from waagent.guest.platform import ASSET_TAG
from waagent.guest.profile import Guest
from waagent.scvmm import detect
from waagent.scvmm.run import Handover, hand_over

TARGET = "/mnt/cdrom/secure"
MOUNT = ("mount", "-o", "ro", "-t", "udf,iso9660,vfat")
MEDIUM = ("linuxosconfiguration.xml", "install")
HYPER_V = {"sys_vendor": "Microsoft Corporation\n", "product_name": "Virtual Machine\n", "chassis_asset_tag": "4711-0815\n"}
PATHS = Paths.of(Config())


class Machine:
    """A machine with drives; ``held`` is what each has at its root, None for no medium."""

    def __init__(self, tools: tuple[str, ...] = (), **held: tuple[str, ...] | None) -> None:
        self.files = MemoryFiles({"/proc/mounts": "", "/proc/sys/kernel/random/boot_id": "boot-1\n", "/run/.keep": ""})
        self.files.put("/var/run/.keep", "")
        self.commands = ScriptedCommands(["mount", "umount", *tools]).on_spawn("/bin/bash", ..., exit_code=None)
        self.commands.on("umount", TARGET, effect=lambda _: [self.files.remove(f"{TARGET}/{n}") for n in self._held()])
        for name, names in held.items():
            self.attach(name, names)
        self.clock = FrozenClock()
        self.system = fake_system(files=self.files, commands=self.commands, clock=self.clock)

    def _held(self) -> tuple[str, ...]:
        return self.files.names(TARGET)

    def attach(self, name: str, names: tuple[str, ...] | None) -> None:
        self.files.put_other(f"/dev/{name}")
        if names is None:
            self.commands.on(*MOUNT, f"/dev/{name}", TARGET, exit_code=32, stderr="no medium found")
        else:
            self.commands.on(
                *MOUNT, f"/dev/{name}", TARGET, effect=lambda _: [self.files.put(f"{TARGET}/{one}", "") for one in names]
            )

    def hand_over(self, guest: Guest = Guest()) -> Handover | None:  # noqa: B008
        return hand_over(self.system, guest, Config(), PATHS)

    def lines(self, program: str) -> list[tuple[str, ...]]:
        return [line for line in self.commands.lines if line[0] == program]


def wanted(line: str, **dmi: str) -> bool:
    files = MemoryFiles({f"/sys/class/dmi/id/{name}": text for name, text in (HYPER_V | dmi).items() if text})
    return detect.is_wanted(fake_system(files=files, commands=ScriptedCommands([])), parse(line)[0])


@pytest.mark.parametrize(
    ("line", "dmi", "looks"),
    [
        ("", {}, True),
        ("", {"chassis_asset_tag": f"{ASSET_TAG}\n"}, False),
        ("", {"chassis_asset_tag": ""}, False),
        ("", {"sys_vendor": "QEMU\n"}, False),
        ("", {"product_name": "Surface\n"}, False),
        ("DetectScvmmEnv=y\n", {"chassis_asset_tag": f"{ASSET_TAG}\n"}, True),
        ("DetectScvmmEnv=n\n", {}, False),
    ],
)
def test_without_a_line_only_hyper_v_outside_of_azure_is_looked_at(line: str, dmi: dict[str, str], looks: bool) -> None:
    assert wanted(line, **dmi) is looks


def test_the_installer_gets_one_argument_with_a_blank_and_is_not_waited_for() -> None:
    machine = Machine(sr0=MEDIUM)
    assert machine.hand_over() is Handover.DONE
    ((call, child),) = machine.commands.spawned
    assert call.argv == ("/bin/bash", f"{TARGET}/install", f"-p {TARGET}")
    assert child.poll() is None
    assert machine.clock.pauses == [300.0]


def test_the_medium_stays_mounted_and_others_do_not() -> None:
    machine = Machine(sr0=("ovf-env.xml",), sr1=MEDIUM, cdrom=None)
    machine.hand_over()
    assert [line[-2] for line in machine.lines("mount")] == ["/dev/sr0", "/dev/sr1"]
    assert len(machine.lines("umount")) == 1
    assert machine.files.exists(f"{TARGET}/install")


def test_a_machine_without_such_a_medium_is_ours() -> None:
    machine = Machine(sr0=("ovf-env.xml",), sr1=None)
    assert machine.hand_over() is None
    assert machine.commands.spawned == []
    assert machine.clock.pauses == []
    assert machine.files.names(TARGET) == ()


def test_each_drive_is_tried_once() -> None:
    machine = Machine(sr0=None, hdc=None)
    assert machine.hand_over() is None
    assert len(machine.lines("mount")) == 2


def test_a_medium_without_installer_is_none() -> None:
    machine = Machine(sr0=("linuxosconfiguration.xml",))
    assert machine.hand_over() is None
    assert len(machine.lines("umount")) == 1


def test_a_medium_that_is_mounted_elsewhere_is_worked_from_there() -> None:
    machine = Machine(sr0=None)
    machine.files.put("/proc/mounts", "/dev/sr0 /media/vmm udf ro 0 0\n")
    for name in MEDIUM:
        machine.files.put(f"/media/vmm/{name}", "")
    assert machine.hand_over() is Handover.DONE
    assert machine.commands.spawned[0][0].argv == ("/bin/bash", "/media/vmm/install", "-p /media/vmm")
    assert machine.lines("mount") == []


def test_an_agent_that_is_started_again_in_the_same_boot_starts_nothing_twice() -> None:
    machine = Machine(sr0=MEDIUM)
    machine.hand_over()
    assert machine.hand_over() is Handover.BEFORE
    assert len(machine.commands.spawned) == 1
    machine.files.put("/proc/sys/kernel/random/boot_id", "boot-2\n")
    assert machine.hand_over() is Handover.DONE
    assert len(machine.commands.spawned) == 2


def test_the_driver_of_old_machines_is_loaded_where_there_is_no_drive_at_all() -> None:
    machine = Machine(tools=("modprobe",))
    machine.commands.on("modprobe", "-b", "ata_piix", effect=lambda _: machine.attach("sr0", MEDIUM))
    assert machine.hand_over() is Handover.DONE


def test_a_driver_that_brings_no_drive_is_waited_for_three_seconds() -> None:
    machine = Machine(tools=("modprobe",))
    machine.commands.on("modprobe", "-b", "ata_piix")
    assert machine.hand_over() is None
    assert sum(machine.clock.pauses) == pytest.approx(3.0)


def test_freebsd_mounts_one_type_after_the_other() -> None:
    machine = Machine()
    machine.files.put_other("/dev/cd0")
    machine.commands.on("mount", "-t", "udf", "-o", "ro", "/dev/cd0", TARGET, exit_code=1)
    machine.commands.on(
        *("mount", "-t", "cd9660", "-o", "ro", "/dev/cd0", TARGET),
        effect=lambda _: [machine.files.put(f"{TARGET}/{name}", "") for name in MEDIUM],
    )
    assert machine.hand_over(FREEBSD) is Handover.DONE


def test_what_was_started_is_not_taken_back_by_a_note_that_cannot_be_written() -> None:
    machine = Machine(sr0=MEDIUM)
    machine.files.put_directory("/var/run/waagent.scvmm")
    assert machine.hand_over() is Handover.DONE
