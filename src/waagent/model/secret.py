"""Text that never prints, and the redaction of credentials inside text that does.

SAS URLs are credentials (fabric.md 14, traps 36 and 37): any ``sig=`` parameter hides the whole query.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Secret:
    """A value whose ``repr``, ``str`` and ``format`` never show it; ``reveal()`` is the one way to the text."""

    _text: str

    def reveal(self) -> str:
        """The secret text itself; call it only where the text leaves the process on purpose."""
        return self._text

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __bool__(self) -> bool:
        return bool(self._text)


_WORD = re.compile(r"[^\s\"'<>]+")
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_BARE_SIGNATURE = re.compile(r"\bsig=[^\s&\"'<>]+", re.IGNORECASE)


def redact(text: str) -> str:
    """Return ``text`` with the query of every signed URL, and any bare ``sig=`` value, replaced by ``<redacted>``.

    Word by word, so that the time grows with the length of the text only, whatever it holds.
    """
    return _BARE_SIGNATURE.sub("sig=<redacted>", _WORD.sub(_without_signed_query, text))


def _without_signed_query(match: re.Match[str]) -> str:
    word = match[0]
    scheme = _SCHEME.search(word)
    query = word.find("?", scheme.end()) + 1 if scheme else 0
    return f"{word[:query]}<redacted>" if query and "sig=" in word[query:].lower() else word
