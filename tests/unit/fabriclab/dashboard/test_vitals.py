"""What the agent costs, as a virtual machine tells it."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from fabriclab.dashboard.inside import Inside, parse
from fabriclab.dashboard.vitals import Vitals
from fabriclab.guests.process import GuestTimeout
from fabriclab.journal.journal import Journal
from fabriclab.scenario.footprint import Footprint
from fabriclab.scenario.lab import Lab

STAT = "612 (python3 (agent)) S 1 612 612 0 -1 4194560 9000 800 3 0 150 50 20 30 20 0 4 0 900 1 1"
TOLD = f"Pss:               20480 kB\n{STAT}\n100\n"


class Machine:
    """A guest that tells what it is given, or does not answer."""

    is_enterable = True

    def __init__(self, *answers: str | None) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def shell(self, text: str, timeout: float) -> Any:
        self.asked.append(text)
        answer = self.answers.pop(0)
        if answer is None:
            raise GuestTimeout("no answer")
        return SimpleNamespace(output=answer)


def lab(machine: Machine) -> Lab:
    return cast(
        Lab,
        SimpleNamespace(
            guest=machine, adapter=SimpleNamespace(guest="vm"), service=SimpleNamespace(number=612), journal=Journal()
        ),
    )


def test_memory_and_time_come_from_the_machines_own_proc() -> None:
    machine = Machine(TOLD)
    inside = Inside(lab(machine), lambda: False)
    inside.ask(612)
    assert inside.latest is not None and inside.latest[1] == Footprint(1, 20 << 20, 2.5)
    assert "/proc/612" in machine.asked[0]


@pytest.mark.parametrize("text", ["", "Pss: x kB\n1\n100\n", "grep: no such file\n", f"Pss: 1 kB\n{STAT}\n0\n", "Pss:\n\n\n"])
def test_what_is_no_answer_is_none(text: str) -> None:
    assert parse(text) is None


def test_a_machine_that_does_not_answer_is_not_measured_and_not_waited_for_again_at_once() -> None:
    inside = Inside(lab(Machine(None, "nonsense")), lambda: False)
    inside.ask(612)
    inside.ask(612)
    assert inside.latest is None


def test_without_an_agent_nothing_is_measured() -> None:
    quiet = lab(Machine())
    quiet.service = cast(Any, SimpleNamespace(number=None))
    vitals = Vitals(quiet, lambda: 7)
    sample = vitals.take()
    assert (sample.memory, sample.cpu, sample.requests) == (None, None, 0)
