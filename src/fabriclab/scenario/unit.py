"""The agent in a guest with systemd: the lab asks systemd, which starts and ends it, and sees what systemd does by itself.

The first start is the boot's own: it waits at the guest's gate. Odd: an agent that ends and is to be restarted counts as ended,
but has no status as long as systemd will start it again; its words are in the guest's journal, and are copied from there.
"""

import threading

from fabriclab.guests.adapter import Adapter
from fabriclab.guests.control import ControlError
from fabriclab.guests.guest import ManagedGuest
from fabriclab.guests.process import GuestTimeout
from fabriclab.journal.entry import GUEST, LAB
from fabriclab.journal.journal import Journal
from fabriclab.scenario.service import ENDED, LOG, STARTED, Service

TURN = 0.1  # seconds between two looks at a unit that is about to start
START_PATIENCE = 20.0
_WATCH = "import os, select, sys; select.select([os.pidfd_open(int(sys.argv[1]))], [], [])"
_EXITED = "1"  # of ExecMainCode; else a signal has ended it


class UnitService(Service):
    def __init__(self, guest: ManagedGuest, adapter: Adapter, journal: Journal) -> None:
        super().__init__(guest, adapter, journal)
        self._machine = guest
        self._unit = adapter.unit
        self._main: int | None = None
        self._turn = 0  # one follower at a time: what an older one sees is not told any more
        self._changed = threading.Condition()

    @property
    def is_running(self) -> bool:
        return self._main is not None

    @property
    def number(self) -> int | None:
        return self._main

    def start(self) -> None:
        if self.is_running:
            return
        self._announce(f"systemd starts {self._unit}")
        if not self._machine.open_gate():
            self._systemctl("reset-failed", self._unit)
            self._systemctl("start", "--no-block", self._unit)
        self._follow_on()
        if self._adapter.held_by:
            return  # a boot starts it, in its time
        with self._changed:
            self._changed.wait_for(
                lambda: self._main is not None or self.status is not None, START_PATIENCE * self._machine.slowness
            )

    def stop(self, patience: float = 20.0) -> None:
        self._systemctl("stop", "--no-block", self._unit)
        if not self._await_end(patience):
            self._journal.add("guest", f"agent still runs {patience:g} s after `systemctl stop`", who=LAB)
            self._systemctl("kill", "--signal=KILL", self._unit)
            self._await_end(patience)
        words = self._machine.run(["journalctl", "--no-pager", "--output=cat", f"--unit={self._unit}"])
        (self._machine.files / LOG).write_text(words.output)

    def kill(self) -> None:
        main = self._main
        if main is not None:
            self._machine.run(["kill", "-KILL", str(main)])
            with self._changed:
                self._changed.wait_for(lambda: self._main != main, 10.0)

    def gone(self) -> None:
        self._set(None, turn=self._turn + 1)

    def rebooted(self) -> None:
        """The guest has shut itself down and is about to boot again."""
        self.gone()
        self._announce(f"systemd starts {self._unit} at boot")
        self._follow_on()

    def _announce(self, text: str) -> None:
        """Written before the start, so that nothing the agent says can come before it."""
        self.status = None
        self._journal.add("guest", f"agent started: {text}", who=LAB, facts={"kind": STARTED, "agent": self._adapter.name})

    def _follow_on(self) -> None:
        self._turn += 1
        threading.Thread(target=self._follow, args=(self._turn,), daemon=True).start()

    def _follow(self, turn: int) -> None:
        """Tells each end of the agent, and each start that nobody but systemd has asked for."""
        again = False
        while (main := self._await_main(turn)) is not None:
            if again:
                self._announce(f"systemd restarts {self._unit}")
            again = True
            self._set(main)
            self._watch_process(main)
            if turn != self._turn:
                return
            shown = self._show("ExecMainCode", "ExecMainStatus", "ActiveState")
            number = int(shown.get("ExecMainStatus") or 0)
            by_itself = shown.get("ExecMainCode") == _EXITED
            said = f"with status {number}" if by_itself else f"by signal {number}"
            status = number if by_itself else -number
            self._journal.add("guest", f"agent ended {said}", who=GUEST, facts={"kind": ENDED, "status": status})
            self._set(None, status if shown.get("ActiveState") in ("inactive", "failed", "deactivating") else None)

    def _await_main(self, turn: int) -> int | None:
        """The main process, once there is one; None when the unit has ended for good, or the guest."""
        while turn == self._turn:
            shown = self._show("MainPID", "ActiveState", "SubState", "Job")
            main = int(shown.get("MainPID") or 0)
            if main:
                return main
            is_over = shown.get("ActiveState") in ("inactive", "failed") or shown.get("SubState") == "exited"
            if is_over and not int(shown.get("Job") or 0):
                self._set(None, self.status if self.status is not None else 0)
                return None
            with self._changed:
                self._changed.wait(TURN)
        return None

    def _watch_process(self, main: int) -> None:
        try:
            self._machine.spawn(["/usr/bin/python3", "-I", "-S", "-c", _WATCH, str(main)]).wait()
        except (ControlError, OSError):
            pass  # the guest is gone

    def _show(self, *names: str) -> dict[str, str]:
        try:
            told = self._machine.run(["systemctl", "show", f"--property={','.join(names)}", self._unit], timeout=20).output
        except (ControlError, GuestTimeout, OSError):
            return {}
        return dict(line.split("=", 1) for line in told.splitlines() if "=" in line)

    def _systemctl(self, *arguments: str) -> None:
        self._machine.run(["systemctl", *arguments], timeout=30)

    def _await_end(self, patience: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._main is None, patience * self._machine.slowness)

    def _set(self, main: int | None, status: int | None = None, turn: int | None = None) -> None:
        with self._changed:
            self._main, self.status = main, status
            self._turn = self._turn if turn is None else turn
            self._changed.notify_all()
