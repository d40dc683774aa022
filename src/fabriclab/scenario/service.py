"""The agent in the guest, started and ended as a service manager would, with every start and end in the journal.

Odd: a stop signals the whole process group, as systemd signals the whole unit; an agent may be several processes.
"""

import signal
import threading

from fabriclab.guests.adapter import Adapter
from fabriclab.guests.guest import Guest, Process
from fabriclab.journal.entry import GUEST, LAB
from fabriclab.journal.journal import Journal

LOG = "agent.log"  # beside the guest's layers: what the agent writes to its standard output and error
STARTED, ENDED = "agent-started", "agent-ended"


class Service:
    """One agent at a time. `status` is what the last one ended with, None while one runs or before the first."""

    def __init__(self, guest: Guest, adapter: Adapter, journal: Journal) -> None:
        self._guest = guest
        self._adapter = adapter
        self._journal = journal
        self._process: Process | None = None
        self._ended = threading.Event()
        self.status: int | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None and not self._ended.is_set()

    @property
    def number(self) -> int | None:
        """Process id of the running agent in the guest."""
        return self._process.number if self._process is not None and self.is_running else None

    def start(self) -> None:
        if self.is_running:
            return
        self.status = None
        self._ended = threading.Event()
        command, environment = list(self._adapter.command), self._adapter.environment
        # Written before the start, so that nothing the agent says can come before it.
        facts = {"kind": STARTED, "agent": self._adapter.name}
        self._journal.add("guest", f"agent started: {' '.join(command)}", who=LAB, facts=facts)
        self._process = self._guest.spawn(command, log=LOG, environment=environment)
        threading.Thread(target=self._watch, args=(self._process, self._ended), daemon=True).start()

    def stop(self, patience: float = 20.0) -> None:
        """SIGTERM, and SIGKILL to what is left after `patience` seconds."""
        process = self._process
        if process is None or not self.is_running:
            return
        process.send_signal(signal.SIGTERM, group=True)
        if not self._ended.wait(patience):
            self._journal.add("guest", f"agent still runs {patience:g} s after SIGTERM", who=LAB)
        self._guest.shell(f"kill -9 -- -{process.number} 2>/dev/null")
        self._ended.wait(patience)

    def kill(self) -> None:
        if self._process is not None and self.is_running:
            self._process.send_signal(signal.SIGKILL, group=True)
            self._ended.wait(10.0)

    def gone(self) -> None:
        """The guest was powered off under it."""
        if self._process is not None:
            self._ended.wait(10.0)
            self._process = None

    def _watch(self, process: Process, ended: threading.Event) -> None:
        status = process.wait()
        self.status = status
        ended.set()
        said = f"by signal {-status}" if status is not None and status < 0 else f"with status {status}"
        self._journal.add("guest", f"agent ended {said}", who=GUEST, facts={"kind": ENDED, "status": status})


class UnseenService(Service):
    """The agent on a disk of somebody's own: it starts and ends with its machine, and the lab knows nothing else of it."""

    def __init__(self, guest: Guest, adapter: Adapter, journal: Journal) -> None:
        super().__init__(guest, adapter, journal)
        journal.add("guest", "power on", who=LAB, facts={"kind": STARTED, "agent": adapter.name})

    def start(self) -> None:
        pass

    def stop(self, patience: float = 20.0) -> None:
        pass

    def kill(self) -> None:
        pass
