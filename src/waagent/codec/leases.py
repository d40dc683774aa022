"""Option 245, the wire server's address, in the files of DHCP clients (fabric.md 1.4).

Odd: the hex pairs of an address may have one digit; four printable bytes become a quoted string with escapes; in
dhclient's files the last block that has the option and has not expired wins, over all files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone

from waagent.codec import dhcp_packet

_VALUE = r'(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<hex>[0-9A-Fa-f:]+))\s*;'
_DHCLIENT = re.compile(r"option\s+unknown-245\s+" + _VALUE)
_OPENBSD = re.compile(r"option\s+option-245\s+" + _VALUE)
_EXPIRE = re.compile(
    r"expire\s+(?:[0-9]\s+)?(?:(?P<never>never)"
    r"|(?P<date>[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}\s+[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2})(?P<zone>\s+\S+)?"
    r"|epoch\s+(?P<epoch>[0-9]{1,12}))\s*;"
)
_NETWORKD = re.compile(r"\s*OPTION_245=([0-9A-Fa-f]{8})\s*")
_NETWORKMANAGER = re.compile(r"\b(?:private|unknown)_245\s*[=:]\s*([0-9A-Fa-f:]+)")
_ESCAPE = re.compile(r"\\([0-7]{1,3}|.)", re.DOTALL)
_UTC = ("UTC", "GMT", "Z")


def endpoint_from_dhclient(texts: Iterable[str], now: datetime) -> str | None:
    """ISC dhclient's files, in the order in which they are to be read."""
    return _from_blocks(texts, now, _DHCLIENT)


def endpoint_from_openbsd(texts: Iterable[str], now: datetime) -> str | None:
    """OpenBSD's dhclient: another name of the option, and a zone behind the times."""
    return _from_blocks(texts, now, _OPENBSD)


def endpoint_from_networkd(texts: Iterable[str]) -> str | None:
    """systemd-networkd: ``OPTION_245=a83f8110`` on a line of its own."""
    matches = (_NETWORKD.fullmatch(line) for text in texts for line in text.splitlines())
    return next((dhcp_packet.dotted(bytes.fromhex(match[1])) for match in matches if match), None)


def endpoint_from_networkmanager(texts: Iterable[str]) -> str | None:
    """NetworkManager: ``private_245 = a8:3f:81:10``, as nmcli prints it."""
    matches = (match for text in texts for match in _NETWORKMANAGER.finditer(text))
    return next((found for match in matches if (found := _from_hex(match[1]))), None)


def endpoint_from_dhcpcd(packet: bytes) -> str | None:
    """dhcpcd keeps the server's packet as it came."""
    offer = dhcp_packet.kept(packet)
    return None if offer is None else offer.endpoint


def _from_blocks(texts: Iterable[str], now: datetime, option: re.Pattern[str]) -> str | None:
    found: str | None = None
    for text in texts:
        for block in blocks(text):
            address = next((_address(match) for line in block if (match := option.match(line))), None)
            if address is not None and any(is_ahead(line, now) for line in block):
                found = address
    return found


def blocks(text: str) -> Iterator[list[str]]:
    """The lines of each ``lease { … }``; one that does not end does not count."""
    block: list[str] | None = None
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("lease"):
            block = []
        elif stripped.startswith("}"):
            if block is not None:
                yield block
            block = None
        elif block is not None:
            block.append(stripped)


def is_ahead(line: str, now: datetime) -> bool:
    """Whether this line says that the lease has not expired."""
    match = _EXPIRE.match(line)
    if match is None:
        return False
    if match["never"]:
        return True
    if match["epoch"]:
        return int(match["epoch"]) > now.timestamp()
    if match["zone"] and match["zone"].strip().upper() not in _UTC:
        return False  # a time that cannot be compared counts as expired
    try:
        year, month, day, hour, minute, second = (int(part) for part in re.split(r"[/:\s]+", match["date"]))
        return datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc) > now
    except ValueError:
        return False


def _address(match: re.Match[str]) -> str | None:
    return _from_hex(match["hex"]) if match["hex"] else _from_quoted(match["quoted"])


def _from_hex(text: str) -> str | None:
    parts = text.split(":") if ":" in text else [text[start : start + 2] for start in range(0, len(text), 2)]
    if len(parts) != 4 or not all(re.fullmatch("[0-9A-Fa-f]{1,2}", part) for part in parts):
        return None
    return ".".join(str(int(part, 16)) for part in parts)


def _from_quoted(text: str) -> str | None:
    try:
        data = _ESCAPE.sub(_unescaped, text).encode("latin-1")
    except UnicodeEncodeError:
        return None
    return dhcp_packet.dotted(data) if len(data) == 4 else None


def _unescaped(match: re.Match[str]) -> str:
    escaped: str = match[1]
    return chr(int(escaped, 8)) if escaped[0] in "01234567" else escaped
