"""From a command line to a running verb: the only place that builds a real ``System``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from waagent import __version__
from waagent.cli.legacy import Invocation
from waagent.cli.log import AgentLog
from waagent.config import parse as configuration
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.model.failure import Failure, SystemFailure
from waagent.report.telemetry import Machine, os_version_text
from waagent.system.port import Files, System
from waagent.system.real import console
from waagent.system.real.clock import RealClock
from waagent.system.real.commands import PATH, RealCommands
from waagent.system.real.dispatch import RealHttp
from waagent.system.real.ending import Ending
from waagent.system.real.files import RealFiles
from waagent.system.real.sockets import RealSockets

if TYPE_CHECKING:
    from waagent.daemon.supervise import Course
    from waagent.guest.profile import Guest

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
    files: RealFiles | None = None,
) -> System:
    """The door to this machine, as the configuration wants it; ``environment`` is for the commands that it runs.

    ``files`` are those of another tree than the machine's own.
    """
    files, clock = files or RealFiles(ending=ending, hostile=(config.lib.dir,)), RealClock(ending)
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

    start_detached([*command(invocation), "-daemon"])
    return 0


def deprovision(invocation: Invocation, door: Door = open_door) -> int:
    """``-deprovision``, ``-deprovision+user``. The log is one of the things that go, so that only the terminal is told."""
    from waagent.cli import deprovision as verb

    config, system = _at_the_terminal(invocation, door)
    return verb.run(
        system,
        _this_guest(system.files),
        config,
        Paths.of(config),
        with_user=invocation.verb.word == "deprovision+user",
        force="force" in invocation.flags,
        dry_run="dry-run" in invocation.flags,
    )


def serialconsole(invocation: Invocation, door: Door = open_door) -> int:
    """``-serialconsole``, and with ``-undo`` back again. Only the terminal is told: an image is being built."""
    from waagent.cli import serialconsole as verb

    _, system = _at_the_terminal(invocation, door)
    return verb.run(
        system,
        _this_guest(system.files),
        os.uname().machine,
        undo="undo" in invocation.flags,
        dry_run="dry-run" in invocation.flags,
    )


def register_service(invocation: Invocation, door: Door = open_door) -> int:
    """``-register-service`` and its old spellings. No configuration is read: it may be what is laid."""
    from waagent.cli import register as verb

    dry_run = "dry-run" in invocation.flags
    destination, name = invocation.option("destdir"), invocation.option("lnx-distro")
    if name and destination is None:
        raise SystemFailure("--lnx-distro is for another system than this one: it needs --destdir")
    files = None
    if destination:
        os.makedirs(destination, exist_ok=True)  # noqa: PTH103
        files = RealFiles(root=os.path.abspath(destination))  # noqa: PTH100
    system = _without_a_log(Config(), door, files)
    if destination:
        guest = _this_guest(RealFiles())
        if name:
            from waagent.guest import detect
            from waagent.guest.profile import Identity

            version, full_name = invocation.option("lnx-distro-version"), invocation.option("lnx-distro-fullname")
            guest = detect.choose(Identity(name.lower(), version or "", "", full_name or ""), systemd=True)
        return verb.stage(system, guest, dry_run=dry_run)
    return verb.register(system, _this_guest(system.files), _python(), force="force" in invocation.flags, dry_run=dry_run)


def unregister_service(invocation: Invocation, door: Door = open_door) -> int:
    """``-unregister-service``, ``-uninstall``. The configuration says where the state is, if it is still there."""
    from waagent.cli import register as verb

    there = RealFiles().exists(configuration.locate(RealFiles(), invocation.configuration_path))
    config = load(invocation)[0] if there else Config()
    system, dry_run = _without_a_log(config, door), "dry-run" in invocation.flags
    return verb.unregister(system, _this_guest(system.files), _python(), Paths.of(config), dry_run=dry_run)


def collect_logs(invocation: Invocation) -> int:
    """``-collect-logs``, by a person or by the agent."""
    from waagent.cli import collect_logs as verb

    config, _, path = load(invocation)
    return verb.run(config, path, full="full" in invocation.flags, verbose="verbose" in invocation.flags)


def setup_firewall(invocation: Invocation, door: Door = open_door) -> int:
    """``-setup-firewall=IP``: what the unit of the firewall runs at boot, before there is a network."""
    from waagent.duties import firewall

    config, remarks, _ = load(invocation)
    if "if-enabled" in invocation.flags and not config.os.enable_firewall:
        return 0
    paths = Paths.of(config)
    system = door(
        build(
            config,
            Ending(),
            lambda files, clock: AgentLog(files, clock, paths.log, prefix="Firewall", verbose=config.logs.verbose),
        )
    )
    guest = _this_guest(system.files)
    for remark in remarks:
        system.log.warning(remark)
    steps = firewall.Firewall(system, guest, paths, command(invocation))
    try:
        said = firewall.setup(steps, invocation.firewall_address or "")
    except Failure as failure:
        system.log.error(str(failure))
        raise
    system.log.info(said)
    print(said)
    return 0


def command(invocation: Invocation) -> tuple[str, ...]:
    """What starts this agent again: interpreter, program, and where its configuration is if that was said."""
    program = (_python(), os.path.abspath(sys.argv[0]))  # noqa: PTH100
    path = invocation.configuration_path
    return (*program, f"-configuration-path:{path}") if path else program


def daemon(invocation: Invocation, door: Door = open_door) -> int:
    """``-daemon``: serve until SIGTERM."""
    from waagent.daemon import supervise

    return _agent(invocation, supervise.DAEMON, "Daemon", door)


def run_exthandlers(invocation: Invocation, door: Door = open_door) -> int:
    """``-run-exthandlers``: goal states alone, as long as the parent process lives; with ``-debug`` longer."""
    from waagent.daemon import supervise

    parent = os.getppid()
    is_orphan = None if "debug" in invocation.flags else lambda: os.getppid() != parent
    return _agent(invocation, supervise.goal_states(is_orphan), "ExtHandler", door)


def provision(invocation: Invocation, door: Door = open_door) -> int:
    """``-provision``: provisioning alone, and the report of it."""
    from waagent.daemon import supervise

    return _agent(invocation, supervise.PROVISION, "Daemon", door)


def _agent(invocation: Invocation, course: Course, prefix: str, door: Door) -> int:
    from waagent.cli.exports import exports
    from waagent.daemon import supervise
    from waagent.daemon.agent import Agent
    from waagent.system.real.memory import share_one_heap
    from waagent.system.real.notify import notify

    share_one_heap()
    config, remarks, _ = load(invocation)
    paths = Paths.of(config)
    ending = Ending()
    verbose = config.logs.verbose or "verbose" in invocation.flags
    first_boot = not os.path.exists(paths.provisioned)  # noqa: PTH110
    loud = console.write if config.logs.console and first_boot else None
    logs: list[AgentLog] = []

    def log(files: RealFiles, clock: RealClock) -> AgentLog:
        made = AgentLog(files, clock, paths.log, prefix=prefix, verbose=verbose, echo=_to_output, console=loud)
        logs.append(made)
        return made

    def quiet() -> None:
        logs[0].console = None

    guest = _this_guest(RealFiles())
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
        command=command(invocation),
        work_in=os.chdir,
        notify=notify,
        quiet=quiet,
    )
    status = supervise.run(agent, ending, course)
    # Lanes may still be inside a request or a command; what must be on disk is there, so nothing is waited for.
    sys.stdout.flush()
    os._exit(status)


def _python() -> str:
    return sys.executable or "/usr/bin/python3"


def _at_the_terminal(invocation: Invocation, door: Door) -> tuple[Config, System]:
    """For a verb that a person calls, and whose words go nowhere else."""
    config, remarks, _ = load(invocation)
    for remark in remarks:
        print(f"waagent: {remark}", file=sys.stderr)
    return config, _without_a_log(config, door)


def _without_a_log(config: Config, door: Door, files: RealFiles | None = None) -> System:
    return door(build(config, Ending(), lambda files, clock: AgentLog(files, clock, None), files=files))


def _this_guest(files: Files) -> Guest:
    from waagent.guest import detect

    kernel = os.uname()
    return detect.detect(files, kernel.sysname, kernel.release)


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
    "run-exthandlers": run_exthandlers,
    "provision": provision,
    "start": start,
    "deprovision": deprovision,
    "deprovision+user": deprovision,
    "register-service": register_service,
    "install": register_service,
    "setup": register_service,
    "unregister-service": unregister_service,
    "uninstall": unregister_service,
    "serialconsole": serialconsole,
    "collect-logs": collect_logs,
    "setup-firewall": setup_firewall,
    "show-configuration": show_configuration,
}
