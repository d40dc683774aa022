"""``-collect-logs [-full]`` (extensions.md 9.6): the collector, as the agent runs it within limits, or a person without.

Which of both it is, the environment tells: ``1`` means that a control group confines us, ``0`` that nothing but our own
word does. Exit status: 0, 1 for a failure, 2 to 4 when it gave up (``bundle/restraint.py``).
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Mapping

from waagent.bundle.manifest import manifest
from waagent.bundle.restraint import TOO_MUCH, GaveUp, Restraint, confined
from waagent.bundle.run import collect
from waagent.cli.log import AgentLog
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.duties.log_bundle import CONFINED
from waagent.system.port import System
from waagent.system.real.clock import RealClock
from waagent.system.real.commands import RealCommands
from waagent.system.real.dispatch import RealHttp
from waagent.system.real.ending import Ending
from waagent.system.real.files import RealFiles
from waagent.system.real.sockets import RealSockets

_DATA = 64 * 1024 * 1024
"""Bytes that the process may ever have of its own: beyond it Python says so, and we end in order."""
_OUTPUT = 256 * 1024


def run(config: Config, configuration: str, *, full: bool, verbose: bool, environment: Mapping[str, str] = os.environ) -> int:
    """Make the bundle; the exit status. Errors: ``SystemFailure``."""
    paths = Paths.of(config)
    by_agent = environment.get(CONFINED)
    system = _door(paths, verbose=verbose, echo=by_agent is None)
    agent = os.getppid()
    try:
        if by_agent is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (_DATA, resource.getrlimit(resource.RLIMIT_DATA)[1]))
        group = confined(system.files) if by_agent == "1" else None
        restraint = Restraint(system, group, lambda: os.getppid() == agent, watched=by_agent is not None)
        bundle = collect(system, paths, manifest(paths, configuration, full=full), restraint, os.getpid())
    except GaveUp as reason:
        system.log.warning(f"the logs are not collected: {reason}")
        return reason.status
    except MemoryError:
        system.log.warning("the logs are not collected: there is not enough memory")
        return TOO_MUCH
    if by_agent is None:
        print(bundle)
    return 0


def _door(paths: Paths, *, verbose: bool, echo: bool) -> System:
    """A door for reading what others wrote; nothing is asked of the network."""
    ending = Ending()
    files, clock = RealFiles(ending=ending, hostile=(paths.lib, paths.extension_logs)), RealClock(ending)
    commands = RealCommands(output_limit=_OUTPUT)
    said = (lambda text: sys.stderr.write(text)) if echo else None
    log = AgentLog(files, clock, paths.log, prefix="LogCollector", verbose=verbose, echo=said)
    return System(files, commands, RealHttp(), clock, RealSockets(ending), log)
