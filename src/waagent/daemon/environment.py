"""The machine itself, beside provisioning and extensions: its disk, kernel, names, routes and packet filter.

Odd: what belongs to the machine does not wait for the wire server; only what needs its address or its answers does.
"""

from __future__ import annotations

from collections.abc import Callable

from waagent.daemon import kernel, network, wire_guard
from waagent.daemon.agent import Agent
from waagent.daemon.resource_disk import ResourceDisk
from waagent.daemon.schedule import Scheduler
from waagent.fabric.connection import Connection
from waagent.model.event import Operation


class Environment:
    """``wake`` is called first of all, ``begin`` once this machine is known to be on Azure, ``serve`` once its goal states are
    served.
    """

    def __init__(self, agent: Agent, scheduler: Scheduler, tell: Callable[[Operation], None]) -> None:
        self._agent = agent
        self._scheduler = scheduler
        self._tell = tell
        self._disk = ResourceDisk(agent, scheduler.errand, tell)

    def wake(self) -> None:
        """In the boot lane, before any key is made."""
        kernel.wake(self._agent)

    def begin(self) -> None:
        """In the boot lane, before anything is provisioned."""
        self._disk.begin()
        kernel.begin(self._agent, self._scheduler)
        wire_guard.begin(self._agent, self._scheduler)
        network.begin(self._agent, self._scheduler)

    def medium_read(self) -> None:
        """By whoever has read the provisioning medium: its mount point may lie below the temporary disk's."""
        self._disk.medium_read()

    def await_disk(self) -> None:
        """By whoever runs what is not ours: custom data and extensions may count on the temporary disk."""
        self._disk.wait()

    def serve(self, connection: Connection) -> None:
        """In the fabric's lane, after provisioning, with the first goal state."""
        wire_guard.serve(self._agent, self._scheduler, lambda: connection.address, self._tell)
        network.serve(self._agent, self._scheduler, self._tell)
