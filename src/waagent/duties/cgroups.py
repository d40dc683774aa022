"""The agent's own control group: its share of a CPU, what must not be in it, and what is measured (extensions.md 7).

Everything is asked of systemd for the running system only; no unit is written and none is reloaded. Odd: the share is not
given where something else runs beside the agent, and it is given up for good when that happens later, or when it turns out
to be too small: better an agent without limits than a machine that is held up. The scopes of extensions stay in any case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from waagent.config.sections import Config
from waagent.guest import cgroups
from waagent.guest.cgroups import EXTENSIONS, Group, Usage
from waagent.model.event import Operation
from waagent.model.failure import SystemFailure
from waagent.system.action import Plan, Remove
from waagent.system.apply import apply
from waagent.system.port import Files, System

NAME = "walinuxagent.service"
"""How the agent's figures are called, whatever its unit is (extensions.md 7.7)."""
HOURLY = 3600.0
_UNITS = "/usr/lib/systemd/system", "/lib/systemd/system"
_DROP_INS = "11-CPUAccounting.conf", "12-CPUQuota.conf", "13-MemoryAccounting.conf"
_SLICE_DROP_IN = "10-Slice.conf"


@dataclass(frozen=True)
class Metric:
    """One figure of a group."""

    category: str
    counter: str
    instance: str
    value: float


class AgentGroup:
    """``process_id`` is the agent's, ``measured`` takes figures for telemetry.

    ``restart`` ends the agent in order, for systemd to start it again; ``settled`` says that a goal state is done with.
    """

    def __init__(
        self,
        system: System,
        config: Config,
        process_id: int,
        tell: Callable[[Operation], object],
        measured: Callable[[tuple[Metric, ...]], object],
        restart: Callable[[], object] = lambda: None,
        settled: Callable[[], bool] = lambda: False,
    ) -> None:
        self._system = system
        self._config = config
        self._process_id = process_id
        self._tell = tell
        self._measured = measured
        self._restart = restart
        self._settled = settled
        self._group: Group | None = None
        self._limited = False
        self._strange: frozenset[int] = frozenset()
        self._before: dict[str, tuple[float, Usage]] = {}
        self._hour = system.clock.monotonic()

    def begin(self) -> bool:
        """Find the group and give the agent its share. False, and said why, where there is nothing to be watched."""
        files, log = self._system.files, self._system.log
        group = cgroups.own(files)
        reason = cgroups.objection(files, group)
        apply(self._system, left_overs(files, supported=reason is None))
        if reason is not None or group is None:
            log.info(f"the agent's control group is neither watched nor limited: {reason}")
            return False
        self._group = group
        self._remember(NAME, cgroups.usage(files, group))
        strange = self._strangers(group)
        if strange:
            log.info(f"the agent's CPU is not limited: something else runs in {group.path}: {self._named(strange)}")
        elif not cgroups.limits_cpu(files, group):
            log.info("the agent's CPU is not limited: there is no controller for it")
        elif group.version == 2 and not self._config.debug.enable_cgroup_v2_resource_limiting:
            log.info("the agent's CPU is not limited: Debug.EnableCgroupV2ResourceLimiting=n")
        else:
            share = f"CPUQuota={self._config.debug.agent_cpu_quota}%"
            self._limited = self._ask(group.unit, "CPUAccounting=yes", share, "MemoryAccounting=yes")
            # Controllers may count for the service only from now on.
            self._group = cgroups.own(files) or group
            self._remember(NAME, cgroups.usage(files, self._group))
        return True

    def check(self) -> None:
        """Every ``Debug.CgroupCheckPeriod``: who is in the group, how long it was held up, and what was used."""
        if self._group is None:
            return
        used = cgroups.usage(self._system.files, self._group)
        self._check_processes(self._group)
        self._check_throttling(self._group, used)
        self._measure(self._group, used)
        self._check_memory(used)

    # -- checks

    def _check_processes(self, group: Group) -> None:
        strange = self._strangers(group)
        stayed = strange & self._strange
        self._strange = strange
        if stayed and self._limited and self._config.debug.cgroup_disable_on_process_check_failure:
            self._give_up(group, f"something else runs in {group.path}: {self._named(stayed)}")

    def _check_throttling(self, group: Group, used: Usage) -> None:
        since, before = self._before.get(NAME, (0.0, Usage()))
        if used.throttled is None or before.throttled is None:
            return
        held_up = used.throttled - before.throttled
        limit = self._config.debug.agent_cpu_throttled_time_threshold
        if held_up > limit and self._limited and self._config.debug.cgroup_disable_on_quota_check_failure:
            seconds = self._system.clock.monotonic() - since
            self._give_up(group, f"it was held up for {held_up:.0f} of {seconds:.0f} s")

    def _check_memory(self, used: Usage) -> None:
        """Off unless asked for (extensions.md 6.8)."""
        debug = self._config.debug
        total = (used.memory or 0) + (used.swap or 0)
        if not debug.enable_agent_memory_usage_check or total <= debug.agent_memory_quota or not self._settled():
            return
        text = f"the agent uses {total} bytes of memory, more than {debug.agent_memory_quota}; it ends, to be started again"
        self._system.log.warning(text)
        self._tell(Operation("AgentMemory", False, text, self._system.clock.now()))
        self._restart()

    def _give_up(self, group: Group, why: str) -> None:
        self._limited = False
        self._ask(group.unit, "CPUQuota=")
        text = f"the agent's CPU is not limited any more: {why}"
        self._system.log.warning(text)
        self._tell(Operation("CGroupsDisabled", False, text, self._system.clock.now()))

    def _strangers(self, group: Group) -> frozenset[int]:
        """Processes in the group that are neither the agent nor come from it; the dead count for nothing."""
        here = set(cgroups.processes(self._system.files, group)) - {self._process_id}
        parents = {pid: self._parent(pid) for pid in here}
        return frozenset(pid for pid in here if parents[pid] is not None and not self._is_descendant(pid, parents))

    def _is_descendant(self, pid: int, parents: dict[int, int | None]) -> bool:
        seen = set()
        while pid not in seen:
            seen.add(pid)
            parent = parents[pid] if pid in parents else self._parent(pid)
            if parent == self._process_id:
                return True
            if not parent:
                return False
            pid = parent
        return False

    def _parent(self, pid: int) -> int | None:
        """The parent of a process; None for one that has ended or is about to."""
        try:
            text = (self._system.files.read_if_there(f"/proc/{pid}/stat", 4096) or b"").decode("utf-8", "replace")
        except SystemFailure:
            return None
        fields = text.rpartition(")")[2].split()
        return None if len(fields) < 2 or fields[0] in ("Z", "X") or not fields[1].isdecimal() else int(fields[1])

    def _named(self, pids: frozenset[int]) -> str:
        return ", ".join(f"{pid} ({self._name(pid)})" for pid in sorted(pids)[:5])

    def _name(self, pid: int) -> str:
        try:
            return (self._system.files.read_if_there(f"/proc/{pid}/comm", 64) or b"").decode("utf-8", "replace").strip()
        except SystemFailure:
            return "ended"

    def _ask(self, unit: str, *properties: str) -> bool:
        """In the order of their names: else systemd takes the drop-ins that it writes for changed ones, and wants a reload."""
        argv = ["systemctl", "set-property", "--runtime", "--", unit, *properties]
        try:
            self._system.commands.run(argv, timeout=15)
        except SystemFailure as failure:
            self._system.log.info(f"{unit}: {' '.join(properties)} could not be set: {failure.reason}")
            return False
        return True

    # -- figures

    def _measure(self, group: Group, used: Usage) -> None:
        now = self._system.clock.monotonic()
        hourly = now - self._hour >= HOURLY
        if hourly:
            self._hour = now
        found = [*self._metrics(NAME, used, self._limited, hourly)]
        for name, other in self._of_extensions(group):
            found += self._metrics(name, cgroups.usage(self._system.files, other), True, hourly)
        if self._config.debug.cgroup_log_metrics:
            for each in found:
                self._system.log.info(f"{each.category} {each.counter} [{each.instance}]: {each.value:g}")
        self._measured(tuple(found))

    def _of_extensions(self, group: Group) -> Iterator[tuple[str, Group]]:
        """The slices of extensions in which something runs, by the handler's name as a slice may have it."""
        files = self._system.files
        for name in cgroups.children(files, cgroups.below(group, files, EXTENSIONS)):
            found = cgroups.below(group, files, f"{EXTENSIONS}/{name}")
            if name.startswith("azure-vmextensions-") and cgroups.children(files, found):
                yield name.removeprefix("azure-vmextensions-").removesuffix(".slice"), found

    def _metrics(self, instance: str, used: Usage, limited: bool, hourly: bool) -> Iterator[Metric]:
        now = self._system.clock.monotonic()
        since, before = self._before.get(instance, (now, Usage()))
        self._remember(instance, used)
        if used.cpu is not None and before.cpu is not None and now > since:
            yield Metric("CPU", "% Processor Time", instance, round(100 * max(0.0, used.cpu - before.cpu) / (now - since), 3))
        if limited and used.throttled is not None and before.throttled is not None:
            yield Metric("CPU", "Throttled Time (s)", instance, round(max(0.0, used.throttled - before.throttled), 3))
        memory: list[tuple[str, int | None]] = [
            ("Total Memory Usage (B)", used.memory),
            ("Anon Memory Usage (B)", used.anonymous),
            ("Cache Memory Usage (B)", used.cache),
            ("Total Memory Throttled Events", used.reclaims),
        ]
        if hourly:
            memory += [("Max Memory Usage (B)", used.peak), ("Swap Memory Usage (B)", used.swap)]
        yield from (Metric("Memory", counter, instance, float(value)) for counter, value in memory if value is not None)

    def _remember(self, instance: str, used: Usage) -> None:
        self._before[instance] = (self._system.clock.monotonic(), used)


def left_overs(files: Files, *, supported: bool) -> Plan:
    """Limits that an agent before this one wrote into units: they would hold ours up, and outlive what they were for."""
    names = _DROP_INS if supported else (*_DROP_INS, _SLICE_DROP_IN)
    drop_ins = [f"{place}/{unit}.d/{name}" for place in _UNITS for unit in (NAME, "waagent.service") for name in names]
    slices = [path for place in _UNITS for path in files.glob(f"{place}/azure-vmextensions-*.slice")]
    why = "take back what an agent of before wrote into units"
    return tuple(Remove(path, optional=True, why=why) for path in (*drop_ins, *slices) if files.facts(path) is not None)
