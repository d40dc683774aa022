"""Running the extensions of the newest goal state, in their lane (extensions.md 2.2).

A goal state that arrives while another is worked on waits; of several only the newest is run. The lane may be busy for an
hour and a half: polling and status go on beside it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from waagent.daemon.agent import Agent
from waagent.extension.run import Extensions, Outcome
from waagent.model.failure import CommandFailure
from waagent.model.goal_state import ExtensionsGoalState
from waagent.model.status import GoalStateAggregate
from waagent.report import status


class Processing:
    """``done`` takes the aggregate status of each goal state that was worked on; the first one waits for the machine."""

    def __init__(
        self,
        agent: Agent,
        extensions: Extensions,
        errand: Callable[[Callable[[], object]], object],
        done: Callable[[GoalStateAggregate], object],
        await_machine: Callable[[], object] = lambda: None,
    ) -> None:
        self._agent = agent
        self._extensions = extensions
        self._errand = errand
        self._done = done
        self._await_machine = await_machine
        self._lock = threading.Lock()
        self._waiting: ExtensionsGoalState | None = None
        self._first = True

    def submit(self, wanted: ExtensionsGoalState) -> None:
        """Work on a goal state as soon as the one before is done."""
        with self._lock:
            self._waiting = wanted
        self._errand(self._work)

    def _work(self) -> None:
        with self._lock:
            wanted, self._waiting = self._waiting, None
        if wanted is None:
            return
        if self._first:
            self._wait_for_cloud_init()
            self._await_machine()
        outcome = self._extensions.process(wanted, first_since_start=self._first)
        self._first = False
        aggregate = self._aggregate(wanted, outcome)
        if aggregate is not None:
            self._done(aggregate)

    def _aggregate(self, wanted: ExtensionsGoalState, outcome: Outcome) -> GoalStateAggregate | None:
        now = self._agent.system.clock.now()
        if outcome.unsupported:
            return status.unsupported(now, wanted.in_svd_seq_no, outcome.unsupported)
        if outcome.error is not None:
            return status.failed(now, wanted.in_svd_seq_no, outcome.error)
        return status.succeeded(now, wanted.in_svd_seq_no) if outcome.processed else None

    def _wait_for_cloud_init(self) -> None:
        """``Extensions.WaitForCloudInit``: whatever cloud-init says in the end, extensions run afterwards."""
        system, settings = self._agent.system, self._agent.config.extensions
        if not settings.wait_for_cloud_init or not system.commands.find("cloud-init"):
            return
        system.log.info("waiting for cloud-init before the first extension")
        try:
            system.commands.run(
                ("cloud-init", "status", "--wait"), ok=None, timeout=float(settings.wait_for_cloud_init_timeout)
            )
        except CommandFailure as failure:
            system.log.warning(f"cloud-init: {failure.reason}; extensions are run all the same")
