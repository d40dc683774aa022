"""Hyper-V key-value pools, ``/var/lib/hyperv/.kvp_pool_<n>`` (fabric.md 12.1).

Layout, no header, repeated to the end of the file::

    key    512 bytes   UTF-8, padded with NULs
    value 2048 bytes   UTF-8, padded with NULs

Odd: the kernel converts to UTF-16 and needs room for a terminator, so far less than the fields is of use; keys may
repeat, and the last one wins. Sizes are bytes: text is cut after encoding, on a character boundary (trap 63). Locking
and truncation are the writer's business (12.2).
"""

from __future__ import annotations

from collections.abc import Iterable

from waagent.model.failure import DocumentFailure

KEY_SIZE, VALUE_SIZE = 512, 2048
RECORD_SIZE = KEY_SIZE + VALUE_SIZE
KEY_LIMIT, VALUE_LIMIT = 254, 1022
"""Bytes of UTF-8 that every reader gets whole."""
_POOL = "KVP pool"


def parse(data: bytes) -> tuple[tuple[str, str], ...]:
    """The records in order; a short one at the end is left out. Bad UTF-8 is escaped."""
    whole = len(data) - len(data) % RECORD_SIZE
    starts = range(0, whole, RECORD_SIZE)
    return tuple((_text(data[at : at + KEY_SIZE]), _text(data[at + KEY_SIZE : at + RECORD_SIZE])) for at in starts)


def latest(data: bytes) -> dict[str, str]:
    """The records as a map: the last one of a key wins."""
    return dict(parse(data))


def render(records: Iterable[tuple[str, str]]) -> bytes:
    """Whole records, to be appended. A value that is too long is cut. Errors: ``DocumentFailure`` for a bad key."""
    return b"".join(_record(key, value) for key, value in records)


def split(key: str, value: str) -> tuple[tuple[str, str], ...]:
    """One long value as several records with the same key, each short enough for every reader."""
    parts: list[tuple[str, str]] = []
    rest = value
    while rest:
        part = cut(rest, VALUE_LIMIT)
        parts.append((key, part))
        rest = rest[len(part) :]
    return tuple(parts) or ((key, ""),)


def cut(text: str, limit: int) -> str:
    """The beginning of ``text`` that fits into ``limit`` bytes of UTF-8 (at least four)."""
    return text.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


def is_stale(modified: float, boot_time: float) -> bool:
    """Whether a pool was last written before this boot, and is to be emptied once; both in seconds since 1970."""
    return modified < boot_time


def _record(key: str, value: str) -> bytes:
    name = key.encode("utf-8", "replace")
    if not name or b"\0" in name or len(name) > KEY_LIMIT:
        raise DocumentFailure(_POOL, key[:80], f"a key has 1 to {KEY_LIMIT} bytes without NUL")
    content = cut(value.replace("\0", ""), VALUE_LIMIT).encode()
    return name.ljust(KEY_SIZE, b"\0") + content.ljust(VALUE_SIZE, b"\0")


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "backslashreplace")
