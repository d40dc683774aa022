"""The host name, watched: a name that was changed on this machine is kept and told to DNS (guest.md 5.6).

``published_hostname`` remembers what DNS was told last; other products read it. Where it is missing, the name that
cloud-init set, else the present one, counts as told. Publishing never takes a link down (promises.md, "hostname").
"""

from __future__ import annotations

from collections.abc import Callable

from waagent.config.paths import Paths
from waagent.guest import dhcp, dhcp_client, hostname, network
from waagent.guest.profile import Guest
from waagent.model.event import Operation
from waagent.model.failure import Failure
from waagent.system.action import Plan, WriteFile
from waagent.system.apply import apply
from waagent.system.port import System

CLOUD_INIT_NAME = "/var/lib/cloud/data/set-hostname"


def run(system: System, guest: Guest, paths: Paths, tell: Callable[[Operation], None]) -> None:
    """Look once. A publishing that fails is told and still remembered: it would fail the same way every time."""
    current = system.sockets.host_name()
    told = published(system, paths)
    if told is None:
        told = by_cloud_init(system) or current
        apply(system, (remember(paths, told),))
    if not current or current == told:
        return
    system.log.info(f"the host name has changed from {told} to {current}")
    interface = network.primary_interface(system, guest)
    try:
        apply(system, plan(system, guest, current, interface))
        apply(system, (remember(paths, current),))
        dhcp_client.renew(system, guest, interface, renamed=True)
    except Failure as failure:
        tell(Operation("HostnamePublishing", False, str(failure), system.clock.now()))
        system.log.warning(f"the host name {current} was not published: {failure.reason}")
        apply(system, (remember(paths, current),))


def plan(system: System, guest: Guest, name: str, interface: str | None) -> Plan:
    """Keep the name over a boot, and have the DHCP client send it. Errors: ``Failure`` for a name that cannot be one."""
    persistent = hostname.persistent_file(guest)
    content = system.files.read_if_there(persistent) if persistent else None
    text = None if content is None else content.decode("utf-8", "surrogateescape")
    tools = frozenset({"hostnamectl"} if system.commands.find("hostnamectl") else ())
    return (
        *hostname.set_name(guest, name, text=text, tools=tools),
        *dhcp.publish(guest, name, dhcp.observe(system, guest, interface)),
    )


def remember(paths: Paths, name: str) -> WriteFile:
    return WriteFile(paths.published_hostname, name.encode(), mode=0o644, why="remember the published name")


def published(system: System, paths: Paths) -> str | None:
    """The name DNS was told last; None when nothing says so."""
    content = system.files.read_if_there(paths.published_hostname, 4096)
    return None if content is None else content.decode("utf-8", "replace").strip()


def by_cloud_init(system: System) -> str | None:
    """The name that cloud-init set on this machine, from its own note of it."""
    content = system.files.read_if_there(CLOUD_INIT_NAME, 64 * 1024)
    if content is None:
        return None
    import json

    try:
        name = json.loads(content)["hostname"]
    except (ValueError, KeyError, TypeError):
        return None
    return name if isinstance(name, str) and name else None
