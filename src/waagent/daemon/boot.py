"""From the start of the daemon to the word Ready: who provisions, was it done, doing it, and saying so (guest.md 2.2, 2.3).

One lane of its own. Reports to the fabric are errands of another lane, in their order, so that a host that answers slowly
delays no account. Odd: the medium is read before the wire server is known, and where nothing else proves that this is
Azure, a document on the medium does.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from waagent.daemon.agent import Agent
from waagent.daemon.early import Early
from waagent.daemon.reports import Reports
from waagent.guest.network import primary_interface
from waagent.model.event import Operation
from waagent.model.failure import Failure, ProvisionFailure
from waagent.model.health import READY, STARTING, provisioning_failed
from waagent.model.ovf import OvfEnvironment
from waagent.provision import cloudinit, ending, marker, pool
from waagent.provision import run as provisioning
from waagent.provision.cloudinit import Choice, Owner
from waagent.provision.marker import Verdict
from waagent.provision.run import Document
from waagent.system.apply import apply


class Boot:
    """``begin_search`` starts looking for the wire server; ``first_goal_state`` waits until one was fetched whole.

    ``medium_read`` hears that the provisioning medium has been read, or is not going to be: its mount point is free.
    """

    def __init__(
        self,
        agent: Agent,
        reports: Reports,
        tell: Callable[[Operation], None],
        begin_search: Callable[[], object],
        first_goal_state: Callable[[], object],
        errand: Callable[[Callable[[], object]], object] = lambda work: work(),
        await_disk: Callable[[], object] = lambda: None,
        medium_read: Callable[[], object] = lambda: None,
    ) -> None:
        self._agent = agent
        self._reports = reports
        self._tell = tell
        self._begin_search = begin_search
        self._searching = False
        self._first_goal_state = first_goal_state
        self._errand = errand
        self._await_disk = await_disk
        self._medium_read = medium_read
        self._host_keys: Early[tuple[str, ...]] | None = None
        self.failed = False
        """Whether provisioning was tried and not brought to its end."""

    def run(self, proof: str | None) -> bool:
        """Everything up to Ready; False when this machine is not on Azure. ``proof`` says what shows that it is."""
        agent = self._agent
        system, paths = agent.system, agent.paths
        choice = cloudinit.owner(system, agent.config)
        found = marker.check(system, agent.guest, paths)
        ours = choice.owner is Owner.BUILT_IN and found.verdict is Verdict.ABSENT and not choice.conflict
        document: Document | Failure | None = None
        if proof is None and self._reports.is_owed():
            proof = "a Ready that is still owed to the fabric"
        if proof is None and found.verdict is Verdict.SAME and found.current:
            proof = "having been provisioned there under the same VM id"
        if proof is None:
            document = self._read() if ours else None
            if not isinstance(document, Document):
                return False
            proof = "the provisioning medium"
        system.log.info(f"this machine is on Azure, by {proof}")
        if ours:
            self._host_keys = Early(
                system.clock, "the host keys", lambda: provisioning.make_host_keys(system, agent.config), self._errand
            )
        self.search_once()
        if not ours:
            self._medium_read()  # nobody is going to
        if choice.owner is Owner.NOBODY:
            provisioning.mark(system, agent.guest, paths)
            self._reports.say(READY)
        elif found.verdict is not Verdict.ABSENT:
            self._already(found)
        else:
            self._first_time(choice, document)
        return True

    def search_once(self) -> None:
        """Begin to look for the wire server, unless that was done."""
        if not self._searching:
            self._searching = True
            self._begin_search()

    def _read(self) -> Document | Failure:
        agent = self._agent
        try:
            return provisioning.read_document(agent.system, agent.guest, agent.config, agent.paths)
        except Failure as failure:
            return failure
        finally:
            self._medium_read()

    def _already(self, found: marker.Marker) -> None:
        """Provisioned before: only a changed id, or a Ready that was never delivered, is reported (guest.md 2.12)."""
        agent = self._agent
        if found.verdict is Verdict.SAME:
            agent.system.log.info("this machine was provisioned before")
            if ending.is_left(agent.system, agent.paths):
                agent.system.log.info("what comes after the last step was not done to its end: it is done now")
                self._finish()
            if self._reports.is_owed():
                self._reports.say(READY)
            return
        ending.forget(agent.system, agent.paths)
        if found.verdict is Verdict.CHANGED:
            agent.system.log.warning("the VM id has changed: the image was not generalized before it was copied")
            self._tell(self._operation("Provision", False, "the VM id has changed"))
            from waagent.provision.deprovision import changed_id_plan  # hardly ever needed, and no small part

            names = agent.system.files.names(agent.paths.lib)
            apply(agent.system, changed_id_plan(agent.guest, agent.paths, names))
        provisioning.mark(agent.system, agent.guest, agent.paths, found.current)
        self._reports.say(READY)

    def _first_time(self, choice: Choice, document: Document | Failure | None) -> None:
        agent = self._agent
        started = agent.system.clock.monotonic()
        agent.system.log.phase(f"provisioning begins (by {choice.owner.value})")
        try:
            if choice.conflict:
                raise ProvisionFailure(choice.conflict)
            outcome = self._follow_cloud_init() if choice.owner is Owner.CLOUD_INIT else self._provision(document)
        except ProvisionFailure as failure:
            self._failed(failure, started)
            return
        self._reports.say(READY)
        self._reports.say_fingerprint(outcome.fingerprint_md5)
        seconds = agent.system.clock.monotonic() - started
        agent.system.log.phase(f"provisioning is complete after {seconds:.1f} s")
        if outcome.fingerprint:
            agent.system.log.info(f"SSH host key fingerprint: {outcome.fingerprint}")
        self._tell(self._operation("Provision", True, f"provisioned after {seconds:.2f} s", seconds))

    def _provision(self, read: Document | Failure | None) -> provisioning.Outcome:
        agent = self._agent
        system, paths = agent.system, agent.paths
        document = self._document(read)
        self._reports.say(STARTING)
        if needs_certificates(document.ovf):
            self._first_goal_state()
        self._reports.owe()
        outcome = provisioning.provision(
            system,
            agent.guest,
            agent.config,
            paths,
            document.ovf,
            agent.random,
            document.device,
            self._host_keys.wait if self._host_keys is not None else None,
        )
        self._finish(document.ovf)
        return outcome

    def _finish(self, ovf: OvfEnvironment | None = None) -> None:
        agent = self._agent
        ended = ending.finish(agent.system, agent.guest, agent.config, agent.paths, ovf, self._await_disk)
        if ended.custom_data is not None:
            said = "the custom data was run" if ended.custom_data else "not started"
            self._tell(self._operation("CustomData", ended.custom_data, said))
        if ended.agent_disabled:
            self._tell_disabled()

    def _document(self, read: Document | Failure | None) -> Document:
        """The medium's document, or the customer's where a VM of a pool waits for one (guest.md 1.7).

        A VM that was rebooted in its pool has no medium any more, and needs none.
        """
        agent = self._agent
        if pool.was_reported(agent.system, agent.paths):
            self._medium_read()
            device = read.device if isinstance(read, Document) else None
            return self._from_the_pool(pool.Stage.REBOOTED, device)
        document = self._read() if read is None else read
        if isinstance(document, Failure):
            raise document
        stage = pool.stage(agent.system, agent.paths, document.ovf.pool_type)
        return document if stage is pool.Stage.ORDINARY else self._from_the_pool(stage, document.device)

    def _from_the_pool(self, stage: pool.Stage, device: str | None) -> Document:
        agent = self._agent
        interface = primary_interface(agent.system, agent.guest)
        content = pool.wait_for_customer(
            agent.system, agent.guest, agent.paths, stage, interface, lambda: self._reports.say_now(READY)
        )
        return provisioning.take_document(agent.system, agent.config, agent.paths, content, device)

    def _follow_cloud_init(self) -> provisioning.Outcome:
        agent = self._agent
        ovf = provisioning.read_cloud_init_document(agent.system, agent.paths)
        self._obey(ovf)
        self._reports.say(STARTING)
        self._reports.owe()
        return provisioning.follow_cloud_init(agent.system, agent.guest, agent.config, agent.paths)

    def _obey(self, ovf: OvfEnvironment) -> None:
        if ending.obey_guest_agent(self._agent.system, self._agent.paths, ovf):
            self._tell_disabled()

    def _tell_disabled(self) -> None:
        self._tell(self._operation("ProvisionGuestAgent", True, "false"))

    def _failed(self, failure: ProvisionFailure, started: float) -> None:
        agent = self._agent
        self.failed = True
        if not agent.system.clock.pause(0.0):
            agent.system.log.info(f"the agent ends before provisioning is over; its next start goes on ({failure.reason})")
            return
        if self._host_keys is not None:
            with suppress(Failure):
                self._host_keys.wait()
            provisioning.forget_new_host_keys(agent.system, agent.config)
        agent.system.log.error(f"provisioning failed: {failure}")
        if failure.hint:
            agent.system.log.error(failure.hint)
        agent.system.log.phase(f"provisioning failed: {failure.reason}")
        self._reports.say(provisioning_failed(str(failure)))
        seconds = agent.system.clock.monotonic() - started
        self._tell(self._operation("Provision", False, str(failure), seconds))

    def _operation(self, name: str, success: bool, message: str, seconds: float = 0.0) -> Operation:
        return Operation(name, success, message, self._agent.system.clock.now(), round(seconds * 1000))


def needs_certificates(ovf: OvfEnvironment) -> bool:
    """Whether the document names anything that only the wire server's certificates can give."""
    return bool(ovf.key_pairs) or any(key.fingerprint and not key.value for key in ovf.public_keys)
