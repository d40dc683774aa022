"""What the tests in virtual machines share: when they can run, a lab in one, and waits as long as such a machine needs."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fabriclab.guests import adapter, assemble, vm_image
from fabriclab.guests.adapter import Adapter
from fabriclab.guests.root import RootUnavailable
from fabriclab.guests.vm import VmGuest
from fabriclab.journal.entry import Entry
from fabriclab.journal.journal import Journal
from fabriclab.scenario.lab import Lab, opened
from fabriclab.scenario.runner import Runner
from scenarios import labs

PATIENCE = 600.0  # of a machine whose processor is emulated, on a computer that is busy


def _lacking() -> str:
    try:
        vm_image.demand_tools()
    except RootUnavailable as problem:
        return f"{problem} (make setup-vm)"
    return ""


in_a_machine = [
    pytest.mark.vm,
    pytest.mark.slow,
    pytest.mark.guest,
    pytest.mark.registry,
    pytest.mark.timeout(1800),
    pytest.mark.xdist_group("vm"),
    pytest.mark.skipif(os.geteuid() != 0, reason="a virtual machine's disk is looked at by root"),
    pytest.mark.skipif(bool(_lacking()), reason=_lacking() or "-"),
]


def adapter_of(found: Adapter | None = None, suite: str | None = None) -> Adapter:
    """The agent for a virtual machine, whose image is made now."""
    used = assemble.on_vm(found or adapter.find("ours"), suite)
    try:
        assemble.image_of(used)
    except RootUnavailable as problem:
        pytest.skip(f"no image of a virtual machine: {problem}")
    return used


@contextmanager
def begun(place: Path, scenario: str, used: Adapter | None = None) -> Iterator[Lab]:
    """An open lab in which what is due before the agent's start is done."""
    with opened(labs.scenario_of(place, scenario), used or adapter_of(), Journal()) as lab:
        Runner(lab, lambda text: None).begin()
        yield lab


def machine(lab: Lab) -> VmGuest:
    assert isinstance(lab.guest, VmGuest)
    return lab.guest


def do(lab: Lab, command: str) -> str:
    done = lab.guest.shell(command)
    assert done.ok, f"{command}: status {done.status}: {done.output}{done.errors}"
    return done.output


def await_entry(lab: Lab, fits: Callable[[Entry], bool], what: str, after: int = 0) -> Entry:
    return labs.await_entry(lab, fits, what, after, PATIENCE)


def settled(lab: Lab, command: str, wanted: str) -> None:
    """Waits for a command of the guest to print this; it is asked again and again, for nobody tells."""
    seen = labs.settled(lambda: lab.guest.shell(command).output.strip(), lambda text: text == wanted, PATIENCE)
    assert seen == wanted, f"{command}\n{labs.log(lab)}"
