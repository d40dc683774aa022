"""The temporary disk in the daemon: a lane of its own, who waits for it, and what the fabric is told."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from unit.resourcedisk.machines import Machine, ext4
from waagent.daemon.resource_disk import ResourceDisk
from waagent.guest.families.bsd import FREEBSD, OPENBSD
from waagent.guest.families.debian import DEBIAN
from waagent.guest.profile import Guest
from waagent.model.event import Operation


class Daemon:
    """Errands are done when the test says so."""

    def __init__(self, machine: Machine, guest: Guest = DEBIAN) -> None:
        agent: Any = SimpleNamespace(system=machine.system, config=machine.config, paths=machine.paths, guest=guest)
        self.queue: list[tuple[str, Callable[[], object]]] = []
        self.told: list[Operation] = []
        self.disk = ResourceDisk(agent, lambda lane, work: self.queue.append((lane, work)), self.told.append)

    def work(self) -> None:
        while self.queue:
            self.queue.pop(0)[1]()


def test_with_format_n_nothing_is_done_loaded_or_waited_for() -> None:
    daemon = Daemon(Machine(settings="ResourceDisk.Format=n\nResourceDisk.EnableSwap=y\n"))
    before = set(sys.modules)
    daemon.disk.begin()
    daemon.disk.wait()
    assert daemon.queue == [] and not {name for name in set(sys.modules) - before if "resourcedisk" in name}


def test_swap_space_that_is_wanted_without_the_disk_is_not_silently_left_out() -> None:
    machine = Machine(settings="ResourceDisk.Format=n\nResourceDisk.EnableSwap=y\n")
    Daemon(machine).disk.begin()
    assert machine.log.of("warning") == ["ResourceDisk.EnableSwap=y has no effect, since ResourceDisk.Format is n"]


LIGHT = """
import sys
from unit.daemon.test_resource_disk import Daemon, Machine
for name in [name for name in sys.modules if name.startswith("waagent.resourcedisk")]:
    del sys.modules[name]
daemon = Daemon(Machine())
daemon.disk.begin()
daemon.work()
print(*sorted(name.rpartition(".")[2] for name in sys.modules if name.startswith("waagent.resourcedisk.")))
"""


def test_a_vm_without_a_disk_loads_no_more_than_the_search_for_one() -> None:
    tests = Path(__file__).parents[2]
    environment = {"PYTHONPATH": f"{tests.parent / 'src'}:{tests}"}
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, env=environment, timeout=60)
    assert done.stdout.split() == ["nvme", "search", "vmbus"], done.stderr


def test_a_vm_without_a_disk_tells_the_fabric_nothing() -> None:
    daemon = Daemon(Machine())
    daemon.disk.begin()
    daemon.disk.begin()
    assert [lane for lane, _ in daemon.queue] == ["disk"]
    daemon.work()
    daemon.disk.wait()
    assert daemon.told == []


def test_a_disk_that_is_left_alone_for_its_data_is_told_to_the_fabric() -> None:
    machine = Machine(ext4(), "ResourceDisk.Filesystem=xfs\n")
    daemon = Daemon(machine)
    daemon.disk.begin()
    daemon.work()
    (event,) = daemon.told
    assert (event.operation, event.success) == ("ActivateResourceDisk", False)
    assert event.message.startswith("sdb: there is ext4 on /dev/sdb1")


def test_a_disk_above_the_mediums_mount_point_waits_until_the_medium_is_read() -> None:
    daemon = Daemon(Machine(ext4(), "ResourceDisk.MountPoint=/mnt\n"))
    daemon.disk.begin()
    assert daemon.queue == []
    daemon.disk.medium_read()
    daemon.disk.medium_read()
    assert [lane for lane, _ in daemon.queue] == ["disk"]


def test_a_medium_that_was_read_before_the_platform_was_known_holds_nobody_up() -> None:
    daemon = Daemon(Machine(ext4(), "ResourceDisk.MountPoint=/mnt\n"))
    daemon.disk.medium_read()
    assert daemon.queue == []
    daemon.disk.begin()
    assert [lane for lane, _ in daemon.queue] == ["disk"]


def test_swap_space_comes_after_those_who_wait_for_the_mount() -> None:
    machine = Machine(ext4(), "ResourceDisk.EnableSwap=y\nResourceDisk.SwapSizeMB=4\n")
    machine.commands.on("mount", ..., effect=lambda call: machine.mount("/dev/sdb1 /mnt/resource ext4 rw 0 0"))
    machine.commands.on("mkswap", ...).on("swapon", ...)
    daemon = Daemon(machine)
    daemon.disk.begin()
    daemon.queue.pop(0)[1]()
    daemon.disk.wait()
    assert [lane for lane, _ in daemon.queue] == ["disk"] and not machine.files.exists("/mnt/resource/swapfile")
    daemon.work()
    assert machine.files.exists("/mnt/resource/swapfile")
    assert "4 MB of swap space are in use on the temporary disk" in machine.log.of("info")


def test_swap_space_that_cannot_be_had_is_an_error_in_the_log_and_no_more() -> None:
    machine = Machine(settings="ResourceDisk.EnableSwap=y\n")
    daemon = Daemon(machine)
    daemon.disk.begin()
    daemon.work()
    assert machine.log.of("error") == ["no swap space was added: there is no temporary disk for the swap file"]
    assert daemon.told == []


def test_a_defect_lets_nobody_wait_and_is_told() -> None:
    machine = Machine(ext4())
    machine.files.names = lambda *given: 1 // 0  # type: ignore[method-assign, assignment, return-value]
    daemon = Daemon(machine)
    daemon.disk.begin()
    with pytest.raises(ZeroDivisionError):
        daemon.work()
    daemon.disk.wait()
    assert [event.operation for event in daemon.told] == ["ActivateResourceDisk"]


def test_the_wait_has_an_end() -> None:
    machine = Machine()
    daemon = Daemon(machine)
    daemon.disk.begin()
    machine.clock.pause = lambda seconds: machine.clock.advance(400.0) or True  # type: ignore[method-assign, func-returns-value]
    waiter = threading.Thread(target=daemon.disk.wait, daemon=True)
    waiter.start()
    waiter.join(20.0)
    assert not waiter.is_alive()
    assert "nothing waits longer" in machine.log.of("warning")[0]


def test_the_wait_ends_with_the_program() -> None:
    machine = Machine()
    daemon = Daemon(machine)
    daemon.disk.begin()
    machine.clock.ending = True
    daemon.disk.wait()


@pytest.mark.parametrize("guest", [FREEBSD, OPENBSD])
def test_other_kernels_have_tools_of_their_own(guest: Guest) -> None:
    machine = Machine(settings="ResourceDisk.Filesystem=ext4\n")
    daemon = Daemon(machine, guest)
    daemon.disk.begin()
    daemon.work()
    assert "can be had on this system" in daemon.told[0].message
