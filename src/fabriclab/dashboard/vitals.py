"""What the agent costs while it runs, once a second: memory and processor time as the bench reads them, requests as the
journal counts them."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from fabriclab.dashboard.inside import Inside
from fabriclab.guests.adapter import VM
from fabriclab.scenario import footprint
from fabriclab.scenario.footprint import Footprint
from fabriclab.scenario.lab import Lab

PERIOD = 1.0
KEPT = 600  # samples
WINDOW = 60.0  # seconds over which requests are counted
MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Sample:
    """`memory`: MiB of PSS; `cpu`: percent of one processor since the sample before; `requests`: in the last minute.

    None where no agent runs, and on a disk of somebody's own. In a virtual machine both are the last that it has told.
    """

    since: float
    memory: float | None
    cpu: float | None
    requests: int


class Vitals(threading.Thread):
    """Measures until `end`. `requests` gives how many exchanges there were so far, `stands_still` whether the guest does."""

    def __init__(self, lab: Lab, requests: Callable[[], int], stands_still: Callable[[], bool] = lambda: False) -> None:
        super().__init__(daemon=True, name="vitals")
        self._lab = lab
        self._requests = requests
        self._end = threading.Event()
        self._counts: deque[tuple[float, int]] = deque()
        self._before: tuple[float, float] | None = None
        self._samples: deque[Sample] = deque(maxlen=KEPT)
        is_asked = lab.adapter.guest == VM and lab.guest.is_enterable
        self._inside = Inside(lab, stands_still) if is_asked else None
        self._percent: float | None = None
        self.cpu = 0.0
        """Seconds of processor time of the agent that runs now."""

    def samples(self, after: float = -1.0) -> list[dict[str, Any]]:
        return [asdict(one) for one in list(self._samples) if one.since > after]

    @property
    def latest(self) -> Sample | None:
        return self._samples[-1] if self._samples else None

    def end(self) -> None:
        self._end.set()
        if self._inside is not None:
            self._inside.end()

    def run(self) -> None:
        if self._inside is not None:
            self._inside.start()
        while not self._end.wait(PERIOD):
            self._samples.append(self.take())

    def take(self) -> Sample:
        now = self._lab.journal.elapsed()
        self._counts.append((now, self._requests()))
        while self._counts[0][0] < now - WINDOW:
            self._counts.popleft()
        memory, cpu = self._measure()
        return Sample(round(now, 2), memory, cpu, self._counts[-1][1] - self._counts[0][1])

    def _measure(self) -> tuple[float | None, float | None]:
        found = self._found()
        if found is None or not found[1].processes:
            self._before = self._percent = None
            return None, None
        moment, cost = found
        if self._before is None or moment > self._before[0]:
            before, self._before, self.cpu = self._before, (moment, cost.cpu), cost.cpu
            spent = None if before is None else max(cost.cpu - before[1], 0.0) / (moment - before[0])
            self._percent = None if spent is None else round(100 * spent, 2)
        return round(cost.pss / MEBIBYTE, 2), self._percent

    def _found(self) -> tuple[float, Footprint] | None:
        """The moment and what was measured then."""
        number = self._lab.service.number
        if number is None:
            return None
        if self._inside is not None:
            return self._inside.latest
        try:
            return time.monotonic(), footprint.take(self._lab.guest.process, number)
        except (OSError, AttributeError):
            return None
