"""The collector as the agent starts it, what its end means, and how the bundle is carried."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

import pytest

from unit.duties.machines import Grouped, configured
from unit.fakes import ScriptedCommands
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.duties.log_bundle import LogBundle, command
from waagent.model.event import Operation
from waagent.model.failure import HttpFailure

PATHS = Paths.of(Config())
PROGRAM = ("/usr/bin/python3", "/usr/sbin/waagent")
ENVIRONMENT = "_AZURE_GUEST_AGENT_LOG_COLLECTOR_MONITOR_CGROUPS_"


class Bench:
    def __init__(self, machine: Grouped | None = None) -> None:
        self.machine = machine or Grouped(0)
        self.machine.commands = ScriptedCommands()
        self.told: list[Operation] = []
        self.sent: list[tuple[bytes, int]] = []
        self.refuses = False
        self.duty = LogBundle(self.machine.system, Config(), PATHS, PROGRAM, self.upload, self.told.append)

    def upload(self, bundle: Callable[[], BinaryIO], size: int) -> None:
        if self.refuses:
            raise HttpFailure("refused", "nobody there")
        self.sent.append((bundle().read(), size))

    def ends(self, status: int, stderr: str = "") -> Bench:
        self.machine.commands.on("nice", ..., exit_code=status, stderr=stderr)
        return self


@pytest.mark.parametrize(("version", "memory"), [(1, []), (2, ["--property=MemoryHigh=170M"])])
def test_where_systemd_is_the_collector_gets_a_scope_of_the_contracts(version: int, memory: list[str]) -> None:
    environment, argv = command(Grouped(version).system, Config(), PROGRAM)
    assert environment == {ENVIRONMENT: "1"}
    assert argv == (
        "/usr/bin/systemd-run",
        "--unit=collect-logs.scope",
        "--slice=azure-walinuxagent-logcollector.slice",
        "--scope",
        "--property=CPUAccounting=yes",
        "--property=MemoryAccounting=yes",
        "--property=CPUQuota=5%",
        *memory,
        *PROGRAM,
        "-collect-logs",
    )


@pytest.mark.parametrize(
    ("machine", "config"),
    [
        (Grouped(0), Config()),
        (Grouped(2, "/user.slice/x.scope"), Config()),
        (Grouped(2), configured(enable_cgroup_v2_resource_limiting=False)),
    ],
)
def test_elsewhere_it_is_lowly(machine: Grouped, config: Config) -> None:
    environment, argv = command(machine.system, config, PROGRAM)
    assert environment == {ENVIRONMENT: "0"}
    assert argv == ("nice", "-n", "19", "ionice", "-c", "3", *PROGRAM, "-collect-logs")
    machine.commands = ScriptedCommands(installed=())
    assert command(machine.system, config, PROGRAM)[1] == (*PROGRAM, "-collect-logs")


def test_a_bundle_is_carried_as_it_is_and_told_of() -> None:
    bench = Bench().ends(0)
    bench.machine.files.put(f"{PATHS.log_collector}/logs.zip", b"PK bundle")
    bench.duty.run()
    assert bench.sent == [(b"PK bundle", 9)]
    assert [(each.operation, each.success) for each in bench.told] == [("LogCollection", True)]


@pytest.mark.parametrize("status", [2, 3])
def test_a_collector_that_gave_up_is_not_started_again(status: int) -> None:
    bench = Bench().ends(status)
    for _ in range(3):
        bench.duty.run()
    assert len(bench.machine.commands.calls) == 1 and bench.duty.ended
    assert [each.success for each in bench.told] == [False]


def test_a_collector_in_a_wrong_place_is_started_three_times() -> None:
    bench = Bench().ends(4)
    for _ in range(5):
        bench.duty.run()
    assert len(bench.machine.commands.calls) == 3 and bench.sent == []


def test_any_other_failure_is_told_and_tried_again_next_time() -> None:
    bench = Bench().ends(1, stderr="odd\nFailed to start\n")
    bench.duty.run()
    bench.duty.run()
    assert len(bench.machine.commands.calls) == 2 and not bench.duty.ended
    assert "status 1 Failed to start" in bench.told[0].message


def test_a_collector_that_does_not_end_is_killed_and_tried_again_next_time() -> None:
    bench = Bench()
    bench.machine.commands.on("nice", ..., timed_out=True)
    bench.duty.run()
    assert bench.machine.commands.calls[0].timeout == 3000.0 and not bench.duty.ended
    assert "did not end" in bench.told[0].message


def test_a_bundle_that_is_not_taken_is_a_failure_of_this_time_only() -> None:
    bench = Bench().ends(0)
    bench.machine.files.put(f"{PATHS.log_collector}/logs.zip", b"PK")
    bench.refuses = True
    with pytest.raises(HttpFailure):
        bench.duty.run()
    bench.refuses = False
    bench.duty.run()
    assert len(bench.sent) == 1
