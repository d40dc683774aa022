"""The ``Clock`` port: the machine's clocks, and pauses that end when the program does."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timezone


class RealClock:
    """``ending`` is set when the program is to end; every pause then returns at once."""

    def __init__(self, ending: threading.Event) -> None:
        self._ending = ending

    def now(self) -> datetime:
        return datetime.now(timezone.utc)

    def monotonic(self) -> float:
        return time.monotonic()

    def pause(self, seconds: float) -> bool:
        return not self._ending.wait(max(0.0, seconds))
