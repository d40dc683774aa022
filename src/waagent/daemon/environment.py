"""The machine itself, beside provisioning and extensions: its disk, kernel, names, routes and packet filter.

Odd: what belongs to the machine does not wait for the wire server; only what needs its address or its answers does.
"""

from __future__ import annotations

from collections.abc import Callable

from waagent.daemon.agent import Agent
from waagent.daemon.resource_disk import ResourceDisk
from waagent.daemon.schedule import Scheduler
from waagent.fabric.connection import Connection
from waagent.kernel import entropy
from waagent.kernel.disks import Timeouts
from waagent.model.event import Operation


class Environment:
    """``wake`` is called first of all, ``begin`` once this machine is known to be on Azure, ``serve`` once its goal states are
    served.
    """

    def __init__(self, agent: Agent, scheduler: Scheduler, tell: Callable[[Operation], None]) -> None:
        self._agent = agent
        self._scheduler = scheduler
        self._disk = ResourceDisk(agent, scheduler.errand, tell)
        self._tell = tell

    def wake(self) -> None:
        """In the boot lane, before any key is made."""
        entropy.seed(self._agent.system)

    def begin(self) -> None:
        """In the boot lane, before anything is provisioned."""
        self._disk.begin()
        kernel.begin(self._agent, self._scheduler)
        wire_guard.begin(self._agent, self._scheduler)
        network.begin(self._agent, self._scheduler)

    def await_disk(self) -> None:
        """By whoever runs what is not ours: custom data and extensions may count on the temporary disk."""
        self._disk.wait()

    def serve(self, connection: Connection) -> None:
        """In the fabric's lane, after provisioning, with the first goal state."""
        watch = self._agent.config.provisioning
        if watch.monitor_host_name:
            self._scheduler.add(
                Duty("host name", "monitor", self._watch_host_name, lambda: float(watch.monitor_host_name_period))
            )

    def _keep_disk_timeouts(self) -> None:
        agent, watch = self._agent, self._agent.config.os
        if watch.root_device_scsi_timeout is not None:
            timeouts = Timeouts(agent.system, agent.guest, watch.root_device_scsi_timeout)
            self._scheduler.add(
                Duty("disk timeouts", "monitor", timeouts.keep, lambda: float(watch.root_device_scsi_timeout_period))
            )

    # -- the monitor lane

    def _watch_host_name(self) -> None:
        hostname.run(self._agent.system, self._agent.guest, self._agent.paths, self._tell)
