"""What the agent costs while it runs, once a second: memory and processor time as the bench reads them, requests as the
journal counts them."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from fabriclab.scenario import footprint
from fabriclab.scenario.lab import Lab

PERIOD = 1.0
KEPT = 600  # samples
WINDOW = 60.0  # seconds over which requests are counted
MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Sample:
    """`memory`: MiB of PSS; `cpu`: percent of one processor since the sample before; `requests`: in the last minute.

    None where no agent runs, or where it cannot be measured from outside (a virtual machine).
    """

    since: float
    memory: float | None
    cpu: float | None
    requests: int


class Vitals(threading.Thread):
    """Measures until `end`. `requests` gives how many exchanges there were so far."""

    def __init__(self, lab: Lab, requests: Callable[[], int]) -> None:
        super().__init__(daemon=True, name="vitals")
        self._lab = lab
        self._requests = requests
        self._end = threading.Event()
        self._counts: deque[tuple[float, int]] = deque()
        self._before: tuple[float, float] | None = None
        self._samples: deque[Sample] = deque(maxlen=KEPT)
        self.cpu = 0.0
        """Seconds of processor time of the agent that runs now."""

    def samples(self, after: float = -1.0) -> list[dict[str, Any]]:
        return [asdict(one) for one in list(self._samples) if one.since > after]

    @property
    def latest(self) -> Sample | None:
        return self._samples[-1] if self._samples else None

    def end(self) -> None:
        self._end.set()

    def run(self) -> None:
        while not self._end.wait(PERIOD):
            self._samples.append(self._take())

    def _take(self) -> Sample:
        now = self._lab.journal.elapsed()
        self._counts.append((now, self._requests()))
        while self._counts[0][0] < now - WINDOW:
            self._counts.popleft()
        memory, cpu = self._measure()
        return Sample(round(now, 2), memory, cpu, self._counts[-1][1] - self._counts[0][1])

    def _measure(self) -> tuple[float | None, float | None]:
        number = self._lab.service.number
        try:
            found = footprint.take(self._lab.guest.process, number) if number is not None else None
        except (OSError, AttributeError):
            found = None
        if found is None or not found.processes:
            self._before = None
            return None, None
        moment, before = time.monotonic(), self._before
        self._before, self.cpu = (moment, found.cpu), found.cpu
        spent = None if before is None else max(found.cpu - before[1], 0.0) / (moment - before[0])
        return round(found.pss / MEBIBYTE, 2), None if spent is None else round(100 * spent, 2)
