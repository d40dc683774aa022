"""Waits for changes that were prepared."""

from __future__ import annotations

from collections.abc import Callable


class FakeWatch:
    """``later``: (seconds of waiting from now, what happens then), the earliest first; ``pause`` moves the clock."""

    def __init__(self, later: list[tuple[float, Callable[[], object]]], pause: Callable[[float], bool]) -> None:
        self._later = later
        self._pause = pause

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
