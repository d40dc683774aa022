"""Numbers and flags that documents spell as text, and the defaults of both kinds of goal state (fabric.md 4.2, 4.5, 4.8).

Odd: ticks are beyond a double's precision, so nothing here ever becomes a float (trap 13); a time the document does not
say, or says badly, is the minimum date, which is 0 ticks (trap 14).
"""

from __future__ import annotations

import re

ZERO_GUID = "00000000-0000-0000-0000-000000000000"
LAST_TICK = 3_155_378_975_999_999_999
"""The last 100 ns of the year 9999: there is no time after it."""
_INTEGER = re.compile(r"[+-]?[0-9]{1,40}")


def integer(text: str | None) -> int | None:
    """The integer that ``text`` spells in plain digits, or None."""
    stripped = (text or "").strip()
    return int(stripped) if _INTEGER.fullmatch(stripped) else None


def ticks(number: int | None) -> int:
    """``number`` as a creation time; 0 when it is no time."""
    return number if number is not None and 0 <= number <= LAST_TICK else 0


def level(number: int | None) -> int:
    """``number`` as a dependency level; 0 when the document has none that can be read."""
    return number if number is not None and number > 0 else 0


def flag(text: str | None) -> bool | None:
    """Three states: None when there is no text at all, else whether it says ``true`` in any case."""
    return None if text is None else text.strip().lower() == "true"
