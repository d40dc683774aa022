"""Starts the agent as /usr/sbin/waagent does, behind a door with two differences, each named by a file of the guest.

/etc/hurry: by how much the monotonic clock runs faster, so that minutes of patience pass in seconds. /etc/test-root.pem: the
certificate at which signatures of packages end, in place of the real one.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from waagent.cli import legacy, wiring
from waagent.system.port import Clock, Files, System

HURRY, ROOT = Path("/etc/hurry"), Path("/etc/test-root.pem")
ROOT_NAME = "microsoft_root_certificate.pem"


class Hurried:
    """Pauses are as long as they seem by this clock; other waits, such as that for a child, are real."""

    def __init__(self, clock: Clock, factor: float) -> None:
        self._clock = clock
        self._factor = factor

    def now(self) -> datetime:
        return self._clock.now()

    def monotonic(self) -> float:
        return self._clock.monotonic() * self._factor

    def pause(self, seconds: float) -> bool:
        return self._clock.pause(seconds / self._factor)


class Rooted:
    """Files, of which one is written with another content."""

    def __init__(self, files: Files, root: bytes) -> None:
        self._files = files
        self._root = root

    def __getattr__(self, name: str) -> Any:
        return getattr(self._files, name)

    def write(self, path: str, content: bytes, *more: Any, **named: Any) -> None:
        self._files.write(path, self._root if path.endswith(ROOT_NAME) else content, *more, **named)


def door(system: System) -> System:
    clock: Any = Hurried(system.clock, float(HURRY.read_text())) if HURRY.exists() else system.clock
    files: Any = Rooted(system.files, ROOT.read_bytes()) if ROOT.exists() else system.files
    return replace(system, clock=clock, files=files)


def main() -> int:
    os.environ.pop("PYTHONPATH", None)
    invocation = legacy.parse(sys.argv[1:])
    return wiring.VERBS[invocation.verb.word](invocation, door)  # type: ignore[call-arg]


if __name__ == "__main__":
    sys.exit(main())
