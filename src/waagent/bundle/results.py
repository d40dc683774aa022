"""``results.txt``: what the collector did, in lines with their time (extensions.md 9.6)."""

from __future__ import annotations

from waagent.model.secret import redact
from waagent.system.port import System

LIMIT = 2 * 1024 * 1024


class Results:
    """Lines up to ``LIMIT`` bytes; each is also told to the log, listings not."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._lines: list[bytes] = []
        self._size = 0

    def say(self, text: str) -> None:
        self._system.log.verbose(text)
        self.quote(text)

    def warn(self, text: str) -> None:
        self._system.log.info(text)
        self.quote(f"WARNING: {text}")

    def quote(self, text: str) -> None:
        moment = self._system.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        line = f"{moment} {redact(text)}\n".encode("utf-8", "surrogateescape")
        if self._size + len(line) <= LIMIT:
            self._lines.append(line)
            self._size += len(line)

    def content(self) -> bytes:
        return b"".join(self._lines)
