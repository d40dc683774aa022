"""The world as it is now, as it was before, and what the fabric still remembers of older incarnations.

The real fabric keeps the configuration files of an incarnation for a while: a guest that read the goal state just before a
change still gets the parts that belong to it.
"""

import threading
from collections import deque
from collections.abc import Callable

from fabriclab.world.apply import apply_all
from fabriclab.world.events import Event
from fabriclab.world.values import World

REMEMBERED = 8


class State:
    def __init__(self, world: World) -> None:
        self._lock = threading.RLock()
        self._worlds: deque[World] = deque([world], maxlen=REMEMBERED)
        self.registered_name: str | None = None  # by which the guest's DHCP client wants to be known

    @property
    def world(self) -> World:
        with self._lock:
            return self._worlds[-1]

    @property
    def previous(self) -> World:
        """The world before its last change; the same when nothing changed yet."""
        with self._lock:
            return self._worlds[-2] if len(self._worlds) > 1 else self._worlds[-1]

    def apply(self, events: tuple[Event, ...]) -> World:
        """All events or, when one does not fit, none."""
        return self.change(lambda world: apply_all(world, events))

    def change(self, step: Callable[[World], World]) -> World:
        with self._lock:
            changed = step(self.world)
            if changed != self.world:
                self._worlds.append(changed)
            return changed

    def adjust(self, step: Callable[[World], World]) -> tuple[World, World]:
        """A change that is not news (a counter of the fabric's own): the world before and after, without a memory of before."""
        with self._lock:
            before = self.world
            self._worlds[-1] = step(before)
            return before, self._worlds[-1]

    def of_incarnation(self, incarnation: str) -> World | None:
        """The newest remembered world with that incarnation, in the container that is current."""
        with self._lock:
            container = self.world.identity.container_id
            for world in reversed(self._worlds):
                if str(world.incarnation) == incarnation and world.identity.container_id == container:
                    return world
        return None
