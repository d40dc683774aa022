"""Secrets taken out of what goes into the bundle, piece by piece, so that no file is ever held in memory.

Out go: signatures of storage addresses, keys of storage accounts, bearer tokens, what is said to be a password or a secret,
password hashes, private keys, and the protected settings of extensions, encrypted as they are. Odd: a text without a
single blank in 256 KiB is no log; it is left out, because nobody can tell where a secret begins in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from waagent.model.secret import redact

LINE = 256 * 1024
KEY = 16 * 1024
"""Bytes that are left out after the beginning of a private key which never ends."""
MARK = b"<redacted>"

_SUSPECT = re.compile(
    rb"(?i)sig=|account_?key|accesskey|passw|secret|bearer\s|private key|\$(?:1|2[abxy]?|5|6|7|y|gy)\$|protectedsettings"
)
_SECRETS = (
    (re.compile(rb"(?i)((?:account_?key|sharedaccesskey)\\?[\"']?\s*[=:]\s*\\?[\"']?)[A-Za-z0-9+/=%_-]{16,}"), rb"\1" + MARK),
    (re.compile(rb"(?i)((?:password|passwd|secret)\\?[\"']?\s*[=:]\s*\\?[\"']?)[^\s\"'\\&;,<>]{4,}"), rb"\1" + MARK),
    (re.compile(rb"(?i)(bearer\s+)[A-Za-z0-9._~+/=-]{16,}"), rb"\1" + MARK),
    (re.compile(rb"\$(?:1|2[abxy]?|5|6|7|y|gy)\$[^\s:\"'<>]{8,}"), MARK),
    (re.compile(rb"(?i)(\\?[\"']protectedsettings\\?[\"']\s*:\s*\\?[\"'])[^\"'\\]+"), rb"\1" + MARK),
)
_BEGIN = re.compile(rb"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----")
_END = re.compile(rb"-----END [A-Z ]{0,40}PRIVATE KEY-----")
_BLANK = re.compile(rb"\s")


class Redaction:
    """A text on its way: ``feed`` its pieces, then ``finish``; both give what may be passed on."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._in_key = 0
        """Bytes that a private key may still have; 0 outside of one."""
        self._in_word = False
        """In a word that is too long to be anything."""

    def feed(self, piece: bytes) -> bytes:
        self._kept += piece
        cut = self._kept.rfind(b"\n") + 1
        if not cut and len(self._kept) > LINE:
            cut = self._cut()
        if not cut:
            return b""
        ready = bytes(self._kept[:cut])
        del self._kept[:cut]
        return self._clean(ready)

    def finish(self) -> bytes:
        ready = bytes(self._kept)
        self._kept.clear()
        return self._clean(ready)

    def _cut(self) -> int:
        """Where a line without end is cut: after a blank, and not within the words that begin a key."""
        blank = max(self._kept.rfind(b" "), self._kept.rfind(b"\t"), self._kept.rfind(b"\r"))
        if blank < 0:
            return len(self._kept)
        mark = self._kept.rfind(b"-----", max(0, blank - 64), blank + 1)
        return mark if mark > 0 else blank + 1

    def _clean(self, text: bytes) -> bytes:
        if self._in_word:
            found = _BLANK.search(text)
            if found is None:
                return b""
            self._in_word = False
            text = text[found.start() :]
        elif len(text) > LINE and not _BLANK.search(text):
            self._in_word = True
            return MARK
        if not self._in_key and not _SUSPECT.search(text):
            return text
        return self._plain(self._without_keys(text))

    def _without_keys(self, text: bytes) -> bytes:
        out = bytearray()
        while text:
            if self._in_key:
                end = _END.search(text, 0, self._in_key + 64)
                left = len(text) if end is None else end.end()
                left = min(left, self._in_key) if end is None else left
                self._in_key = 0 if end is not None else self._in_key - left
                text = text[left:]
                continue
            begin = _BEGIN.search(text)
            if begin is None:
                return bytes(out + text)
            out += text[: begin.start()] + MARK
            text = text[begin.end() :]
            self._in_key = KEY
        return bytes(out)

    def _plain(self, text: bytes) -> bytes:
        for pattern, mark in _SECRETS:
            text = pattern.sub(mark, text)
        return b"\n".join(_without_signature(line) for line in text.split(b"\n"))


def redacted(source: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces of a text without its secrets."""
    redaction = Redaction()
    for piece in source:
        yield redaction.feed(piece)
    yield redaction.finish()


def _without_signature(line: bytes) -> bytes:
    """Bytes that are no ASCII come through as they are, whatever encoding they mean."""
    return redact(line.decode("latin-1")).encode("latin-1") if b"sig=" in line.lower() else line


def settings(content: bytes) -> bytes:
    """A settings file without the protected settings. Errors: ``ValueError`` for what is no JSON."""

    def without(value: object) -> object:
        if isinstance(value, list):
            return [without(each) for each in value]
        if not isinstance(value, dict):
            return value
        return {
            key: MARK.decode() if key.lower() == "protectedsettings" and inner else without(inner)
            for key, inner in value.items()
        }

    if not content.strip():
        return content
    try:
        document = json.loads(content)
        return json.dumps(without(document)).encode()
    except RecursionError as error:
        raise ValueError("too deep") from error
