"""``Monitor.NetworkConfigurationChanges``: what changes of cards, addresses and routes goes to the log (extensions.md 9.7)."""

from __future__ import annotations

from waagent.fabric import routes
from waagent.model.failure import CommandFailure
from waagent.system.port import System

PERIOD = 60.0
ADDRESSES = ("ip", "-o", "address", "show")
_STATE = "/sys/class/net/{name}/operstate"
_LONGEST = 20
"""Lines of one look; a machine of many containers would fill the log otherwise."""


class NetworkChanges:
    """Remembers what the last look saw."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._seen: tuple[str, ...] | None = None

    def look(self) -> None:
        found = observe(self._system)
        before, self._seen = self._seen, found
        if before is None:
            self._tell("network", found)
            return
        self._tell("network: no longer", tuple(line for line in before if line not in found))
        self._tell("network: now", tuple(line for line in found if line not in before))

    def _tell(self, what: str, lines: tuple[str, ...]) -> None:
        for line in lines[:_LONGEST]:
            self._system.log.info(f"{what} {line}")
        if len(lines) > _LONGEST:
            self._system.log.info(f"{what} … and {len(lines) - _LONGEST} more")


def observe(system: System) -> tuple[str, ...]:
    """One line for each card, address and route."""
    cards = [f"card {name} ({address.hex(':')}), {_state(system, name)}" for name, address in system.sockets.interfaces()]
    return (*cards, *addresses(_addresses(system)), *_routes(routes.table(system)))


def addresses(text: str) -> tuple[str, ...]:
    """From lines such as ``2: eth0    inet 10.0.0.4/24 brd 10.0.0.255 scope global eth0``, without what counts down."""
    fields = (line.split() for line in text.splitlines())
    return tuple(
        f"address {words[3]} on {words[1]}"
        for words in fields
        if len(words) > 3 and words[2] in ("inet", "inet6") and words[1] != "lo"
    )


def _addresses(system: System) -> str:
    if not system.commands.find(ADDRESSES[0]):
        return ""
    try:
        return system.commands.run(ADDRESSES, timeout=10.0).stdout
    except CommandFailure:
        return ""


def _routes(table: str) -> tuple[str, ...]:
    found = routes.entries(table)
    if not found:
        return tuple(f"route {' '.join(line.split()[:2])}" for line in table.splitlines() if line[:1].isdigit())
    return tuple(
        f"route {each.destination}/{each.mask} by {each.gateway} on {each.interface}, metric {each.metric}" for each in found
    )


def _state(system: System, name: str) -> str:
    content = system.files.read_if_there(_STATE.format(name=name), 64)
    return (content or b"unknown").decode("ascii", "replace").strip()
