"""Everything the daemon works with, as one value that ``cli`` builds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.guest.profile import Guest
from waagent.report.telemetry import Machine
from waagent.system.port import System


@dataclass(frozen=True)
class Agent:
    """``random`` gives so many random bytes, ``notify`` tells the service manager, ``quiet`` ends the console's copy."""

    system: System
    config: Config
    paths: Paths
    guest: Guest
    machine: Machine
    process_id: int
    random: Callable[[int], bytes]
    environment: Mapping[str, str] = field(default_factory=dict)
    """What extension commands inherit (extensions.md 2.8): the environment this process was started with."""
    command: tuple[str, ...] = ("/usr/bin/python3", "/usr/sbin/waagent")
    """What starts this agent: interpreter, program, and arguments that every verb takes."""
    work_in: Callable[[str], object] = lambda directory: None
    """Makes a directory the working directory of this process."""
    notify: Callable[[str], object] = lambda state: None
    quiet: Callable[[], object] = lambda: None

    @property
    def version(self) -> str:
        return self.machine.agent_version
