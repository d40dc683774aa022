"""What the scheduler hears: watches of the machine that wake duties, on the one selector of the main thread.

After the first word of a watch it is not listened to for a moment, so that a burst (a network that is set up, a disk with
its partitions) costs one run of its duties and one wake-up. A machine that never stops talking is heard less and less
often, up to once in eight seconds. Nothing is missed: a watch is drained before its duties look, and heard again at once.
"""

from __future__ import annotations

import selectors
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from waagent.system.port import Watch

SETTLE = 0.25
LONGEST = 8.0
SOON = 4
"""A watch that speaks again within so many times its last moment is given twice that moment."""


@dataclass
class Ear:
    """``wake`` makes the watch's duties due."""

    watch: Watch
    wake: Callable[[], object]
    settle: float = SETTLE
    opens_at: float | None = None
    """When a watch that has spoken is listened to again; None while it is listened to."""
    opened_at: float = float("-inf")


class Ears:
    """Lives on the main thread. ``now`` is the monotonic clock."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._closed: list[Ear] = []

    def add(self, ears: Iterable[Ear]) -> None:
        for ear in ears:
            self._listen(ear)

    def hear(self, ear: Ear, now: float) -> None:
        """Its watch has something to say: let it finish."""
        self._selector.unregister(_descriptor(ear))
        ear.settle = min(ear.settle * 2, LONGEST) if now - ear.opened_at < SOON * ear.settle else SETTLE
        ear.opens_at = now + ear.settle
        self._closed.append(ear)

    def open(self, now: float) -> None:
        """Listen again to those that have had their time to finish, and wake their duties."""
        for ear in [ear for ear in self._closed if ear.opens_at is not None and ear.opens_at <= now]:
            self._closed.remove(ear)
            ear.opens_at, ear.opened_at = None, now
            ear.watch.drain()
            self._listen(ear)
            ear.wake()

    def next_opening(self) -> float | None:
        return min((ear.opens_at for ear in self._closed if ear.opens_at is not None), default=None)

    def _listen(self, ear: Ear) -> None:
        self._selector.register(_descriptor(ear), selectors.EVENT_READ, ear)


def _descriptor(ear: Ear) -> int:
    descriptor = ear.watch.fileno()
    assert descriptor is not None, "a watch that tells nothing is not listened to"
    return descriptor
