"""``-version``: three lines that monitoring and the backup extension parse (guest.md 8.3), printed without importing the
agent's rooms, so that it answers in the time of a bare interpreter."""

from __future__ import annotations

import os
import sys

from waagent import __version__


def _distribution() -> tuple[str, str]:
    """Id and version from os-release, else the kernel's name and release."""
    fields: dict[str, str] = {}
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        try:
            with open(path, encoding="utf-8", errors="replace") as stream:
                for line in stream:
                    key, separator, value = line.strip().partition("=")
                    if separator:
                        fields[key] = value.strip("\"' ")
            break
        except OSError:
            continue
    uname = os.uname()
    names = {"ol": "oracle", "opensuse-leap": "opensuse"}
    identity = fields.get("ID", uname.sysname).lower()
    return names.get(identity, identity), fields.get("VERSION_ID", "" if fields else uname.release.partition("-")[0])


def lines() -> list[str]:
    """The three lines. One process is both daemon and goal-state agent, so that the third is our own version."""
    name, version = _distribution()
    return [
        f"WALinuxAgent-{__version__} running on {name} {version}".rstrip(),
        f"Python: {'.'.join(str(part) for part in sys.version_info[:3])}",
        f"Goal state agent: {__version__}",
    ]
