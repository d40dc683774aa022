"""The ports in memory: nothing here touches the machine, and whatever was not prepared fails the test."""

from __future__ import annotations

from typing import Any

from unit.fakes.clock import FrozenClock
from unit.fakes.commands import ScriptedChild, ScriptedCommands
from unit.fakes.files import MemoryFiles
from unit.fakes.http import ReplayHttp
from unit.fakes.log import ListLog
from unit.fakes.sockets import FakeSockets
from waagent.system.port import System

__all__ = ["FakeSockets", "FrozenClock", "ListLog", "MemoryFiles", "ReplayHttp", "ScriptedChild", "ScriptedCommands", "system"]


def system(**parts: Any) -> System:
    """A ``System`` of fakes; pass the prepared ones by name (``files=``, ``commands=``, ``http=``, ``clock=``, …)."""
    clock = parts.get("clock") or FrozenClock()
    files = parts.get("files") or MemoryFiles(now=lambda: clock.now().timestamp())
    sockets = parts.get("sockets") or FakeSockets()
    for waited in (files, sockets):
        waited.pause = lambda seconds: clock.pause(seconds)
    return System(
        files=files,
        commands=parts.get("commands") or ScriptedCommands(),
        http=parts.get("http") or ReplayHttp(),
        clock=clock,
        sockets=sockets,
        log=parts.get("log") or ListLog(),
    )
