"""``-daemon``: claim the pid file, start the lanes, wait for the end (architecture.md, "Concurrency").

Lanes: boot (provisioning), health (reports, in order), fabric (search and polling), extensions, status, telemetry and
monitor. The main thread waits for the next duty due or a signal, and nothing else.
"""

from __future__ import annotations

import signal
import threading
import uuid

from waagent.daemon import history, pidfile
from waagent.daemon.agent import Agent
from waagent.daemon.boot import Boot
from waagent.daemon.event_files import LEGACY_PERIOD, EventFiles
from waagent.daemon.outbox import Outbox
from waagent.daemon.polling import Polling
from waagent.daemon.processing import Processing
from waagent.daemon.reports import Reports
from waagent.daemon.schedule import Duty, Scheduler
from waagent.daemon.search import Search, keep_searching
from waagent.daemon.status_reports import StatusReports
from waagent.duties import hostname
from waagent.duties.remote_users import PERIOD as REMOTE_USERS_PERIOD
from waagent.duties.remote_users import RemoteUsers
from waagent.extension.run import Extensions
from waagent.fabric import endpoint, leases
from waagent.fabric.connection import Connection
from waagent.fabric.goal_state import Refresh
from waagent.fabric.heartbeat import beat
from waagent.guest import platform
from waagent.model.event import Operation
from waagent.model.failure import Failure
from waagent.model.health import HealthReport, provisioning_failed
from waagent.model.status import GoalStateAggregate
from waagent.provision import marker
from waagent.report import kvp, status, telemetry

HEARTBEAT_PERIOD = 60.0
AGENT_HEARTBEAT_PERIOD = 1800.0
PLACEHOLDER = b"<xml>empty placeholder file</xml>"


def run(agent: Agent, ending: threading.Event) -> int:
    """Serve until SIGTERM or SIGINT; the exit status. ``ending`` is the event that ends every pause of the clock."""
    system, paths = agent.system, agent.paths
    other = pidfile.running_agent(system, paths.pid, agent.process_id)
    if other is not None:
        system.log.info(f"another agent runs already (process {other}); this one ends")
        return 0
    system.files.make_directory(paths.lib, mode=0o700)
    system.files.make_directory(paths.extension_logs, mode=0o755)
    pidfile.write(system, paths.pid, agent.process_id)
    daemon = Daemon(agent)
    _obey_signals(daemon.scheduler, ending)
    agent.notify("READY=1\nSTATUS=starting")
    try:
        daemon.serve()
    finally:
        ending.set()
        agent.notify("STOPPING=1")
        pidfile.release(system, paths.pid, agent.process_id)
    system.log.info("the agent ends")
    return 0


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
            agent, self._search, lambda work: self.scheduler.errand("health", work), before=self._write_pool
        )
        self._polling = Polling(agent, self._taken, lambda: self._status is None or self._status.converged)
        self._connection: Connection | None = None
        self._status: StatusReports | None = None
        self._processing: Processing | None = None
        self._remote_users: RemoteUsers | None = None
        self._serving = False
        self._lock = threading.Lock()
        self._open = False
        self._newest: Refresh | None = None
        self._event_files = EventFiles(agent, self._outbox, lambda: not agent.system.clock.pause(0.0))
        self._identity = str(uuid.uuid4())
        self._beats = 0

    def serve(self) -> None:
        """Run until the scheduler is stopped."""
        self.scheduler.errand("boot", self._boot)
        self.scheduler.run()

    def _write_pool(self, health: HealthReport) -> None:
        agent = self._agent
        kvp.write(agent.system, health, agent_version=agent.version, vm_id=marker.vm_id(agent.system, agent.guest))

    # -- the boot lane

    def _boot(self) -> None:
        agent = self._agent
        # compat: the backup extension reads our version from the last such text in the log (extensions.md 11.1)
        agent.system.log.info(f"Azure Linux Agent Version: {agent.version}")
        agent.system.log.info(f"this machine runs {agent.guest.id} {agent.guest.version}".rstrip())
        if not agent.guest.known:
            agent.system.log.warning(f"the system {agent.guest.id} is not known; it is taken for {agent.guest.family}")
        boot = Boot(
            agent,
            self._reports,
            self._outbox.tell,
            lambda: self.scheduler.errand("fabric", self._find),
            self._polling.wait_for_first,
        )
        azure = self._attempt(boot)
        agent.quiet()
        if not azure:
            agent.system.log.phase("this machine is not on Azure: the agent stays quiet")
            agent.notify("STATUS=not on Azure, idle")
        elif agent.system.files.exists(agent.paths.disable_agent):
            agent.system.log.warning(
                f"the agent is disabled by {agent.paths.disable_agent}: remove the file and restart the service to enable it"
            )
            agent.notify("STATUS=disabled, idle")
        else:
            self._open_up()

    def _attempt(self, boot: Boot) -> bool:
        """The edge of booting: whatever goes wrong in it is reported, and extensions are served all the same."""
        agent = self._agent
        try:
            return boot.run(proof(agent))
        except Exception as error:  # noqa: BLE001 - the edge that keeps a defect in booting from leaving the VM unserved
            reason = str(error) if isinstance(error, Failure) else f"unexpected {type(error).__name__}: {error}"
            agent.system.log.error(f"provisioning failed: {reason}")
            self._reports.say(provisioning_failed(reason))
            boot.search_once()
            return True

    def _open_up(self) -> None:
        """Provisioning is over: extensions may run, and the periodic duties begin."""
        agent = self._agent
        if not agent.system.files.exists(agent.paths.goal_state_placeholder):
            agent.system.files.write(agent.paths.goal_state_placeholder, PLACEHOLDER, mode=0o644)
        agent.notify("STATUS=serving goal states")
        with self._lock:
            self._open = True
            newest = self._newest
        self.scheduler.add(Duty("telemetry", "telemetry", self._outbox.send, lambda: 60.0, delay=2.0))
        self.scheduler.add(
            Duty(
                "agent heartbeat", "monitor", self._tell_heartbeat, lambda: AGENT_HEARTBEAT_PERIOD, delay=AGENT_HEARTBEAT_PERIOD
            )
        )
        self.scheduler.add(
            Duty("goal state", "fabric", self._polling.poll, self._polling.period, delay=0.0 if newest is None else 2.0)
        )
        if newest is not None:
            self.scheduler.errand("fabric", lambda: self._hand_over(newest))

    # -- the fabric lane

    def _find(self) -> None:
        connection = keep_searching(self._search, self._agent)
        if connection is None:
            return
        self._polling.connected(connection)
        self._outbox.connected(connection)
        self._serve_with(connection)
        self._polling.poll()

    def _serve_with(self, connection: Connection) -> None:
        agent, scheduler = self._agent, self.scheduler
        extensions = Extensions(
            agent.system,
            agent.config,
            agent.paths,
            agent.guest,
            connection.new_packages(),
            agent_version=agent.version,
            wire_endpoint=lambda: connection.address,
            tell=self._outbox.tell,
            known_features=status.known_features(agent.config),
            changed=lambda: scheduler.wake("status"),
        )
        reports = StatusReports(
            agent,
            connection,
            extensions,
            self._outbox.tell,
            refetch=self._refetch,
            uploaded=lambda: scheduler.errand("fabric", connection.reader.status_reported),
        )
        self._status = reports

        def done(aggregate: GoalStateAggregate) -> None:
            reports.processed(aggregate)
            scheduler.wake("status")

        self._remote_users = RemoteUsers(
            agent.system,
            agent.guest,
            agent.config,
            connection.certificates.decrypt_password,
            agent.random,
            self._outbox.tell,
        )
        self._processing = Processing(agent, extensions, lambda work: scheduler.errand("extensions", work), done)
        self._connection = connection

    def _refetch(self) -> None:
        self._polling.force()

    def _taken(self, refresh: Refresh) -> None:
        """A complete goal state: kept until provisioning is over, then handed on."""
        self._outbox.placed(refresh.goal_state)
        with self._lock:
            waits = not self._open
            if waits and (self._newest is None or refresh.wire_changed or refresh.extensions_changed):
                self._newest = refresh
        if not waits:
            self._hand_over(refresh)

    def _hand_over(self, refresh: Refresh) -> None:
        if self._status is None or self._processing is None:
            return
        self._status.take(refresh.goal_state)
        if refresh.wire_changed and self._remote_users is not None:
            self._remote_users.take(refresh.goal_state.remote_access)
            self.scheduler.wake("remote users")
        if refresh.extensions_changed:
            if not refresh.goal_state.extensions.outdated:
                self._processing.submit(refresh.goal_state.extensions)
            self.scheduler.wake("status")
        if not self._serving:
            self._serving = True
            self._begin_duties(self._status)

    def _begin_duties(self, reports: StatusReports) -> None:
        """The duties that need a goal state."""
        agent, add = self._agent, self.scheduler.add
        self._event_files.prepare()
        etp = float(agent.config.debug.etp_collection_period)
        add(Duty("status", "status", reports.report, reports.period))
        add(Duty("heartbeat", "monitor", self._beat, lambda: HEARTBEAT_PERIOD, delay=5.0))
        add(Duty("legacy events", "monitor", self._event_files.collect_legacy, lambda: LEGACY_PERIOD, delay=LEGACY_PERIOD))
        add(Duty("extension events", "monitor", self._event_files.collect, lambda: etp, delay=etp))
        if self._remote_users is not None:
            add(Duty("remote users", "monitor", self._remote_users.look, lambda: REMOTE_USERS_PERIOD))
        watch = agent.config.provisioning
        if watch.monitor_host_name:
            add(Duty("host name", "monitor", self._watch_host_name, lambda: float(watch.monitor_host_name_period)))

    # -- the monitor lane

    def _beat(self) -> None:
        connection, system = self._connection, self._agent.system
        if connection is None:
            return
        for observation in beat(system, connection.wire, connection.host, connection.imds, connection.signals):
            message = f'{{"name": "{observation.name}", "description": "{observation.description}"}}'
            self._outbox.tell(Operation("HealthObservation", False, message, system.clock.now()))

    def _watch_host_name(self) -> None:
        hostname.run(self._agent.system, self._agent.guest, self._agent.paths, self._outbox.tell)

    def _tell_heartbeat(self) -> None:
        agent = self._agent
        self._beats += 1
        text = telemetry.heartbeat_text(
            self._beats, self._identity, self._polling.failures, updates=status.updates_wanted(agent.config), rsm=False
        )
        self._outbox.tell(Operation("HeartBeat", True, text, agent.system.clock.now()))
        detected = self._search.detected
        errors = telemetry.http_errors_text(detected.connection.exchange.take_errors()) if detected else None
        if errors is not None:
            self._outbox.tell(Operation("HttpErrors", False, errors, agent.system.clock.now()))


def proof(agent: Agent) -> str | None:
    """What shows, before anything is sent, that this machine is on Azure; None when nothing does."""
    system = agent.system
    if platform.is_azure(platform.asset_tag(system)):
        return "its chassis asset tag"
    if endpoint.has_route(endpoint.routes_text(system)):
        return "a route to the platform's address"
    try:
        return "a DHCP lease with option 245" if leases.look(system, agent.guest.lease_sources) else None
    except Failure:
        return None
