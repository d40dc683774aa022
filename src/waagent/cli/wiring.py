"""From a command line to a running verb: the only place that builds a real ``System``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping

from waagent import __version__
from waagent.cli.legacy import Invocation
from waagent.cli.log import AgentLog
from waagent.config import parse as configuration
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.report.telemetry import Machine, os_version_text
from waagent.system.port import System
from waagent.system.real import console
from waagent.system.real.clock import RealClock
from waagent.system.real.commands import PATH, RealCommands
from waagent.system.real.dispatch import RealHttp
from waagent.system.real.ending import Ending
from waagent.system.real.files import RealFiles
from waagent.system.real.sockets import RealSockets

Door = Callable[[System], System]
"""Puts something between the agent and its machine: a test that counts what the agent does, and ends it there."""


def open_door(system: System) -> System:
    """Nothing in between."""
    return system


def build(
    config: Config,
    ending: Ending,
    log: Callable[[RealFiles, RealClock], AgentLog],
    environment: Mapping[str, str] | None = None,
) -> System:
    """The door to this machine, as the configuration wants it; ``environment`` is for the commands that it runs."""
    files, clock = RealFiles(ending=ending, hostile=(config.lib.dir,)), RealClock(ending)
    http = RealHttp(f"WALinuxAgent/{__version__}", proxy_host=config.http_proxy.host, proxy_port=config.http_proxy.port)
    return System(files, RealCommands(exports=environment), http, clock, RealSockets(ending), log(files, clock))


def load(invocation: Invocation) -> tuple[Config, tuple[str, ...], str]:
    """The configuration, remarks on it, and its path. Errors: ``SystemFailure``, ``DocumentFailure``."""
    files = RealFiles()
    path = configuration.locate(files, invocation.configuration_path)
    config, remarks = configuration.load(files, path)
    return config, tuple(f"{path}: {remark}" for remark in remarks), path


def show_configuration(invocation: Invocation) -> int:
    from waagent.config import render

    config, remarks, _ = load(invocation)
    print(render.show(config), end="")
    for remark in remarks:
        print(f"waagent: {remark}", file=sys.stderr)
    return 0


def start(invocation: Invocation) -> int:
    """``-start``: the daemon in the background, with its streams on /dev/null and in a session of its own."""
    from waagent.system.real.detach import start_detached

    argv = [sys.executable or "/usr/bin/python3", "-u", os.path.abspath(sys.argv[0]), "-daemon"]  # noqa: PTH100
    if invocation.configuration_path:
        argv.append(f"-configuration-path:{invocation.configuration_path}")
    start_detached(argv)
    return 0


def deprovision(invocation: Invocation, door: Door = open_door) -> int:
    """``-deprovision``, ``-deprovision+user``. The log is one of the things that go, so that only the terminal is told."""
    from waagent.cli import deprovision as verb
    from waagent.guest import detect

    config, remarks, _ = load(invocation)
    system = door(build(config, Ending(), lambda files, clock: AgentLog(files, clock, None)))
    for remark in remarks:
        print(f"waagent: {remark}", file=sys.stderr)
    kernel = os.uname()
    return verb.run(
        system,
        detect.detect(system.files, kernel.sysname, kernel.release),
        config,
        Paths.of(config),
        with_user=invocation.verb.word == "deprovision+user",
        force="force" in invocation.flags,
        dry_run="dry-run" in invocation.flags,
    )


def daemon(invocation: Invocation, door: Door = open_door) -> int:
    """``-daemon``: serve until SIGTERM."""
    from waagent.cli.exports import exports
    from waagent.daemon import supervise
    from waagent.daemon.agent import Agent
    from waagent.guest import detect
    from waagent.system.real.notify import notify

    config, remarks, _ = load(invocation)
    paths = Paths.of(config)
    ending = Ending()
    verbose = config.logs.verbose or "verbose" in invocation.flags
    first_boot = not os.path.exists(paths.provisioned)  # noqa: PTH110
    loud = console.write if config.logs.console and first_boot else None
    logs: list[AgentLog] = []

    def log(files: RealFiles, clock: RealClock) -> AgentLog:
        made = AgentLog(files, clock, paths.log, prefix="Daemon", verbose=verbose, echo=_to_output, console=loud)
        logs.append(made)
        return made

    def quiet() -> None:
        logs[0].console = None

    guest = detect.detect(RealFiles(), os.uname().sysname, os.uname().release)
    os.environ.update(exports(config, guest, __version__, os.environ))
    system = door(build(config, ending, log, exports(config, guest, __version__, {"PATH": PATH})))
    for remark in remarks:
        system.log.warning(remark)
    agent = Agent(
        system=system,
        config=config,
        paths=paths,
        guest=guest,
        machine=_machine(guest.id, guest.version, guest.code_name),
        process_id=os.getpid(),
        random=os.urandom,
        environment={name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"},
        notify=notify,
        quiet=quiet,
    )
    status = supervise.run(agent, ending)
    # Lanes may still be inside a request or a command; what must be on disk is there, so nothing is waited for.
    sys.stdout.flush()
    os._exit(status)


def _machine(distribution: str, version: str, code_name: str) -> Machine:
    kernel = os.uname()
    return Machine(
        agent_version=__version__,
        os_version=os_version_text(kernel.sysname, distribution, version, code_name, kernel.release),
        ram_mb=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1024 * 1024),
        processors=os.cpu_count() or 1,
        cpu_architecture=kernel.machine,
    )


def _to_output(text: str) -> None:
    """Standard output: the journal where systemd started us. A closed one is no reason to stop."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except (OSError, ValueError):
        pass


VERBS: dict[str, Callable[[Invocation], int]] = {
    "daemon": daemon,
    "start": start,
    "deprovision": deprovision,
    "deprovision+user": deprovision,
    "show-configuration": show_configuration,
}
