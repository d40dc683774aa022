"""Which proxy a storage request goes through (guest.md 7.2 ``HttpProxy.*``; fabric.md trap 24). Pure.

The configuration beats the environment, and needs host and port; ``no_proxy`` is honoured for both. Only requests that
say so may use a proxy at all: the wire server, the host plugin and metadata never do.
"""

from __future__ import annotations

from collections.abc import Mapping


def choose(scheme: str, host: str, configured: tuple[str | None, int | None], environment: Mapping[str, str]) -> str | None:
    """The URL of the proxy for a request to ``host`` by ``scheme``, or None for a direct connection."""
    name, port = configured
    if name is not None:
        if port is None:
            return None
        proxy = f"{name}:{port}"
    else:
        proxy = _variable(environment, f"{scheme}_proxy").strip()
    if not proxy or is_exempt(host, _variable(environment, "no_proxy")):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def is_exempt(host: str, exemptions: str) -> bool:
    """Whether ``no_proxy`` names this host: ``*``, an address, a network in CIDR form, a name or a domain suffix."""
    wanted = host.strip("[]").rstrip(".").lower()
    return any(_covers(entry, wanted) for entry in exemptions.replace(" ", ",").lower().split(",") if entry)


def _covers(entry: str, host: str) -> bool:
    if entry == "*":
        return True
    from ipaddress import ip_address, ip_network

    try:
        address = ip_address(host)
    except ValueError:
        suffix = entry.partition(":")[0].lstrip("*").strip(".")
        return bool(suffix) and (host == suffix or host.endswith(f".{suffix}"))
    for spelling in (entry, entry.partition(":")[0], entry.strip("[]")):
        try:
            return address in ip_network(spelling, strict=False)
        except (ValueError, TypeError):
            continue
    return False


def _variable(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name) or environment.get(name.upper()) or ""
