"""What a guest has written in one file: its text, or how it differs from the file before, without credentials.

A guest's file tree is hostile: no link in it is followed, no pipe is waited for, and of a large file the beginning is read.
"""

import difflib
import os
import re
import stat
from pathlib import Path
from typing import Any

from fabriclab.guests.diff import Change, Entry
from fabriclab.journal import redact

MOST = 1 << 18  # bytes of a file
LINES = 4000  # that are compared

_PRIVATE_KEY = re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_HASH = re.compile(r"\$(?:1|2[abxy]|5|6|7|y|gy|argon2\w*)\$[^\s:\"'<]+")


def shown(change: Change, before: Path, after: Path) -> dict[str, Any]:
    """`before` and `after`: the file trees. The answer's `text` is a unified diff where `diff` is true."""
    versions = (_content(change.before, before, change.path), _content(change.after, after, change.path))
    there = [one for one in versions if one is not None]
    told = {"path": change.path, "about": change.text()}
    texts = [_text(one) for one in there]
    if not there or None in texts:
        return {**told, "diff": False, "text": _said_of(change, bool(there))}
    if len(there) == 2:
        return {**told, "diff": True, "text": _difference(*(text or "" for text in texts))}
    return {**told, "diff": False, "text": texts[0] or "(empty)"}


def _content(entry: Entry | None, base: Path, path: str) -> bytes | None:
    return read(base, path) if entry is not None and entry.kind == "file" else None


def read(base: Path, path: str) -> bytes | None:
    """The first bytes of a plain file below `base`; None for anything else, and for what lies behind a link."""
    *folders, name = [part for part in path.split("/") if part] or [""]
    if not name or {".", ".."} & {*folders, name}:
        return None
    place = None
    try:
        place = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for folder in folders:
            inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place)
            os.close(place)
            place = inner
        with open(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=place), "rb") as file:
            return file.read(MOST) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else None
    except OSError:
        return None
    finally:
        if place is not None:
            os.close(place)


def redacted(text: str) -> str:
    """As the journal's, and besides without private keys and password hashes, which files may hold."""
    text = _PRIVATE_KEY.sub(rf"\1\n{redact.MARK}\n\2", redact.text(text))
    return _HASH.sub(redact.MARK, text)


def _text(content: bytes) -> str | None:
    if b"\0" in content:
        return None
    cut = len(content) == MOST
    try:
        return redacted(content.decode("utf-8", "ignore" if cut else "strict")) + ("\n… (only the beginning)" if cut else "")
    except UnicodeDecodeError:
        return None


def _difference(old: str, new: str) -> str:
    found = difflib.unified_diff(old.splitlines()[:LINES], new.splitlines()[:LINES], "before", "after", lineterm="")
    return "\n".join(found) or "The content is the same, but for what is not shown."


def _said_of(change: Change, is_read: bool) -> str:
    entry = change.after or change.before
    if entry is None or entry.kind != "file":
        return "It has no content to show."
    return f"No text: {entry.size} bytes, SHA-256 {entry.digest}" if is_read else "It is gone by now; look again."
