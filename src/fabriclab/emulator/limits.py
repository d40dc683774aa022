"""How much a client may ask of the emulator before it is cut off, and how often of a service."""

import threading
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Seconds, and a number of connections open at one time. A guest is one machine: the defaults are far above its needs."""

    idle: float = 120.0  # between two requests of a connection
    head: float = 20.0  # from the first byte of a request to the end of its head
    body: float = 120.0  # for its body
    send: float = 30.0  # without the client taking a single block
    connections: int = 512


class Limiter:
    """At most `calls` in any `window` seconds; a refused call does not count."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: deque[float] = deque()

    def admits(self, now: float, calls: int, window: float) -> bool:
        with self._lock:
            while self._taken and self._taken[0] <= now - window:
                self._taken.popleft()
            if len(self._taken) >= calls:
                return False
            self._taken.append(now)
            return True
