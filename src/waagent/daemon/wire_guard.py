"""When the packet filter that keeps the wire server for root is seen to, or what is left of it taken away.

Odd: on a machine that never had it, as most, none of its rooms are even loaded; a few files tell.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from waagent.daemon.agent import Agent
from waagent.daemon.schedule import Duty, Scheduler
from waagent.model.event import Operation
from waagent.system.port import System

if TYPE_CHECKING:
    from waagent.duties.firewall import Firewall

NAME, LANE = "firewall", "machine"
SUSPICION_PERIOD = 30.0
"""Seconds between two looks whether rules that were set at boot keep root from the wire server, until it is found."""
_OLD_TABLES = "/proc/net/ip_tables_names"
_FIREWALLD = "/etc/firewalld/direct.xml"


def begin(agent: Agent, scheduler: Scheduler) -> None:
    """Once this machine is known to be on Azure; the wire server is still looked for."""
    if not may_have_rules(agent.system, agent):
        return
    from waagent.duties import firewall

    steps = _steps(agent)
    if agent.config.os.enable_firewall:
        scheduler.add(Duty(NAME, LANE, lambda: firewall.unlock(steps), lambda: SUSPICION_PERIOD))
    else:
        scheduler.errand(LANE, lambda: firewall.withdraw(steps))


def serve(agent: Agent, scheduler: Scheduler, address: Callable[[], str], tell: Callable[[Operation], object]) -> None:
    """Once the wire server is found, and has given a goal state: that root reaches it is certain."""
    if not agent.config.os.enable_firewall:
        return
    from waagent.duties import firewall

    period = float(agent.config.os.enable_firewall_period)
    duty = firewall.Duty(_steps(agent), address, tell, float(agent.config.debug.firewall_rules_log_period))
    scheduler.add(Duty(NAME, LANE, duty.keep, lambda: period))
    scheduler.listen(agent.system.sockets.watch_packet_filter(), NAME)


def may_have_rules(system: System, agent: Agent) -> bool:
    """Whether it is worth asking what there is of our rules."""
    paths, unit = agent.paths, f"{agent.guest.service_name}-network-setup.service"
    link = f"/etc/systemd/system/network.target.wants/{unit}"
    if any(system.files.facts(path) is not None for path in (paths.firewall, paths.network_setup, link, _FIREWALLD)):
        return True
    return b"security" in (system.files.read_if_there(_OLD_TABLES, 64 * 1024) or b"")


def _steps(agent: Agent) -> Firewall:
    from waagent.duties.firewall import Firewall

    return Firewall(agent.system, agent.guest, agent.paths, agent.command)
