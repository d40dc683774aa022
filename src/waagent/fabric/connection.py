"""Everything that talks to one endpoint, wired together; and the search that ends in such a connection (fabric.md 1.2).

``connect`` only builds values. ``detect`` is the loop of protocol detection: find the wire server, make the transport
pair, fetch the goal state, remember the endpoint; on any failure forget all of it and try again in ten seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.fabric import endpoint as endpoints
from waagent.fabric.blob import StatusUpload
from waagent.fabric.certificates import CertificateStore
from waagent.fabric.endpoint import Discovery, Endpoint
from waagent.fabric.exchange import POLICIES, Exchange, Policy
from waagent.fabric.goal_state import GoalStateReader, History
from waagent.fabric.hostgaplugin import HostPlugin
from waagent.fabric.imds import Imds
from waagent.fabric.package import Default, Packages
from waagent.fabric.signals import Signals, plugin_failed
from waagent.fabric.wireserver import WireServer
from waagent.model.failure import ExchangeFailure, Failure
from waagent.model.goal_state import WireGoalState
from waagent.system.port import System

DETECTION_TRIES = 360
DETECTION_DELAY = 10.0
FIRST_DELAYS = (1.0, 2.0, 4.0, 8.0)
"""Seconds before the first tries after the first: a host that is just coming up costs a boot no ten seconds."""


@dataclass(frozen=True)
class Connection:
    """The clients of one endpoint. They may be used from different threads; ``reader`` from one at a time."""

    exchange: Exchange
    wire: WireServer
    host: HostPlugin
    imds: Imds
    certificates: CertificateStore
    channel: Default
    packages: Packages
    upload: StatusUpload
    reader: GoalStateReader
    signals: Signals

    @property
    def address(self) -> str:
        return self.wire.address

    def move(self, address: str) -> None:
        """The fabric is at another address from now on; what is known of the goal state stays."""
        self.wire.address = address
        self.host.move(address)

    def new_packages(self) -> Packages:
        """Downloads for another thread: its own memory of the last manifest, the same default channel."""
        return Packages(self.exchange, self.host, self.channel)


def connect(
    system: System,
    config: Config,
    paths: Paths,
    address: str,
    *,
    agent_version: str,
    history: History = lambda tag, documents: None,
    policies: Mapping[str, Policy] = POLICIES,
    channel: Default | None = None,
) -> Connection:
    """Wire the clients of ``address`` together; nothing is sent."""
    exchange = Exchange(system, policies, agent_version)
    wire = WireServer(exchange, address)
    signals = Signals()

    def note(call: str, status: int | None) -> None:
        signals.note(call, plugin_failed(status), system.clock.monotonic())

    def renew() -> None:
        goal_state, _ = wire.goal_state()
        host.identify(goal_state.container_id, goal_state.config_name)

    host = HostPlugin(exchange, address, renew, note)
    certificates = CertificateStore(system, paths, config.os.openssl_path)
    shared = channel or Default()
    profile = Packages(exchange, host, shared).profile
    return Connection(
        exchange=exchange,
        wire=wire,
        host=host,
        imds=Imds(exchange),
        certificates=certificates,
        channel=shared,
        packages=Packages(exchange, host, shared),
        upload=StatusUpload(exchange, host),
        reader=GoalStateReader(system, config, paths, wire, host, certificates, profile, history),
        signals=signals,
    )


@dataclass(frozen=True)
class Detected:
    """The end of protocol detection: where, by what, and the goal state that proved it."""

    endpoint: Endpoint
    connection: Connection
    goal_state: WireGoalState


def detect(
    system: System,
    paths: Paths,
    discovery: Discovery,
    connect_to: Callable[[str], Connection],
    tries: int = DETECTION_TRIES,
) -> Detected:
    """Search until a wire server has given us a goal state, at most ``tries`` times: soon at first, then 10 s apart.

    Errors: ``ExchangeFailure`` with the last cause after the last try, or when the agent is ending.
    """
    endpoints.forget(system, paths)
    failure: Failure | None = None
    for attempt in range(tries):
        if attempt and not system.clock.pause(FIRST_DELAYS[attempt - 1] if attempt <= len(FIRST_DELAYS) else DETECTION_DELAY):
            break
        try:
            return _detected(system, paths, discovery, connect_to)
        except Failure as caught:
            failure = caught
            discovery.distrust()
            endpoints.forget(system, paths)
            # The same text 360 times would fill a log: the first one is loud.
            (system.log.verbose if attempt else system.log.warning)(f"the wire server was not reached: {caught}")
    raise ExchangeFailure("the wire server was not found", causes=(failure,) if failure else ())


def _detected(system: System, paths: Paths, discovery: Discovery, connect_to: Callable[[str], Connection]) -> Detected:
    found = discovery.discover()
    connection = connect_to(found.address)
    connection.certificates.renew_transport_pair()
    goal_state = connection.reader.renew_identity()
    endpoints.save(system, paths, found)
    return Detected(found, connection, goal_state)
