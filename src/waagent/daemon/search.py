"""The search for the wire server, and what waits for its end (fabric.md 1.2).

It runs in the fabric's lane from the first moment, beside the reading of the medium and the making of accounts: nothing
local waits for the network. Whoever needs the connection waits for the thing itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from waagent.daemon.agent import Agent
from waagent.daemon.awaited import Awaited
from waagent.fabric import routes
from waagent.fabric.connection import Connection, Detected, connect, detect
from waagent.fabric.dhcp import BSD, Surroundings
from waagent.fabric.endpoint import Discovery, save, saved
from waagent.fabric.goal_state import History
from waagent.fabric.package import Default, Route
from waagent.guest import network
from waagent.model.event import Operation
from waagent.model.failure import ExchangeFailure, Failure
from waagent.model.goal_state import WireGoalState


class Search:
    """One process's search. ``found`` is called in the fabric's lane as soon as there is a connection."""

    def __init__(self, agent: Agent, history: History, tell: Callable[[Operation], None]) -> None:
        self._agent = agent
        self._history = history
        self._tell = tell
        self._channel = Default(changed=self._channel_changed)
        self._done = Awaited(agent.system.clock, "the wire server")
        self._detected: Detected | None = None
        self._reuses = False

    def reuse(self) -> None:
        """Begin where a daemon of this boot has left off (fabric.md 1.2); a daemon itself never does: disks are moved."""
        self._reuses = True

    @property
    def detected(self) -> Detected | None:
        return self._detected

    def run(self) -> Connection:
        """Search until it is found or the program ends. Errors: ``ExchangeFailure``."""
        agent = self._agent
        detected = detect(agent.system, agent.paths, self._discovery(), self._connect_to)
        self._detected = detected
        if detected.endpoint.address != routes.KNOWN_ADDRESS:
            self._tell(self._operation("ProtocolEndpoint", detected.endpoint.address))
        self._done.happened()
        return detected.connection

    def look_elsewhere(self, connection: Connection) -> bool:
        """The wire server has been silent for a while: follow it where it has gone. False where nothing else answers."""
        agent = self._agent
        found = self._discovery().moved(connection.address)
        if found is None:
            return False
        agent.system.log.warning(f"the wire server has moved from {connection.address} to {found.address}")
        connection.certificates.renew_transport_pair()
        connection.move(found.address)
        save(agent.system, agent.paths, found)
        self._tell(self._operation("ProtocolEndpoint", found.address))
        return True

    def _connect_to(self, address: str) -> Connection:
        agent = self._agent
        return connect(
            agent.system, agent.config, agent.paths, address,
            agent_version=agent.version, history=self._history, channel=self._channel,
        )  # fmt: skip

    def _discovery(self) -> Discovery:
        agent = self._agent
        return Discovery(
            agent.system,
            agent.config,
            agent.guest.lease_sources,
            lambda address: self._connect_to(address).wire.negotiate(),
            card=lambda: network.card(agent.system, agent.guest),
            dhcp_available=agent.guest.dhcp_available,
            surroundings=surroundings(agent),
            learned=lambda offer: routes.save(agent.system, agent.paths, offer),
            known=saved(agent.system, agent.paths) if self._reuses else None,
        )

    def wait(self) -> Detected:
        """The end of the search. Errors: ``ProvisionFailure`` when the program ends before it."""
        self._done.wait()
        assert self._detected is not None
        return self._detected

    def goal_state(self) -> WireGoalState:
        """The newest identity of this VM: the last complete goal state's, else the one that ended the search."""
        detected = self.wait()
        state = detected.connection.reader.goal_state
        return state.wire if state is not None else detected.goal_state

    def _channel_changed(self, route: Route) -> None:
        self._agent.system.log.info(f"downloads now go by the channel {route.value} first")
        self._tell(self._operation("DefaultChannelChange", route.value))

    def _operation(self, name: str, message: str) -> Operation:
        return Operation(name, True, message, self._agent.system.clock.now())


def surroundings(agent: Agent) -> Surroundings:
    """The commands around a DHCP exchange of our own, on this system."""
    base = BSD if agent.guest.family in ("freebsd", "openbsd") else Surroundings()
    return replace(base, stop_client=agent.guest.dhcp_stop, start_client=agent.guest.dhcp_start)


def keep_searching(search: Search, agent: Agent) -> Connection | None:
    """Search again and again: a host that does not answer now may answer later. None when the program ends."""
    while True:
        try:
            return search.run()
        except ExchangeFailure as failure:
            agent.system.log.error(f"the wire server was not found, searching goes on: {_short(failure)}")
            if not agent.system.clock.pause(0.0):
                return None


def _short(failure: Failure) -> str:
    return str(failure.causes[-1]) if failure.causes else failure.reason
