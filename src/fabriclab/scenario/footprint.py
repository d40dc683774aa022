"""What an agent's processes cost, read from /proc of this machine: nothing is started in the guest for it.

Counted are the process that the lab started and those of its descendants that are the agent itself (a daemon may have a worker
of its own); what an extension's commands use is not the agent's memory. Processor time includes that of children that have
ended and were waited for. The clock of a process counts nanoseconds; where this machine does not give it, and for ended
children, ticks of 10 ms do.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Footprint:
    """`pss`: bytes of proportional set size. `cpu`: seconds of processor time since the start."""

    processes: int
    pss: int
    cpu: float


def exact_clock(number: int) -> float | None:
    """Processor time of a process by its own clock, whose id is made of the process id (clock_getcpuclockid(3))."""
    try:
        return time.clock_gettime((~number << 3) | 2)
    except OSError:
        return None


def take(guest: int, first: int, proc: Path = Path("/proc"), clock: Callable[[int], float | None] = exact_clock) -> Footprint:
    """`guest`: the guest's first process as this machine numbers it; `first`: the agent's as the guest numbers it."""
    found = _agent_processes(guest, first, proc)
    pss = sum(_pss(proc / str(number)) for number in found)
    return Footprint(len(found), pss, sum(_cpu(proc / str(number), clock(number)) for number in found))


def whole(guest: int, proc: Path = Path("/proc")) -> int:
    """Bytes (PSS) of all processes of the guest whose first process has this number, of its own process-id namespace."""
    space = _link(proc / str(guest) / "ns/pid")
    if space is None:
        return 0
    found = [one for one in proc.iterdir() if one.name.isdigit() and _link(one / "ns/pid") == space]
    return sum(map(_pss, found))


def own() -> int:
    """Bytes (PSS) of this process."""
    return _pss(Path("/proc/self"))


def is_agent(arguments: list[str]) -> bool:
    """Whether a command line runs the agent's program, under its own name or from an update's package."""
    names = [argument.rpartition("/")[2] for argument in arguments]
    return any(name == "waagent" or (name.startswith("WALinuxAgent-") and name.endswith(".egg")) for name in names)


def _agent_processes(guest: int, first: int, proc: Path) -> list[int]:
    space = _link(proc / str(guest) / "ns/pid")
    parents: dict[int, int] = {}
    start = None
    for entry in proc.iterdir():
        if entry.name.isdigit() and space is not None and _link(entry / "ns/pid") == space:
            status = _status(entry)
            parents[int(entry.name)] = int(status.get("PPid", "0"))
            if status.get("NSpid", entry.name).split()[-1] == str(first):
                start = int(entry.name)
    if start is None:
        return []
    return [start, *(one for one in parents if _descends(one, start, parents) and is_agent(_arguments(proc / str(one))))]


def _descends(process: int, ancestor: int, parents: dict[int, int]) -> bool:
    while process in parents:
        process = parents[process]
        if process == ancestor:
            return True
    return False


def _pss(process: Path) -> int:
    for line in _text(process / "smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def _cpu(process: Path, exact: float | None) -> float:
    fields = _text(process / "stat").rpartition(")")[2].split()
    if len(fields) < 15:
        return 0.0
    own, waited = sum(map(int, fields[11:13])) * TICK, sum(map(int, fields[13:15])) * TICK
    return (own if exact is None else exact) + waited


def _status(process: Path) -> dict[str, str]:
    pairs = (line.partition(":") for line in _text(process / "status").splitlines())
    return {name: value.strip() for name, _, value in pairs}


def _arguments(process: Path) -> list[str]:
    return _text(process / "cmdline").split("\0")


def _text(path: Path) -> str:
    """Empty for a process that has just ended."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _link(path: Path) -> str | None:
    try:
        return str(path.readlink())
    except OSError:
        return None
