"""Option 245, and routes, in the files of the system's own DHCP client (fabric.md 1.4).

Which files, and in which form, is the guest family's knowledge and comes in as a value.
"""

from __future__ import annotations

from waagent.model.failure import CommandFailure, Failure, SystemFailure
from waagent.model.network import DhcpOffer
from waagent.system.port import System

LeaseSources = tuple[tuple[str, tuple[str, ...]], ...]
"""(format, globs) in the order to look; formats: dhclient, networkd, openbsd, dhcpcd, networkmanager."""


def look(system: System, sources: LeaseSources) -> str | None:
    """The first wire server address any source names, or None. A bad file counts as empty."""
    for form, globs in sources:
        address = _endpoint(system, form, _contents(system, globs))
        if address is not None:
            return address
    return None


def routes(system: System, sources: LeaseSources) -> DhcpOffer | None:
    """Gateway and routes of the first source that names any, or None. A bad file counts as empty."""
    for form, globs in sources:
        try:
            offer = _offer(system, form, _contents(system, globs))
        except Failure as failure:
            system.log.verbose(f"{form} lease ignored: {failure.reason}")
            continue
        if offer is not None:
            return offer
    return None


def _offer(system: System, form: str, contents: list[bytes]) -> DhcpOffer | None:
    from waagent.codec import dhcp_packet, lease_routes

    texts = [content.decode("utf-8", "replace") for content in contents]
    if form in ("dhclient", "openbsd"):
        return lease_routes.from_dhclient(texts, system.clock.now())
    if form == "networkd":
        return lease_routes.from_networkd(texts)
    if form == "dhcpcd":
        kept = (dhcp_packet.kept(content) for content in contents)
        return next((offer for offer in kept if offer is not None and (offer.gateway or offer.routes)), None)
    if form == "networkmanager":
        return lease_routes.from_networkmanager([*texts, *_asked_networkmanager(system)])
    return None


def _contents(system: System, globs: tuple[str, ...]) -> list[bytes]:
    found = []
    for pattern in globs:
        for path in system.files.glob(pattern):
            try:
                content = system.files.read_if_there(path, 1024 * 1024)
            except SystemFailure as failure:
                system.log.verbose(f"lease file ignored: {failure.reason}")
                continue
            if content:
                found.append(content)
    return found


def _endpoint(system: System, form: str, contents: list[bytes]) -> str | None:
    from waagent.codec import leases

    texts = [content.decode("utf-8", "replace") for content in contents]
    try:
        if form == "dhclient":
            return leases.endpoint_from_dhclient(texts, system.clock.now())
        if form == "networkd":
            return leases.endpoint_from_networkd(texts)
        if form == "openbsd":
            return leases.endpoint_from_openbsd(texts, system.clock.now())
        if form == "dhcpcd":
            return next((found for content in contents if (found := leases.endpoint_from_dhcpcd(content))), None)
        if form == "networkmanager":
            return leases.endpoint_from_networkmanager([*texts, *_asked_networkmanager(system)])
    except Failure as failure:
        system.log.verbose(f"{form} lease ignored: {failure.reason}")
    return None


def _asked_networkmanager(system: System) -> list[str]:
    """NetworkManager's internal client keeps the option (``private_245``) on its bus only; nmcli prints it."""
    if not system.commands.find("nmcli"):
        return []
    try:
        return [system.commands.run(("nmcli", "-f", "DHCP4", "device", "show"), timeout=10.0).stdout]
    except CommandFailure:
        return []
