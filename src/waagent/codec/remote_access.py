"""RemoteAccess: the just-in-time users (fabric.md 10).

Odd: there may be no user at all; groups mean nothing; an expiration that cannot be read is an error of that user only,
so its text is kept beside the missing time.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from waagent.codec.element import children, first, tree, value
from waagent.model.goal_state import RemoteAccess, RemoteUser

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

DOCUMENT = "RemoteAccess.xml"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_EXPIRATION = re.compile(
    r"(?:mon|tue|wed|thu|fri|sat|sun), ([0-9]{1,2}) ([a-z]{3}) ([0-9]{4}) ([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2}) (?:utc|gmt)",
    re.IGNORECASE,
)


def parse(data: bytes) -> RemoteAccess:
    """The users in the order of the document; one without a name is left out. Errors: ``DocumentFailure``."""
    root = tree(data, DOCUMENT, "RemoteAccess")
    users = (_user(each) for each in children(first(root, "Users"), "User"))
    return RemoteAccess(
        version=value(root, "Version") or "",
        incarnation=value(root, "Incarnation") or "",
        users=tuple(user for user in users if user.name),
    )


def _user(element: Element) -> RemoteUser:
    expiration = value(element, "Expiration") or ""
    return RemoteUser(
        name=value(element, "Name") or "",
        encrypted_password="".join((value(element, "Password") or "").split()),
        expiration=_moment(expiration),
        expiration_text=expiration,
    )


def _moment(text: str) -> datetime | None:
    """``Fri, 02 Jan 2026 12:00:00 UTC``, whatever the locale of this machine; None for anything else."""
    match = _EXPIRATION.fullmatch(" ".join(text.split()))
    if match is None or match[2].lower() not in _MONTHS:
        return None
    day, year, hour, minute, second = (int(match[group]) for group in (1, 3, 4, 5, 6))
    try:
        return datetime(year, _MONTHS.index(match[2].lower()) + 1, day, hour, minute, second, tzinfo=timezone.utc)
    except ValueError:
        return None
