"""The temporary disk at each start of the daemon: a lane of its own, so that Ready waits for no mkfs (guest.md 4, 2.1).

Custom data and the first extension may want the disk: they wait until it is mounted, or cannot be. Nobody waits for the swap
file. The rooms of the disk are imported only where ``ResourceDisk.Format`` is y.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from waagent.daemon.agent import Agent
from waagent.daemon.awaited import Awaited
from waagent.guest.profile import DiskTool
from waagent.model.event import Operation
from waagent.model.failure import Failure, ProvisionFailure

if TYPE_CHECKING:
    from waagent.resourcedisk.search import Outcome

LANE = "disk"
PATIENCE = 900.0
"""Seconds that somebody waits at most for the mount; a very large disk may take its time, and goes on after it."""
EVENT = "ActivateResourceDisk"


class ResourceDisk:
    """``begin`` and ``medium_read`` from the boot lane; ``wait`` by whoever may need the disk, from any lane."""

    def __init__(
        self,
        agent: Agent,
        errand: Callable[[str, Callable[[], object]], object],
        tell: Callable[[Operation], object],
    ) -> None:
        self._agent = agent
        self._errand = errand
        self._tell = tell
        self._settled = Awaited(agent.system.clock, "the temporary disk")
        self._wanted = False
        self._begun = False
        self._medium_is_read = False

    def begin(self) -> None:
        """Odd: a disk that is to be mounted above the medium's mount point must not come while the medium is read there."""
        config = self._agent.config
        self._wanted = config.resource_disk.format
        if config.resource_disk.enable_swap and not self._wanted:
            self._agent.system.log.warning("ResourceDisk.EnableSwap=y has no effect, since ResourceDisk.Format is n")
        above = f"{config.dvd.mount_point}/".startswith(f"{config.resource_disk.mount_point.rstrip('/')}/")
        if self._medium_is_read or not above:
            self._start()

    def medium_read(self) -> None:
        self._medium_is_read = True
        self._start()

    def _start(self) -> None:
        if self._wanted and not self._begun:
            self._begun = True
            self._errand(LANE, self._activate)

    def wait(self) -> None:
        """Until the disk is mounted or cannot be; at once where it is not ours to mount, and when the program ends."""
        if not self._begun:
            return
        with suppress(ProvisionFailure):
            if not self._settled.wait(PATIENCE):
                self._agent.system.log.warning(f"the temporary disk is not mounted after {PATIENCE:g} s: nothing waits longer")

    # -- the disk lane

    def _activate(self) -> None:
        agent, settings = self._agent, self._agent.config.resource_disk
        started = agent.system.clock.monotonic()
        try:
            outcome = self._activated()
            if outcome.complaint:
                self._complain(outcome.complaint, started)
        except Exception as error:
            self._complain(str(error), started)
            raise
        finally:
            self._settled.happened()
        if settings.enable_swap:
            self._errand(LANE, lambda: self._swap(outcome))

    def _activated(self) -> Outcome:
        agent, tool = self._agent, self._agent.guest.disk_tool
        if tool is DiskTool.LINUX:
            from waagent.resourcedisk import search

            disks = search.look(agent.system, agent.config.resource_disk)
            if not disks:
                return search.Outcome()
            from waagent.resourcedisk import run

            return run.activate(agent.system, agent.config.resource_disk, agent.paths, disks)
        from waagent.resourcedisk import bsd

        openbsd = tool is DiskTool.OPENBSD
        return bsd.activate(agent.system, agent.config.resource_disk, agent.paths, openbsd=openbsd)

    def _swap(self, outcome: Outcome) -> None:
        agent, tool = self._agent, self._agent.guest.disk_tool
        settings = agent.config.resource_disk
        try:
            if tool is DiskTool.LINUX:
                from waagent.resourcedisk import run

                run.enable_swap(agent.system, settings, outcome)
            else:
                from waagent.resourcedisk import bsd

                bsd.enable_swap(agent.system, settings, outcome, openbsd=tool is DiskTool.OPENBSD)
        except Failure as failure:
            hint = f" ({failure.hint})" if failure.hint else ""
            agent.system.log.error(f"no swap space was added: {failure.reason}{hint}")
            return
        agent.system.log.info(f"{settings.swap_size_mb} MB of swap space are in use on the temporary disk")

    def _complain(self, what: str, started: float) -> None:
        clock = self._agent.system.clock
        self._tell(Operation(EVENT, False, what, clock.now(), round((clock.monotonic() - started) * 1000)))
