"""When the collector gives up, in a control group of either version and without one."""

from __future__ import annotations

import pytest

from unit.duties.machines import Grouped
from waagent.bundle.restraint import GaveUp, Restraint, confined
from waagent.guest import cgroups

MIB = 1024 * 1024
OWN = f"/azure.slice/azure-walinuxagent.slice/{cgroups.COLLECTOR}/collect-logs.scope"


def status(machine: Grouped, **used: int) -> int | None:
    """What the collector exits with when it has used this much; None: it goes on."""
    machine.used(**used)
    watched = Restraint(machine.system, confined(machine.files), lambda: True)
    try:
        watched.check()
    except GaveUp as reason:
        return reason.status
    return None


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("used", "exits"),
    [
        ({"anonymous": 24 * MIB, "cache": 150 * MIB}, None),
        ({"anonymous": 25 * MIB}, 3),
        ({"cache": 156 * MIB}, 3),
    ],
)
def test_too_much_of_its_group_ends_it(version: int, used: dict[str, int], exits: int | None) -> None:
    assert status(Grouped(version, OWN), **used) == exits


def test_being_slowed_down_for_its_memory_ends_it() -> None:
    assert status(Grouped(2, OWN), reclaims=10) is None
    assert status(Grouped(2, OWN), reclaims=11) == 3


def test_it_looks_every_two_seconds_and_not_more_often() -> None:
    machine = Grouped(2, OWN)
    watched = Restraint(machine.system, confined(machine.files), lambda: True)
    watched.check()
    machine.used(anonymous=99 * MIB)
    machine.clock.advance(1.9)
    watched.check()
    machine.clock.advance(0.2)
    with pytest.raises(GaveUp):
        watched.check()


def test_a_person_is_not_restrained() -> None:
    machine = Grouped(2, OWN)
    machine.used(anonymous=99 * MIB)
    Restraint(machine.system, None, lambda: False, watched=False).check()


@pytest.mark.parametrize("version", [0, 1, 2])
def test_another_group_is_the_wrong_place(version: int) -> None:
    with pytest.raises(GaveUp) as caught:
        confined(Grouped(version).files)
    assert caught.value.status == 4


def test_a_group_that_does_not_count_is_no_limit() -> None:
    machine = Grouped(2, OWN)
    machine.files.put(f"{machine.cpu}/cgroup.controllers", "memory\n")
    with pytest.raises(GaveUp) as caught:
        confined(machine.files)
    assert caught.value.status == 2
    assert "cpu" in str(caught.value)
