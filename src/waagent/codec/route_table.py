"""The kernel's IPv4 routing table, ``/proc/net/route`` (guest.md 5.1).

A head line names the columns, separated by tabs. Odd: addresses are hexadecimal in the byte order of the machine, so that
168.63.129.16 reads ``10813FA8``; flags are hexadecimal too, the metric is decimal.
"""

from __future__ import annotations

from waagent.model.network import RouteEntry

_COLUMNS = ("Iface", "Destination", "Gateway", "Flags", "Metric", "Mask")


def parse(text: str) -> tuple[RouteEntry, ...]:
    """The routes in the order of the table; lines that cannot be read are left out. Raises nothing."""
    lines = text.splitlines()
    head = lines[0].split() if lines else []
    if not all(column in head for column in _COLUMNS):
        return ()
    places = [head.index(column) for column in _COLUMNS]
    found = (_entry(line.split(), places) for line in lines[1:])
    return tuple(entry for entry in found if entry is not None)


def _entry(fields: list[str], places: list[int]) -> RouteEntry | None:
    if len(fields) <= max(places):
        return None
    interface, destination, gateway, flags, metric, mask = (fields[place] for place in places)
    try:
        return RouteEntry(interface, _dotted(destination), _dotted(gateway), _dotted(mask), int(flags, 16), int(metric))
    except ValueError:
        return None


def _dotted(text: str) -> str:
    data = bytes.fromhex(text)
    if len(data) != 4:
        raise ValueError(f"{text} is no address")
    return ".".join(str(part) for part in reversed(data))
