"""The machine itself, beside provisioning and extensions: its disk, kernel, names, routes and packet filter.

Odd: what belongs to the machine does not wait for the wire server; only what needs its address or its answers does.
"""

from __future__ import annotations

from collections.abc import Callable

from waagent.daemon.agent import Agent
from waagent.daemon.schedule import Duty, Scheduler
from waagent.duties import hostname
from waagent.fabric.connection import Connection
from waagent.model.event import Operation


class Environment:
    """``begin`` is called once this machine is known to be on Azure, ``serve`` once its goal states are served."""

    def __init__(self, agent: Agent, scheduler: Scheduler, tell: Callable[[Operation], None]) -> None:
        self._agent = agent
        self._scheduler = scheduler
        self._tell = tell

    def begin(self) -> None:
        """In the boot lane, before anything is provisioned."""

    def serve(self, connection: Connection) -> None:
        """In the fabric's lane, after provisioning, with the first goal state."""
        watch = self._agent.config.provisioning
        if watch.monitor_host_name:
            self._scheduler.add(
                Duty("host name", "monitor", self._watch_host_name, lambda: float(watch.monitor_host_name_period))
            )

    # -- the monitor lane

    def _watch_host_name(self) -> None:
        hostname.run(self._agent.system, self._agent.guest, self._agent.paths, self._tell)
