"""Machines with control groups in memory: the agent is process 100 of walinuxagent.service."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from unit.fakes import FrozenClock, ListLog, MemoryFiles, ScriptedCommands, system
from waagent.config.sections import Config, Debug
from waagent.system.port import System

AGENT = 100
UNIT = "walinuxagent.service"
ROOT = "/sys/fs/cgroup"


class Grouped:
    """``version`` 1 (with joined controllers) or 2, or 0: no systemd, no groups."""

    def __init__(self, version: int, place: str = f"/system.slice/{UNIT}") -> None:
        self.version = version
        self.place = place
        self.clock, self.log, self.commands = FrozenClock(), ListLog(), ScriptedCommands()
        self.commands.on("systemctl", "set-property", "--runtime", "--", ...)
        self.files = MemoryFiles()
        self.cpu = f"{ROOT}/cpu,cpuacct{place}" if version == 1 else f"{ROOT}{place}"
        self.memory = f"{ROOT}/memory{place}" if version == 1 else self.cpu
        self.tree = f"{ROOT}/systemd{place}" if version == 1 else self.cpu
        if version:
            self.files.put("/run/systemd/system/x")
            self._lay()

    def _lay(self) -> None:
        if self.version == 1:
            lines = (f"4:cpu,cpuacct:{self.place}", f"3:memory:{self.place}", f"1:name=systemd:{self.place}", "0::/x")
            self.files.put(f"{ROOT}/cpu,cpuacct/cgroup.procs")
        else:
            lines = (f"0::{self.place}",)
            self.files.put(f"{ROOT}/cgroup.controllers", "cpuset cpu io memory pids\n")
            self.files.put(f"{self.cpu}/cgroup.controllers", "cpu memory pids\n")
        self.files.put("/proc/self/cgroup", "\n".join(lines) + "\n")
        self.used()
        self.runs(AGENT)

    def used(self, cpu: float = 0.0, throttled: float = 0.0, anonymous: int = 0, cache: int = 0, reclaims: int = 0) -> None:
        """What the group has used so far, in seconds and bytes."""
        put = self.files.put
        if self.version == 1:
            put(f"{self.cpu}/cpuacct.stat", f"user {int(cpu * 60)}\nsystem {int(cpu * 40)}\n")
            put(f"{self.cpu}/cpu.stat", f"nr_periods 5\nthrottled_time {int(throttled * 1e9)}\n")
            put(f"{self.memory}/memory.stat", f"cache {cache}\nrss {anonymous}\nswap 7\n")
            put(f"{self.memory}/memory.max_usage_in_bytes", "99\n")
        else:
            put(f"{self.cpu}/cpu.stat", f"usage_usec {int(cpu * 1e6)}\nthrottled_usec {int(throttled * 1e6)}\n")
            put(f"{self.memory}/memory.stat", f"anon {anonymous}\nfile {cache}\nkernel 5\n")
            put(f"{self.memory}/memory.events", f"low 0\nhigh {reclaims}\nmax 0\n")
            put(f"{self.memory}/memory.peak", "99\n")
            put(f"{self.memory}/memory.swap.current", "7\n")

    def runs(self, *pids: int) -> None:
        """These processes are in the group."""
        self.files.put(f"{self.tree}/cgroup.procs", "".join(f"{pid}\n" for pid in pids))

    def process(self, pid: int, parent: int, state: str = "S", name: str = "sleep") -> None:
        self.files.put(f"/proc/{pid}/stat", f"{pid} ({name}) x) {state} {parent} {pid} 0 0\n")
        self.files.put(f"/proc/{pid}/comm", f"{name}\n")

    @property
    def system(self) -> System:
        return system(files=self.files, clock=self.clock, log=self.log, commands=self.commands)

    @property
    def asked(self) -> list[str]:
        """What systemd was asked to set, of which unit."""
        return [" ".join(line[4:]) for line in self.commands.lines]


def configured(**debug: Any) -> Config:
    return replace(Config(), debug=replace(Debug(), **debug))
