from __future__ import annotations

from typing import Any

import pytest

from unit.fakes import FakeSockets, ListLog, MemoryFiles, system
from waagent.config.parse import parse
from waagent.config.paths import Paths
from waagent.daemon import kernel
from waagent.daemon.agent import Agent
from waagent.guest.profile import Guest
from waagent.report.telemetry import Machine


class Planner:
    """A scheduler that only takes note."""

    def __init__(self) -> None:
        self.duties: dict[str, float] = {}
        self.errands: list[Any] = []
        self.listens: list[str] = []

    def add(self, duty: Any) -> None:
        self.duties[duty.name] = duty.period()

    def errand(self, lane: str, work: Any) -> None:
        self.errands.append(work)

    def listen(self, watch: object, *names: str) -> bool:
        self.listens += names
        return True


def agent(text: str, files: MemoryFiles | None = None, log: ListLog | None = None) -> Agent:
    config, _ = parse(text)
    return Agent(
        system=system(files=files or MemoryFiles(), log=log or ListLog(), sockets=FakeSockets()),
        config=config,
        paths=Paths.of(config),
        guest=Guest(),
        machine=Machine("1", "Linux", 1024, 1, "x86_64"),
        process_id=1,
        random=bytes,
    )


def test_the_timeouts_are_kept_by_period_and_by_news_of_devices() -> None:
    planner = Planner()
    kernel.begin(agent("OS.RootDeviceScsiTimeoutPeriod=7\n"), planner)  # type: ignore[arg-type]
    assert planner.duties == {kernel.TIMEOUTS: 7.0}
    assert planner.listens == [kernel.TIMEOUTS]


@pytest.mark.parametrize("value", ["None", ""])
def test_no_timeout_means_no_duty(value: str) -> None:
    planner = Planner()
    kernel.begin(agent(f"OS.RootDeviceScsiTimeout={value}\n"), planner)  # type: ignore[arg-type]
    assert (planner.duties, planner.listens) == ({}, [])


def test_an_old_kernel_is_looked_at_beside_the_boot() -> None:
    planner, log = Planner(), ListLog()
    kernel.begin(agent("", MemoryFiles({"/proc/sys/kernel/osrelease": "6.1.0\n"}), log), planner)  # type: ignore[arg-type]
    assert log.lines == []
    for work in planner.errands:
        work()
    assert log.lines == [("verbose", "numa=off is not needed with the kernel 6.1.0")]
