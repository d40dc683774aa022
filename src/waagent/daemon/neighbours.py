"""Whom this machine may belong to besides Azure's ordinary hosts (guest.md 6.6, 6.8).

System Center comes before anything else is done, a network for RDMA after provisioning. Nearly no machine needs either: their
rooms are loaded where one does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from waagent.daemon.agent import Agent
from waagent.daemon.search import Search
from waagent.scvmm.detect import is_wanted

if TYPE_CHECKING:
    from waagent.scvmm.run import Handover


def system_center(agent: Agent) -> Handover | None:
    """How the machine was handed over to System Center's agent; None where it is ours."""
    if not is_wanted(agent.system, agent.config):
        return None
    from waagent.scvmm.run import hand_over

    handover = hand_over(agent.system, agent.guest, agent.config, agent.paths)
    if handover is not None and not handover.ends:
        agent.system.log.info("System Center's agent was started in this boot: this one stays quiet")
        agent.quiet()
        agent.notify("STATUS=System Center's agent has taken over, idle")
    return handover


def reboots_for_rdma(agent: Agent, search: Search) -> bool:
    """Set RDMA up where a setting asks for it; True where the machine reboots now. No extension is to be cut short by that."""
    if not agent.config.os.wants_rdma:
        return False
    from waagent.rdma.run import Rdma

    def shared_config() -> bytes:
        wire = search.wait().connection.wire
        url = wire.goal_state()[0].shared_config_url
        return wire.part(url) if url else b"<SharedConfig/>"

    try:
        return Rdma(agent.system, agent.guest, agent.config, agent.paths, shared_config).set_up()
    except Exception as error:  # noqa: BLE001 - the edge that keeps a defect in RDMA from leaving the VM unserved
        agent.system.log.error(f"RDMA: unexpected {type(error).__name__}: {error}")
        return False
