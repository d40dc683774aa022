"""What the kernel is told: entropy first of all, boot options of an old one, and how long it waits for disks (guest.md 6)."""

from __future__ import annotations

from waagent.daemon.agent import Agent
from waagent.daemon.schedule import Duty, Scheduler
from waagent.kernel import entropy, numa
from waagent.kernel.disks import Timeouts

LANE = "monitor"
TIMEOUTS = "disk timeouts"


def wake(agent: Agent) -> None:
    """Before any key is made; costs a look at a file that few machines have."""
    entropy.seed(agent.system)


def begin(agent: Agent, scheduler: Scheduler) -> None:
    """Once this machine is known to be on Azure."""
    system, guest, settings = agent.system, agent.guest, agent.config.os
    scheduler.errand(LANE, lambda: numa.spare_old_kernel(system, guest))
    if settings.root_device_scsi_timeout is None:
        system.log.verbose("OS.RootDeviceScsiTimeout is not set: disks keep the timeouts of the system")
        return
    timeouts = Timeouts(system, guest, settings.root_device_scsi_timeout)
    scheduler.add(Duty(TIMEOUTS, LANE, timeouts.keep, lambda: float(settings.root_device_scsi_timeout_period)))
    scheduler.listen(system.sockets.watch_devices(), TIMEOUTS)
