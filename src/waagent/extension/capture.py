"""What a command printed, as messages carry it (extensions.md 2.9): the head of each stream, together about 3200 characters.

Odd: of each stream the first 3200 bytes are captured; where both do not fit, the *tail* of that head is kept, and what the
shorter stream leaves over goes to the longer one.
"""

from __future__ import annotations

LIMIT = 3200
"""Bytes captured of each stream, and characters of both together."""
_SHARE = 1590


def formatted(stdout: bytes, stderr: bytes) -> str:
    """Both streams with their labels."""
    out, err = _text(stdout), _text(stderr)
    if len(out) + len(err) >= LIMIT:
        room_out = _SHARE + max(0, _SHARE - len(err))
        room_err = _SHARE + max(0, _SHARE - len(out))
        out, err = out[-room_out:], err[-room_err:]
    return f"[stdout]\n{out}\n\n[stderr]\n{err}"


def condensed(output: str) -> str:
    """The output for a log: without empty lines."""
    return "\n".join(line for line in output.splitlines() if line.strip())


def _text(stream: bytes) -> str:
    return stream[:LIMIT].decode("utf-8", "backslashreplace")
