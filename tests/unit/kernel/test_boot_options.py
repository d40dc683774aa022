"""The serial console and numa=off on machines of every family; golden plans are below tests/golden/serialconsole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from unit.kernel.boot_machines import AZURE, DEBIAN, FAMILIES, RHEL, UNKNOWN, BootMachine, entry, os_release
from waagent.guest import bootloader
from waagent.kernel.numa import spare_old_kernel
from waagent.kernel.purpose import NUMA, serial_console
from waagent.kernel.run import prepare
from waagent.model.failure import CommandFailure, SystemFailure
from waagent.system.action import Action, Remove, Run, WriteFile
from waagent.system.apply import apply

SERIAL = serial_console("x86_64")
WORDS = ["console=ttyS0", "earlyprintk=ttyS0"]


def do(machine: BootMachine, undo: bool = False) -> int:
    return len(apply(machine.system, prepare(machine.system, machine.guest, SERIAL, undo=undo)))


def shown(action: Action) -> dict[str, Any]:
    if isinstance(action, WriteFile):
        assert isinstance(action.content, bytes)
        mode = {} if action.mode is None else {"mode": f"{action.mode:04o}"}
        return {"write": action.path, "lines": action.content.decode().splitlines(), **mode}
    if isinstance(action, Run):
        return {"run": list(action.argv)}
    assert isinstance(action, Remove)
    return {"remove": action.path}


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_the_plan_of_every_family_is_the_reviewed_one(name: str, golden: Callable[[str, Any], None]) -> None:
    machine = BootMachine(FAMILIES[name])
    plan = prepare(machine.system, machine.guest, SERIAL)
    apply(machine.system, plan)
    back = prepare(machine.system, machine.guest, SERIAL, undo=True)
    value = {"family": machine.guest.family, "do": [shown(each) for each in plan], "undo": [shown(each) for each in back]}
    golden(f"serialconsole/{name}", value)


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_done_and_taken_back_every_byte_is_as_it_was(name: str) -> None:
    machine = BootMachine(FAMILIES[name])
    before = machine.state()
    do(machine)
    do(machine, undo=True)
    assert machine.state() == before
    assert do(machine, undo=True) == 0


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_done_twice_is_done_once(name: str) -> None:
    machine = BootMachine(FAMILIES[name])
    do(machine)
    once = machine.state()
    assert do(machine) == 0
    assert machine.state() == once


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("name", sorted(FAMILIES))
@pytest.mark.parametrize("undo", [False, True])
def test_cut_short_anywhere_and_called_again_it_ends_the_same(name: str, undo: bool) -> None:
    machine = BootMachine(FAMILIES[name])
    if undo:
        do(machine)
    total = len(prepare(machine.system, machine.guest, SERIAL, undo=undo))
    expected = BootMachine(FAMILIES[name])
    do(expected)
    if undo:
        do(expected, undo=True)
    for stop in range(1, total + 1):
        machine = BootMachine(FAMILIES[name])
        if undo:
            do(machine)

        def kill(number: int, action: Action, now: str, stop: int = stop) -> None:
            if (number, now) == (stop, "finished"):
                raise Killed

        with pytest.raises(Killed):
            apply(machine.system, prepare(machine.system, machine.guest, SERIAL, undo=undo), kill)
        do(machine, undo=undo)
        assert machine.state() == expected.state(), f"killed after step {stop}"
        assert machine.files.tree() == expected.files.tree(), f"killed after step {stop}: grub.cfg is stale"


@pytest.mark.parametrize("name", sorted(UNKNOWN))
def test_where_no_boot_loader_is_known_it_fails_and_touches_nothing(name: str) -> None:
    machine = BootMachine(UNKNOWN[name])
    before = machine.files.tree()
    with pytest.raises(SystemFailure, match="no boot loader is known") as failed:
        do(machine)
    assert failed.value.hint
    assert machine.files.tree() == before


def test_an_image_for_azure_has_everything_already() -> None:
    machine = BootMachine(FAMILIES["debian-azure"])
    assert prepare(machine.system, machine.guest, SERIAL) == ()
    assert bootloader.words_of((AZURE,), ("GRUB_CMDLINE_LINUX",))[1] == "console=ttyS0,115200"


def test_what_somebody_added_since_stays_when_ours_is_taken_back() -> None:
    machine = BootMachine(FAMILIES["debian"])
    do(machine)
    text = machine.files.text("/etc/default/grub")
    machine.files.put("/etc/default/grub", text.replace("quiet", "quiet nosmt") + "GRUB_TERMINAL=serial\n")
    do(machine, undo=True)
    assert machine.files.text("/etc/default/grub") == DEBIAN.replace("quiet", "quiet nosmt") + "GRUB_TERMINAL=serial\n"
    assert "waagent" not in str(machine.files.tree())


def test_options_that_were_there_before_are_not_taken_back() -> None:
    given = {
        **FAMILIES["debian"],
        "files": FAMILIES["debian"]["files"] | {"/etc/default/grub": DEBIAN.replace("quiet", WORDS[0])},
    }
    machine = BootMachine(given)
    do(machine)
    text = machine.files.text("/etc/default/grub")
    assert f'"{WORDS[0]} {WORDS[1]}"' in text
    machine.files.put("/etc/default/grub", text + "# a note\n")
    do(machine, undo=True)
    assert machine.files.text("/etc/default/grub") == DEBIAN.replace("quiet", WORDS[0]) + "# a note\n"


def test_a_menu_that_was_edited_since_loses_only_what_was_added() -> None:
    machine = BootMachine(FAMILIES["suse11"])
    do(machine)
    text = machine.files.text("/boot/grub/menu.lst")
    machine.files.put("/boot/grub/menu.lst", text.replace("silent", "verbose"))
    do(machine, undo=True)
    assert "splash=verbose" in machine.files.text("/boot/grub/menu.lst")
    assert "ttyS0" not in machine.files.text("/boot/grub/menu.lst")


def test_a_loader_conf_that_was_edited_since_gets_its_old_values_back() -> None:
    machine = BootMachine(FAMILIES["freebsd"])
    do(machine)
    machine.files.put("/boot/loader.conf", machine.files.text("/boot/loader.conf") + 'kern.hz="100"\n')
    do(machine, undo=True)
    before = FAMILIES["freebsd"]["files"]["/boot/loader.conf"]
    assert machine.files.text("/boot/loader.conf") == before + 'kern.hz="100"\n'


def test_a_kernel_that_was_installed_since_loses_the_options_too() -> None:
    machine = BootMachine(FAMILIES["rhel9"])
    do(machine)
    machine.files.put(*entry("newer", "ro quiet console=ttyS0 earlyprintk=ttyS0").popitem())
    do(machine, undo=True)
    assert machine.options("newer") == "ro quiet"


def test_entries_that_differ_are_each_given_what_they_lack_and_no_console_is_lost() -> None:
    machine = BootMachine(FAMILIES["rhel9-mixed"])
    do(machine)
    assert machine.options("new") == "ro root=/dev/sda2 quiet console=ttyS0 earlyprintk=ttyS0"
    assert machine.options("told") == "ro root=/dev/sda2 console=tty0 console=ttyS0,115200n8 earlyprintk=ttyS0"
    assert machine.options("screen") == "ro root=/dev/sda2 console=tty0 quiet console=ttyS0 earlyprintk=ttyS0"
    assert machine.options("done") == "ro console=ttyS0 earlyprintk=ttyS0"
    assert machine.files.text("/etc/default/grub") == AZURE


def test_a_console_in_grubenv_stays_and_the_entry_has_ours_beside_it() -> None:
    machine = BootMachine(FAMILIES["rhel8-console"])
    do(machine)
    assert machine.options("4.18.0-553.el8.x86_64") == "$kernelopts console=ttyS0 earlyprintk=ttyS0"
    assert "console=tty0 quiet" in machine.files.text("/boot/grub2/grubenv")


def test_kernels_to_come_have_the_options_too() -> None:
    machine = BootMachine(FAMILIES["rhel9"])
    do(machine)
    line = "root=/dev/mapper/rhel-root ro rhgb quiet console=ttyS0 earlyprintk=ttyS0\n"
    assert machine.files.text("/etc/kernel/cmdline") == line


def test_an_entry_that_was_edited_since_loses_only_what_was_added() -> None:
    machine = BootMachine(FAMILIES["rhel9"])
    do(machine)
    path = "/boot/loader/entries/0123-5.14.0-362.el9.x86_64.conf"
    machine.files.put(path, machine.files.text(path).replace("quiet", "nosmt"))
    do(machine, undo=True)
    assert machine.options("5.14.0-362.el9.x86_64") == "root=/dev/mapper/rhel-root ro rhgb nosmt"


def test_a_former_file_keeps_its_mode_and_the_copy_has_it_too() -> None:
    machine = BootMachine(FAMILIES["rhel6"])
    machine.files.set_mode("/boot/grub/grub.conf", 0o600)
    do(machine)
    for path in ("/boot/grub/grub.conf", "/boot/grub/grub.conf.waagent-serialconsole"):
        facts = machine.files.facts(path)
        assert facts is not None and facts.mode == 0o600


def test_a_grub_cfg_that_cannot_be_made_is_a_failure_and_the_next_call_makes_it() -> None:
    machine = BootMachine(FAMILIES["debian"])
    machine.commands._outcomes.clear()
    machine.commands.on("update-grub", exit_code=1, stderr="no space\n")
    with pytest.raises(CommandFailure):
        do(machine)
    again = prepare(machine.system, machine.guest, SERIAL)
    assert [shown(each) for each in again] == [{"run": ["update-grub"]}]


def test_on_arm_the_first_serial_port_has_its_own_name() -> None:
    assert serial_console("aarch64").options == ("console=ttyAMA0",)


# numa=off


def old(release: str, command_line: str = "ro quiet\n", name: str = "rhel6") -> BootMachine:
    files = {"/proc/sys/kernel/osrelease": f"{release}\n", "/proc/cmdline": command_line}
    machine = BootMachine(FAMILIES[name], files)
    spare_old_kernel(machine.system, machine.guest)
    return machine


@pytest.mark.parametrize("release", ["2.6.32-504.el6.x86_64", "2.6.36.4", "2.6.5", "2.4.37", "2.6"])
def test_a_kernel_below_2_6_37_is_given_numa_off_once(release: str) -> None:
    machine = old(release)
    assert machine.files.text("/boot/grub/grub.conf").count("numa=off") == 2
    assert len(machine.log.of("info")) >= 1
    before = machine.files.tree()
    spare_old_kernel(machine.system, machine.guest)
    assert machine.files.tree() == before


@pytest.mark.parametrize("release", ["2.6.37", "2.6.38-8-generic", "3.10.0-1160.el7", "6.18.44", "10.0", "unknown", ""])
def test_a_newer_kernel_is_never_touched_and_only_the_verbose_log_says_why(release: str) -> None:
    machine = old(release)
    assert machine.files.changes == []
    assert {level for level, _ in machine.log.lines} == {"verbose"}


def test_whoever_takes_numa_off_out_again_or_sets_numa_is_not_overruled() -> None:
    machine = old("2.6.32")
    machine.files.put("/boot/grub/grub.conf", machine.files.text("/boot/grub/grub.conf").replace(" numa=off", ""))
    before = machine.files.tree()
    spare_old_kernel(machine.system, machine.guest)
    assert machine.files.tree() == before
    assert old("2.6.32", "ro numa=fake=2\n").files.changes == []


def test_without_a_known_boot_loader_an_old_kernel_is_a_warning() -> None:
    machine = BootMachine({"files": os_release("debian", "7")}, {"/proc/sys/kernel/osrelease": "2.6.32\n"})
    spare_old_kernel(machine.system, machine.guest)
    assert len(machine.log.of("warning")) == 1


def test_both_purposes_can_be_given_and_one_taken_back() -> None:
    machine = old("2.6.32", name="rhel7")
    do(machine)
    do(machine, undo=True)
    text = machine.files.text("/etc/default/grub")
    assert text == RHEL.format(bls="false").replace("quiet", "quiet numa=off")
    apply(machine.system, prepare(machine.system, machine.guest, NUMA, undo=True))
    assert machine.files.text("/etc/default/grub") == RHEL.format(bls="false")
