"""The duties of this machine's network: its name, its DHCP client, the names of its cards, and its changes in the log.

Each is woken by what the kernel tells and comes again by its configured period, as a safety net. Odd: their lane talks to
nobody, because what waits for a wire server that cannot be reached must not delay what makes it reachable again.
"""

from __future__ import annotations

from collections.abc import Callable

from waagent.daemon.agent import Agent
from waagent.daemon.schedule import Duty, Scheduler
from waagent.daemon.search import surroundings
from waagent.model.event import Operation

LANE = "machine"
HOST_NAME, DHCP_CLIENT, NET_RULES, CHANGES = "host name", "dhcp client", "net rules", "network changes"
UNHURRIED = 2.0
"""Seconds that the first look waits: until then a new machine has better things to do."""


def begin(agent: Agent, scheduler: Scheduler) -> None:
    """Once this machine is known to be on Azure."""
    if agent.guest.removes_net_rules:
        _keep_names_free(agent, scheduler)
    _watch_dhcp_client(agent, scheduler)
    if agent.config.monitor.network_configuration_changes:
        _log_changes(agent, scheduler)


def serve(agent: Agent, scheduler: Scheduler, tell: Callable[[Operation], None]) -> None:
    """After provisioning, which may have changed the name itself."""
    settings = agent.config.provisioning
    if not settings.monitor_host_name:
        return
    from waagent.duties.hostname import HostName

    name = HostName(agent.system, agent.guest, agent.paths, tell, float(settings.monitor_host_name_period))
    scheduler.add(Duty(HOST_NAME, LANE, name.look, name.period))
    scheduler.listen(agent.system.sockets.watch_host_name(), HOST_NAME)


def _watch_dhcp_client(agent: Agent, scheduler: Scheduler) -> None:
    from waagent.duties.dhcp_client import DhcpClient

    period = float(agent.config.os.monitor_dhcp_client_restart_period)
    client = DhcpClient(agent.system, agent.guest, agent.paths, surroundings(agent).add_gateway, period)
    scheduler.add(Duty(DHCP_CLIENT, LANE, client.look, client.period, UNHURRIED))
    scheduler.listen(agent.system.sockets.watch_routes(), DHCP_CLIENT)


def _keep_names_free(agent: Agent, scheduler: Scheduler) -> None:
    from waagent.duties import net_rules

    period = float(agent.config.os.remove_persistent_net_rules_period)
    scheduler.add(Duty(NET_RULES, LANE, lambda: net_rules.run(agent.system, agent.paths), lambda: period))
    scheduler.listen(agent.system.files.watch(net_rules.DIRECTORIES), NET_RULES)


def _log_changes(agent: Agent, scheduler: Scheduler) -> None:
    from waagent.duties import network_changes

    changes = network_changes.NetworkChanges(agent.system)
    scheduler.add(Duty(CHANGES, LANE, changes.look, lambda: network_changes.PERIOD, UNHURRIED))
    scheduler.listen(agent.system.sockets.watch_routes(), CHANGES)
