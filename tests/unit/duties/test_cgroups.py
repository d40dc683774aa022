"""The agent's own control group: when it is limited, when that is given up, and what is measured."""

from __future__ import annotations

import pytest

from unit.duties.machines import AGENT, ROOT, UNIT, Grouped, configured
from unit.fakes import ScriptedCommands
from waagent.config.sections import Config
from waagent.duties.cgroups import AgentGroup, Metric
from waagent.model.event import Operation


class Watched:
    """A group with what it told and measured."""

    def __init__(self, machine: Grouped, config: Config | None = None) -> None:
        self.machine = machine
        self.told: list[Operation] = []
        self.measured: list[tuple[Metric, ...]] = []
        self.restarts = 0
        self.settled = True
        self.group = AgentGroup(
            machine.system,
            config or Config(),
            AGENT,
            self.told.append,
            self.measured.append,
            self.restart,
            lambda: self.settled,
        )

    def restart(self) -> None:
        self.restarts += 1

    def later(self, seconds: float = 300.0) -> None:
        self.machine.clock.advance(seconds)
        self.group.check()

    @property
    def figures(self) -> dict[tuple[str, str], float]:
        return {(each.instance, each.counter): each.value for each in self.measured[-1]}


SHARE = f"{UNIT} CPUAccounting=yes CPUQuota=50% MemoryAccounting=yes"
BOTH = pytest.mark.parametrize("version", [1, 2])


@BOTH
def test_the_agent_gets_half_a_cpu_for_the_running_system_only(version: int) -> None:
    machine = Grouped(version)
    assert Watched(machine).group.begin()
    assert machine.asked == [SHARE]
    assert machine.commands.lines[0][:3] == ("systemctl", "set-property", "--runtime")
    assert not [line for line in machine.commands.lines if "daemon-reload" in line]


def test_the_share_is_the_settings() -> None:
    machine = Grouped(2, "/azure.slice/waagent.service")
    assert Watched(machine, configured(agent_cpu_quota=20)).group.begin()
    assert machine.asked == ["waagent.service CPUAccounting=yes CPUQuota=20% MemoryAccounting=yes"]


@pytest.mark.parametrize(
    ("machine", "why"),
    [
        (Grouped(0), "systemd does not run here"),
        (Grouped(2, "/user.slice/user-0.slice/session-1.scope"), "not as a service of its own"),
        (Grouped(1, "/"), "not as a service of its own"),
    ],
)
def test_elsewhere_it_is_said_once_and_nothing_is_done(machine: Grouped, why: str) -> None:
    watched = Watched(machine)
    assert not watched.group.begin()
    watched.later()
    assert (machine.asked, watched.measured) == ([], [])
    assert [line for line in machine.log.lines if why in str(line)] and len(machine.log.lines) == 1


def test_a_machine_with_both_versions_half_and_half_is_not_for_us() -> None:
    machine = Grouped(1)
    machine.files.put(f"{ROOT}/unified/cgroup.controllers", "memory\n")
    assert not Watched(machine).group.begin()
    machine.files.put(f"{ROOT}/unified/cgroup.controllers", "\n")
    assert Watched(machine).group.begin()


def test_version_two_can_be_watched_only() -> None:
    machine = Grouped(2)
    watched = Watched(machine, configured(enable_cgroup_v2_resource_limiting=False))
    assert watched.group.begin()
    assert machine.asked == []
    watched.later()
    assert ("walinuxagent.service", "% Processor Time") in watched.figures


def test_a_machine_without_the_controller_is_watched_only() -> None:
    machine = Grouped(2)
    machine.files.put(f"{ROOT}/cgroup.controllers", "memory pids\n")
    assert Watched(machine).group.begin()
    assert machine.asked == []


@BOTH
def test_where_something_else_runs_beside_the_agent_it_gets_no_limit(version: int) -> None:
    machine = Grouped(version)
    machine.runs(AGENT, 200)
    machine.process(200, 1)
    assert Watched(machine).group.begin()
    assert machine.asked == []
    assert "200 (sleep)" in str(machine.log.lines)


@BOTH
def test_a_stranger_that_stays_ends_the_limit_and_one_that_passes_does_not(version: int) -> None:
    machine = Grouped(version)
    watched = Watched(machine)
    watched.group.begin()
    machine.process(200, 1)
    machine.runs(AGENT, 200)
    watched.later()
    machine.process(300, 1)
    machine.runs(AGENT, 300)
    watched.later()
    assert machine.asked == [SHARE]
    watched.later()
    assert machine.asked == [SHARE, f"{UNIT} CPUQuota="]
    watched.later()
    assert len(machine.asked) == 2 and [each.operation for each in watched.told] == ["CGroupsDisabled"]
    assert "300 (sleep)" in watched.told[0].message


def test_descendants_zombies_and_what_has_ended_are_no_strangers() -> None:
    machine = Grouped(2)
    watched = Watched(machine)
    watched.group.begin()
    machine.process(200, AGENT)
    machine.process(201, 200)
    machine.process(202, 1, state="Z")
    machine.runs(AGENT, 200, 201, 202, 203)
    for _ in range(3):
        watched.later()
    assert machine.asked == [SHARE]


def test_the_setting_keeps_the_limit_in_spite_of_strangers() -> None:
    machine = Grouped(2)
    watched = Watched(machine, configured(cgroup_disable_on_process_check_failure=False))
    watched.group.begin()
    machine.process(200, 1)
    machine.runs(AGENT, 200)
    for _ in range(3):
        watched.later()
    assert machine.asked == [SHARE]


@BOTH
def test_an_agent_that_is_held_up_too_long_loses_its_limit(version: int) -> None:
    machine = Grouped(version)
    watched = Watched(machine)
    watched.group.begin()
    machine.used(throttled=100.0)
    watched.later()
    assert machine.asked == [SHARE]
    machine.used(throttled=221.0)
    watched.later()
    assert machine.asked == [SHARE, f"{UNIT} CPUQuota="]
    assert "held up for 121 of 300 s" in watched.told[0].message


def test_the_setting_keeps_the_limit_in_spite_of_being_held_up() -> None:
    machine = Grouped(2)
    watched = Watched(machine, configured(cgroup_disable_on_quota_check_failure=False))
    watched.group.begin()
    machine.used(throttled=250.0)
    watched.later()
    assert machine.asked == [SHARE]


@BOTH
def test_what_the_agent_used_is_measured(version: int) -> None:
    machine = Grouped(version)
    machine.used(cpu=10.0, throttled=1.0)
    watched = Watched(machine)
    watched.group.begin()
    machine.used(cpu=13.0, throttled=2.5, anonymous=20, cache=4, reclaims=3)
    watched.later()
    me = "walinuxagent.service"
    wanted = {
        (me, "% Processor Time"): 1.0,
        (me, "Throttled Time (s)"): 1.5,
        (me, "Total Memory Usage (B)"): 24.0,
        (me, "Anon Memory Usage (B)"): 20.0,
        (me, "Cache Memory Usage (B)"): 4.0,
    }
    more = {(me, "Total Memory Throttled Events"): 3.0} if version == 2 else {}
    assert watched.figures == {**wanted, **more}
    watched.later(3400.0)
    assert watched.figures[me, "Max Memory Usage (B)"] == 99.0
    assert watched.figures[me, "Swap Memory Usage (B)"] == 7.0
    watched.later()
    assert (me, "Max Memory Usage (B)") not in watched.figures


def test_slices_of_extensions_are_measured_while_something_runs_in_them() -> None:
    machine = Grouped(2)
    place = f"{ROOT}/azure.slice/azure-vmextensions.slice"
    machine.files.put(f"{place}/cgroup.procs")
    for name, inside in (("A.B", "enable_1.scope"), ("C.D", "")):
        slice_ = f"{place}/azure-vmextensions-{name}.slice"
        machine.files.put(f"{slice_}/cgroup.procs")
        machine.files.put(f"{slice_}/cgroup.controllers", "cpu memory\n")
        machine.files.put(f"{slice_}/memory.stat", "anon 5\nfile 6\n")
        if inside:
            machine.files.put(f"{slice_}/{inside}/cgroup.procs")
    watched = Watched(machine)
    watched.group.begin()
    watched.later()
    assert watched.figures["A.B", "Total Memory Usage (B)"] == 11.0
    assert not [instance for instance, _ in watched.figures if instance == "C.D"]


def test_figures_are_logged_only_when_asked_for() -> None:
    for wanted in (False, True):
        machine = Grouped(2)
        watched = Watched(machine, configured(cgroup_log_metrics=wanted))
        watched.group.begin()
        watched.later()
        assert bool([line for line in machine.log.lines if "Anon Memory" in str(line)]) is wanted


def test_limits_that_an_agent_of_before_wrote_into_units_go_and_others_stay() -> None:
    machine = Grouped(2)
    units = "/usr/lib/systemd/system"
    for name in ("10-Slice.conf", "11-CPUAccounting.conf", "12-CPUQuota.conf", "13-MemoryAccounting.conf", "99-mine.conf"):
        machine.files.put(f"{units}/{UNIT}.d/{name}", "[Service]\n")
    machine.files.put(f"{units}/azure-vmextensions-A.B.slice", "[Slice]\n")
    machine.files.put(f"{units}/azure-vmextensions.slice", "[Slice]\n")
    machine.files.put(f"/etc/systemd/system/{UNIT}.d/12-CPUQuota.conf", "an administrator's")
    Watched(machine).group.begin()
    assert machine.files.names(f"{units}/{UNIT}.d") == ("10-Slice.conf", "99-mine.conf")
    assert machine.files.names(units) == ("azure-vmextensions.slice", f"{UNIT}.d")
    assert machine.files.exists(f"/etc/systemd/system/{UNIT}.d/12-CPUQuota.conf")


def test_an_agent_that_is_asked_to_watch_its_memory_ends_when_it_has_too_much_and_nothing_is_under_way() -> None:
    watched = Watched(Grouped(2), configured(enable_agent_memory_usage_check=True, agent_memory_quota=1000))
    watched.group.begin()
    watched.machine.used(anonymous=900, cache=93)
    watched.later()
    assert watched.restarts == 0
    watched.machine.used(anonymous=900, cache=94)
    watched.settled = False
    watched.later()
    assert watched.restarts == 0
    watched.settled = True
    watched.later()
    assert watched.restarts == 1 and watched.told[-1].operation == "AgentMemory"


def test_otherwise_nobody_looks_at_its_memory() -> None:
    watched = Watched(Grouped(2), configured(agent_memory_quota=1000))
    watched.group.begin()
    watched.machine.used(anonymous=9000)
    watched.later()
    assert watched.restarts == 0


def test_a_limit_that_systemd_refuses_is_told_and_the_group_watched_all_the_same() -> None:
    machine = Grouped(2)
    machine.commands = ScriptedCommands().on("systemctl", "set-property", "--runtime", "--", ..., exit_code=1)
    watched = Watched(machine)
    assert watched.group.begin()
    machine.used(throttled=900.0)
    watched.later()
    assert len(machine.asked) == 1 and watched.told == []
    assert "could not be set" in str(machine.log.lines)
    assert ("walinuxagent.service", "% Processor Time") in watched.figures
