"""One running agent: claim the pid file, start the lanes, wait for the end (architecture.md, "Concurrency").

What it was started for is its course (guest.md 8.2): a daemon's whole life, goal states alone, or provisioning alone.

Lanes: boot (provisioning), machine (host keys, then what talks to nobody), health (reports, in order), fabric (search and
polling), extensions, status, telemetry and monitor. The main thread waits for the next duty due, news or a signal only.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from waagent.daemon import history, neighbours, pidfile, wire_guard
from waagent.daemon.agent import Agent
from waagent.daemon.boot import Boot
from waagent.daemon.environment import Environment
from waagent.daemon.outbox import Outbox
from waagent.daemon.polling import Polling
from waagent.daemon.reports import Reports
from waagent.daemon.schedule import Duty, Scheduler
from waagent.daemon.search import Search, keep_searching
from waagent.fabric import leases, routes
from waagent.fabric.connection import Connection
from waagent.fabric.goal_state import Refresh
from waagent.guest import platform
from waagent.model.failure import Failure, SystemFailure
from waagent.model.health import HealthReport, provisioning_failed
from waagent.provision import marker
from waagent.provision.marker import Verdict
from waagent.report import kvp

if TYPE_CHECKING:
    from waagent.daemon.serving import Serving

PLACEHOLDER = b"<xml>empty placeholder file</xml>"
LAST_REPORT = 3600.0
"""Seconds for the report of ``-provision`` to be taken; a Ready that was not is still owed at the next start."""
PARENT_PERIOD = 30.0


@dataclass(frozen=True)
class Course:
    """What a process is started for. ``beside``: its exit status where another agent runs already."""

    follow: Callable[[Daemon], int]
    beside: int = 1


def run(agent: Agent, ending: threading.Event, course: Course) -> int:
    """Follow a course until its end, SIGTERM or SIGINT; the exit status. ``ending`` ends every pause of the clock."""
    system, paths = agent.system, agent.paths
    other = pidfile.running_agent(system, paths.pid, agent.process_id)
    if other is not None:
        system.log.info(f"another agent runs already (process {other}); this one ends")
        return course.beside
    pidfile.write(system, paths.pid, agent.process_id)
    daemon = Daemon(agent)
    _obey_signals(daemon.scheduler, ending)
    agent.notify("READY=1\nSTATUS=starting")
    try:
        return course.follow(daemon)
    finally:
        ending.set()
        agent.notify("STOPPING=1")
        pidfile.release(system, paths.pid, agent.process_id)
        system.log.info("the agent ends")


def _obey_signals(scheduler: Scheduler, ending: threading.Event) -> None:
    def end(number: int, frame: object) -> None:
        ending.set()
        scheduler.stop()

    signal.set_wakeup_fd(scheduler.wakeup_descriptor, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)


class Daemon:
    """The parts of one running agent, and who tells whom."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self.scheduler = Scheduler(agent.system.clock, agent.system.log)
        self._outbox = Outbox(agent, lambda seconds: self.scheduler.wake("telemetry", seconds))
        self._search = Search(
            agent, lambda tag, documents: history.archive(agent.system, agent.paths, tag, documents), self._outbox.tell
        )
        self._reports = Reports(
            agent,
            self._search,
            lambda work: self.scheduler.errand("health", work),
            before=self._write_pool,
            untaken=self._report_again,
        )
        self._environment = Environment(agent, self.scheduler, self._outbox.tell)
        self._serving: Serving | None = None
        self._polling = Polling(
            agent,
            self._taken,
            lambda: self._serving is None or self._serving.converged,
            self._follow,
            lambda: self._serving.recovered() if self._serving is not None else None,
        )
        self._lock = threading.Lock()
        self._open = False
        self._poll_wanted = False
        self._poll_begun = False
        self._status = 0
        self._waiting: Refresh | None = None
        """The goal state that came before provisioning was over."""

    def serve(self) -> int:
        """A daemon's whole life: provisioning, then goal states."""
        return self._live(self._boot)

    def serve_goal_states(self, is_orphan: Callable[[], bool] | None = None) -> int:
        """Goal states without provisioning, until the parent process is gone where ``is_orphan`` tells that."""

        def look() -> None:
            if is_orphan is not None and is_orphan():
                self._agent.system.log.info("the process that started this one is gone")
                self.scheduler.stop()

        if is_orphan is not None:
            self.scheduler.add(Duty("parent", "monitor", look, lambda: PARENT_PERIOD))
        return self._live(self._serve_only)

    def provision(self) -> int:
        """Provisioning alone: 1 unless this machine is provisioned in the end."""
        self._status = 1
        self.scheduler.add(Duty("patience", "monitor", self.scheduler.stop, lambda: LAST_REPORT, LAST_REPORT))
        return self._live(self._provision_only)

    def _live(self, first: Callable[[], object]) -> int:
        self.scheduler.errand("boot", first)
        self.scheduler.run()
        return self._status

    def _write_pool(self, health: HealthReport) -> None:
        agent = self._agent
        kvp.write(agent.system, health, agent_version=agent.version, vm_id=marker.platform_id(agent.system, agent.guest))

    def _report_again(self) -> None:
        reports = self._reports
        self.scheduler.add(Duty("report", "health", reports.again, reports.again_in, reports.again_in()))

    # -- the boot lane

    def _boot(self) -> None:
        self._introduce()
        handover = neighbours.system_center(self._agent)
        if handover is not None:
            if handover.ends:
                self.scheduler.stop()
            return
        azure = self._attempt(self._new_boot(self._begin))
        self._agent.quiet()
        if azure and neighbours.reboots_for_rdma(self._agent, self._search):
            return
        self._go_on(azure)

    def _serve_only(self) -> None:
        agent = self._agent
        self._introduce()
        agent.quiet()
        azure = proof(agent) is not None or marker.check(agent.system, agent.guest, agent.paths).verdict is Verdict.SAME
        if azure:
            self._search.reuse()
            self._begin()
        self._go_on(azure)

    def _provision_only(self) -> None:
        self._introduce()
        boot = self._new_boot(self._begin_search)
        azure = self._attempt(boot)
        if not azure:
            self._agent.system.log.error("this machine is not on Azure: nothing was provisioned")
        self._status = 0 if azure and not boot.failed else 1
        self.scheduler.errand("health", self._outbox.send)
        self.scheduler.errand("health", self.scheduler.stop)

    def _introduce(self) -> None:
        agent = self._agent
        log = agent.system.log
        # compat: the backup extension reads our version from the last such text in the log (extensions.md 11.1)
        log.info(f"Azure Linux Agent Version: {agent.version}")
        log.info(f"this machine runs {agent.guest.id} {agent.guest.version}".rstrip())
        self._environment.wake()
        if not agent.guest.known:
            log.warning(f"the system {agent.guest.id} is not known; it is taken for {agent.guest.family}")

    def _new_boot(self, begin_search: Callable[[], object]) -> Boot:
        return Boot(
            self._agent,
            self._reports,
            self._outbox.tell,
            begin_search,
            self._first_goal_state,
            lambda work: self.scheduler.errand("machine", work),
            self._environment.await_disk,
            self._environment.medium_read,
        )

    def _go_on(self, azure: bool) -> None:
        """What comes after provisioning."""
        agent = self._agent
        if not azure:
            agent.system.log.phase("this machine is not on Azure: the agent stays quiet")
            agent.notify("STATUS=not on Azure, idle")
        elif agent.system.files.exists(agent.paths.disable_agent):
            agent.system.log.warning(
                f"the agent is disabled: remove {agent.paths.disable_agent} and restart the service to enable it"
            )
            agent.notify("STATUS=disabled, idle")
        else:
            self._open_up()

    def _begin(self) -> None:
        self._begin_search()
        self._environment.begin()

    def _begin_search(self) -> None:
        """This machine is on Azure: only now the agent takes its places on the disk."""
        agent = self._agent
        files, paths = agent.system.files, agent.paths
        try:
            files.make_directory(paths.lib, mode=0o700)
            agent.work_in(files.real_path(paths.lib))
            files.make_directory(paths.extension_logs)  # 0755 when it is new: extensions close it (extensions.md 11.1)
        except SystemFailure as failure:
            agent.system.log.error(str(failure))
        finally:
            self.scheduler.errand("fabric", self._find)

    def _attempt(self, boot: Boot) -> bool:
        """The edge of booting: whatever goes wrong in it is reported, and extensions are served all the same."""
        agent = self._agent
        try:
            return boot.run(proof(agent))
        except Exception as error:  # noqa: BLE001 - the edge that keeps a defect in booting from leaving the VM unserved
            reason = str(error) if isinstance(error, Failure) else f"unexpected {type(error).__name__}: {error}"
            agent.system.log.error(f"provisioning failed: {reason}")
            self._reports.say(provisioning_failed(reason))
            boot.failed = True
            boot.search_once()
            return True

    def _open_up(self) -> None:
        """Provisioning is over: goal states are obeyed from now on."""
        agent = self._agent
        if not agent.system.files.exists(agent.paths.goal_state_placeholder):
            agent.system.files.write(agent.paths.goal_state_placeholder, PLACEHOLDER, mode=0o644)
        agent.notify("STATUS=serving goal states")
        with self._lock:
            self._open = True
            waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self.scheduler.errand("fabric", lambda: self._obey(waiting))
        self._want_goal_state()
        self.scheduler.add(Duty("telemetry", "telemetry", self._outbox.send, lambda: 60.0, delay=2.0))

    # -- the fabric lane

    def _find(self) -> None:
        connection = keep_searching(self._search, self._agent)
        if connection is None:
            return
        from waagent.daemon.serving import Serving  # the extension room is not needed on the way to Ready

        self._polling.connected(connection)
        self._outbox.connected(connection)
        self._serving = Serving(
            self._agent,
            self.scheduler,
            connection,
            self._outbox,
            self._environment,
            self._polling.force,
            lambda: self._polling.failures,
        )
        self._begin_polling()

    def _follow(self, connection: Connection) -> bool:
        """The wire server does not answer any more: whoever guards its address has to follow too."""
        moved = self._search.look_elsewhere(connection)
        if moved:
            self.scheduler.wake(wire_guard.NAME)
        return moved

    def _first_goal_state(self) -> None:
        """Provisioning needs the certificates of a goal state: polling begins, and goes on, until one has come."""
        self._want_goal_state()
        self._polling.wait_for_first()

    def _want_goal_state(self) -> None:
        self._poll_wanted = True
        self._begin_polling()

    def _begin_polling(self) -> None:
        """From the first moment that somebody wants a goal state and there is a connection; before, it would only cost."""
        with self._lock:
            if self._poll_begun or not self._poll_wanted or self._serving is None:
                return
            self._poll_begun = True
        self.scheduler.add(Duty("goal state", "fabric", self._polling.poll, self._polling.period))

    def _taken(self, refresh: Refresh) -> None:
        """A complete goal state: kept until provisioning is over, then obeyed."""
        self._outbox.placed(refresh.goal_state)
        with self._lock:
            if not self._open:
                self._waiting = refresh if self._waiting is None else refresh.after(self._waiting)
                return
        self._obey(refresh)

    def _obey(self, refresh: Refresh) -> None:
        if self._serving is not None:
            self._serving.take(refresh)


def proof(agent: Agent) -> str | None:
    """What shows, before anything is sent, that this machine is on Azure; None when nothing does."""
    system = agent.system
    if platform.is_azure(platform.asset_tag(system)):
        return "its chassis asset tag"
    if routes.has_route(routes.table(system)):
        return "a route to the platform's address"
    try:
        return "a DHCP lease with option 245" if leases.look(system, agent.guest.lease_sources) else None
    except Failure:
        return None


DAEMON = Course(Daemon.serve, beside=0)
PROVISION = Course(Daemon.provision)


def goal_states(is_orphan: Callable[[], bool] | None) -> Course:
    """``-run-exthandlers``."""
    return Course(lambda daemon: daemon.serve_goal_states(is_orphan))
