"""What the agent costs in a virtual machine, whose processes have no number outside: asked of the machine itself.

Odd: every question starts a program in a machine whose processor is emulated, so it is asked seldom, and of the agent's main
process alone.
"""

import threading
import time
from collections.abc import Callable

from fabriclab.guests.control import ControlError
from fabriclab.guests.process import GuestTimeout
from fabriclab.scenario.footprint import Footprint
from fabriclab.scenario.lab import Lab

PERIOD = 5.0  # seconds
FRESH = 20.0  # seconds for which an answer counts
PATIENCE = 4.0  # of a machine that is not emulated
_SCRIPT = "cd /proc/{number} && grep ^Pss: smaps_rollup && cat stat && getconf CLK_TCK"


class Inside(threading.Thread):
    """Asks until `end`, but nobody while the machine `stands_still`."""

    def __init__(self, lab: Lab, stands_still: Callable[[], bool]) -> None:
        super().__init__(daemon=True, name="inside")
        self._lab = lab
        self._stands_still = stands_still
        self._end = threading.Event()
        self._last: tuple[float, Footprint] | None = None

    def end(self) -> None:
        self._end.set()

    @property
    def latest(self) -> tuple[float, Footprint] | None:
        """The last answer with its moment, as long as it is fresh."""
        last = self._last
        return last if last is not None and time.monotonic() - last[0] < FRESH else None

    def run(self) -> None:
        while not self._end.wait(PERIOD):
            number = self._lab.service.number
            if number is not None and not self._stands_still():
                self.ask(number)

    def ask(self, number: int) -> None:
        try:
            done = self._lab.guest.shell(_SCRIPT.format(number=number), timeout=PATIENCE)
        except (ControlError, GuestTimeout, OSError):
            return
        found = parse(done.output)
        if found is not None:
            self._last = time.monotonic(), found


def parse(text: str) -> Footprint | None:
    """Pss in kB, the fields of a process, and its ticks a second; None for anything else."""
    try:
        pss, stat, ticks = text.splitlines()
        fields = stat.rpartition(")")[2].split()
        return Footprint(1, int(pss.split()[1]) * 1024, sum(map(int, fields[11:15])) / int(ticks))
    except (ValueError, IndexError, ZeroDivisionError):
        return None
