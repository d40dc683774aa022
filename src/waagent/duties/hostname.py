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
REST = 5.0
"""Seconds between two publishings: a service manager gives up a client that is started again too often."""


class HostName:
    """``tell`` gets the event of a publishing that failed; ``period`` is the configured one, in seconds."""

    def __init__(
        self, system: System, guest: Guest, paths: Paths, tell: Callable[[Operation], object], period: float = 30.0
    ) -> None:
        self._system = system
        self._guest = guest
        self._paths = paths
        self._tell = tell
        self._period = period
        self._rests_until: float | None = None

    def period(self) -> float:
        """Seconds to the next look; a name that was changed again meanwhile need not wait for the configured ones."""
        if self._rests_until is None:
            return self._period
        return min(self._period, max(self._rests_until - self._system.clock.monotonic(), 0.0))

    def look(self) -> None:
        """Look once. A publishing that fails is told and still remembered: it would fail the same way every time."""
        system = self._system
        if self._rests_until is not None and system.clock.monotonic() < self._rests_until:
            return
        self._rests_until = None
        current = system.sockets.host_name()
        told = published(system, self._paths)
        if told is None:
            told = by_cloud_init(system) or current
            apply(system, (remember(self._paths, told),))
        if not current or current == told:
            return
        system.log.info(f"the host name has changed from {told} to {current}")
        self._publish(current)
        self._rests_until = system.clock.monotonic() + REST

    def _publish(self, name: str) -> None:
        system = self._system
        interface = network.primary_interface(system, self._guest)
        try:
            apply(system, plan(system, self._guest, name, interface))
            apply(system, (remember(self._paths, name),))
            dhcp_client.renew(system, self._guest, interface, renamed=True)
        except Failure as failure:
            self._tell(Operation("HostnamePublishing", False, str(failure), system.clock.now()))
            system.log.warning(f"the host name {name} was not published: {failure.reason}")
            apply(system, (remember(self._paths, name),))


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
