"""A DISCOVER of our own, to learn option 245 (fabric.md 1.3, guest.md 5.3).

Five sends of one packet, 10 s each, after waits of 0, 10, 30, 60 and 60 s. Around it the system is made ready to
receive the answer and put back as it was: packet filter, a route for the broadcast, the system's own DHCP client.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from waagent.codec import dhcp_packet
from waagent.fabric import routes
from waagent.model.failure import CommandFailure, DocumentFailure, ExchangeFailure, SystemFailure
from waagent.model.network import DhcpOffer
from waagent.system.port import System

WAITS = (0.0, 10.0, 30.0, 60.0, 60.0)
RECEIVE_TIMEOUT = 10.0
Argv = tuple[str, ...]


@dataclass(frozen=True)
class Surroundings:
    """Commands around the exchange; names in braces are filled in, failures are ignored. The default is Linux.

    The route commands run only where there is no default route.
    """

    open_port: tuple[Argv, ...] = (
        ("iptables", "-D", "INPUT", "-p", "udp", "--dport", "68", "-j", "ACCEPT"),
        ("iptables", "-I", "INPUT", "-p", "udp", "--dport", "68", "-j", "ACCEPT"),
    )
    add_route: Argv = ("ip", "route", "add", "255.255.255.255", "dev", "{interface}")
    remove_route: Argv = ("ip", "route", "del", "255.255.255.255", "dev", "{interface}")
    add_gateway: Argv = routes.LINUX
    stop_client: Argv = ()
    start_client: Argv = ()


BSD = Surroundings(
    open_port=(),
    add_route=("route", "add", "255.255.255.255", "-iface", "{interface}"),
    remove_route=("route", "delete", "255.255.255.255", "-iface", "{interface}"),
    add_gateway=routes.BSD,
)


def probe(
    system: System,
    *,
    identifier: bytes,
    broadcast: bool,
    interface: tuple[str, bytes],
    surroundings: Surroundings,
    default_route: bool,
    waits: tuple[float, ...] = WAITS,
) -> DhcpOffer:
    """What the network's DHCP server says. Errors: ``ExchangeFailure`` when nobody answered, one send after each wait."""
    name, mac = interface
    before: list[Argv] = [*surroundings.open_port, surroundings.stop_client]
    after: list[Argv] = [surroundings.start_client]
    if not default_route:
        before.append(surroundings.add_route)
        after.insert(0, surroundings.remove_route)
    _all(system, before, {"interface": name})
    try:
        return _ask(system, dhcp_packet.discover(identifier, mac, broadcast), identifier, mac, name, waits)
    finally:
        _all(system, after, {"interface": name})


def _ask(system: System, packet: bytes, identifier: bytes, mac: bytes, interface: str, waits: tuple[float, ...]) -> DhcpOffer:
    causes: list[SystemFailure] = []
    for wait in waits:
        if wait and not system.clock.pause(wait):
            raise ExchangeFailure("DHCP: given up because the agent is ending")
        taken: list[DhcpOffer] = []

        def accept(reply: bytes, taken: list[DhcpOffer] = taken) -> bool:
            try:
                taken.append(dhcp_packet.parse_offer(reply, identifier, mac))
            except DocumentFailure as failure:  # for another machine, or too short (trap 60)
                system.log.verbose(f"DHCP answer ignored: {failure.reason}")
                return False
            return True

        try:
            system.sockets.broadcast(packet, interface=interface, timeout=RECEIVE_TIMEOUT, accept=accept)
        except SystemFailure as failure:
            causes.append(failure)
        if taken:
            return taken[-1]
        system.log.verbose(f"no DHCP server answered on {interface}")
    raise ExchangeFailure(
        f"no DHCP server answered on {interface} ({len(waits)} {'try' if len(waits) == 1 else 'tries'})",
        causes=tuple(causes[-1:]),
    )


def _all(system: System, commands: Iterable[Argv], names: Mapping[str, str]) -> None:
    for argv in commands:
        if not argv or not system.commands.find(argv[0]):
            continue
        try:
            system.commands.run(tuple(word.format(**names) for word in argv), timeout=30.0, ok=None)
        except CommandFailure as failure:
            system.log.verbose(f"{argv[0]}: {failure.reason}")
