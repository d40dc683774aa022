"""Waits for changes that were prepared."""

from __future__ import annotations

import socket
from collections.abc import Callable


class FakeWatch:
    """``later``: (seconds of waiting from now, what happens then), the earliest first; ``pause`` moves the clock."""

    def __init__(self, later: list[tuple[float, Callable[[], object]]], pause: Callable[[float], bool]) -> None:
        self._later = later
        self._pause = pause

    def fileno(self) -> None:
        """Nothing tells of a change."""

    def drain(self) -> None:
        """Nothing was said."""

    def wait(self, seconds: float) -> bool:
        passes = min(seconds, self._later[0][0]) if self._later else seconds
        if not self._pause(passes):
            return False
        self._later[:] = [(left - passes, change) for left, change in self._later]
        while self._later and self._later[0][0] <= 0:
            self._later.pop(0)[1]()
        return True

    def close(self) -> None:
        """Nothing was opened."""


class SpokenWatch:
    """A watch that has news whenever the test calls ``say``, for the scheduler's selector."""

    def __init__(self) -> None:
        self._receiver, self._sender = socket.socketpair()
        self._receiver.setblocking(False)
        self.drained = 0
        self.closed = False

    def say(self, times: int = 1) -> None:
        for _ in range(times):
            self._sender.send(b"news")

    def wait(self, seconds: float) -> bool:
        raise AssertionError("nobody waits for this one")

    def fileno(self) -> int:
        return self._receiver.fileno()

    def drain(self) -> None:
        self.drained += 1
        try:
            while self._receiver.recv(4096):
                pass
        except BlockingIOError:
            pass

    def close(self) -> None:
        self.closed = True
        self._receiver.close()
        self._sender.close()
