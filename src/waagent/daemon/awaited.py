"""Something that one lane does and another waits for: the one shape of every such wait.

Odd: a thread that waits for another cannot also wait for the end of the program, so it looks for that in short glances. It
does so before the machine is Ready only; what is resident waits for nothing but the scheduler.
"""

from __future__ import annotations

import threading

from waagent.model.failure import ProvisionFailure
from waagent.system.port import Clock

GLANCE = 0.5
"""Seconds between two looks at whether the program is ending."""


class Awaited:
    """``what`` completes "stopped while waiting for …"."""

    def __init__(self, clock: Clock, what: str) -> None:
        self._clock = clock
        self._what = what
        self._done = threading.Event()

    def happened(self) -> None:
        self._done.set()

    def wait(self, patience: float | None = None) -> bool:
        """Until it has happened, which may have been before; False when it has not within so many seconds.

        Errors: ``ProvisionFailure`` when the program ends first.
        """
        end = None if patience is None else self._clock.monotonic() + patience
        while not self._done.wait(GLANCE):
            if end is not None and self._clock.monotonic() >= end:
                return False
            if not self._clock.pause(0.0):
                raise ProvisionFailure(f"stopped while waiting for {self._what}")
        return True
