"""The primary interface (guest.md 5.1): the one with the cheapest default route."""

from __future__ import annotations

import re

from waagent.guest.profile import Guest
from waagent.system.port import System

ROUTES = "/proc/net/route"
_GATEWAY = 0x2


def primary_interface(system: System, guest: Guest) -> str | None:
    """Its name, or None while there is none."""
    if guest.primary_interface:
        return first_interface(system.commands.run(guest.primary_interface, ok=None).stdout)
    content = system.files.read_if_there(ROUTES)
    return cheapest_default((content or b"").decode("ascii", "replace"))


def cheapest_default(text: str) -> str | None:
    """The interface of the default route with the lowest metric in the text of /proc/net/route; the first one on a tie."""
    routes: list[tuple[int, str]] = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 6 and fields[1] == "00000000" and _has_gateway(fields[3]) and fields[6].isdigit():
            routes.append((int(fields[6]), fields[0]))
    return min(routes, key=lambda route: route[0])[1] if routes else None


def _has_gateway(flags: str) -> bool:
    return bool(re.fullmatch(r"[0-9A-Fa-f]+", flags)) and bool(int(flags, 16) & _GATEWAY)


def first_interface(text: str) -> str | None:
    """The first name that ``ifconfig -l ether`` (names) or ``ifconfig hvn`` (paragraphs) prints."""
    match = re.search(r"[a-z]+\d+", text)
    return match[0] if match else None
