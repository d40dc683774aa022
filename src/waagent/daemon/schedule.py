"""The one scheduler: waits for the next of a duty due, a piece of work done, news of the machine, and the end.

The main thread only waits here. Work that talks or waits runs in its lane, a thread of its own: duties of one lane never
overlap, duties of different lanes never delay each other, and a signal is obeyed at once whatever a lane is doing. News of
the machine (``listen``) costs no thread: their descriptors are waited for beside everything else.
"""

from __future__ import annotations

import queue
import selectors
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

from waagent.daemon.ears import Ear, Ears
from waagent.model.failure import Failure
from waagent.system.port import Clock, Log, Watch


@dataclass(frozen=True)
class Duty:
    """Something done again and again. ``period`` gives the seconds from the start of one run to the next."""

    name: str
    lane: str
    work: Callable[[], object]
    period: Callable[[], float]
    delay: float = 0.0
    """Seconds before the first run."""


class Scheduler:
    """Runs duties until ``stop``. All but ``run`` may be called from any thread."""

    def __init__(self, clock: Clock, log: Log) -> None:
        self._clock = clock
        self._log = log
        self._lock = threading.Lock()
        self._duties: dict[str, Duty] = {}
        self._due: dict[str, float] = {}
        self._running: set[str] = set()
        self._again: set[str] = set()
        self._lanes: dict[str, queue.SimpleQueue[Callable[[], object]]] = {}
        self._new_ears: list[Ear] = []
        self._waits_until: float | None = None
        self._ended = False
        self._receiver, self._sender = socket.socketpair()
        self._receiver.setblocking(False)
        self._sender.setblocking(False)

    @property
    def wakeup_descriptor(self) -> int:
        """A descriptor that wakes the scheduler when a byte is written to it, for ``signal.set_wakeup_fd``."""
        return self._sender.fileno()

    def add(self, duty: Duty) -> None:
        """Start a duty, replacing one of the same name."""
        with self._lock:
            self._duties[duty.name] = duty
            self._due[duty.name] = self._clock.monotonic() + duty.delay
        self._nudge()

    def wake(self, name: str, within: float = 0.0) -> None:
        """Make a duty due within so many seconds at the latest; when it is running, once more right after."""
        self._make_due(name, within)
        self._nudge()

    def _make_due(self, name: str, within: float = 0.0) -> None:
        with self._lock:
            if name in self._running:
                self._again.add(name)
            elif name in self._due:
                self._due[name] = min(self._due[name], self._clock.monotonic() + within)

    def listen(self, watch: Watch, *names: str) -> bool:
        """Wake these duties, there or added later, whenever the watch has news; a burst of news wakes them once.

        False where nothing tells of news: then their period alone brings the duties back, and the watch is closed.
        """
        if watch.fileno() is None:
            watch.close()
            return False

        def wake() -> None:
            for name in names:
                self._make_due(name)

        with self._lock:
            self._new_ears.append(Ear(watch, wake))
        self._nudge()
        return True

    def errand(self, lane: str, work: Callable[[], object]) -> None:
        """Do one piece of work in a lane, after what is queued there. Its failure is logged."""
        with self._lock:
            line = self._lanes.get(lane)
            if line is None:
                line = self._lanes[lane] = queue.SimpleQueue()
                threading.Thread(target=self._serve, args=(line,), name=lane, daemon=True).start()
        line.put(work)

    def stop(self) -> None:
        """End ``run``; safe in a signal handler."""
        self._ended = True
        self._nudge()

    def run(self) -> None:
        """Wait and dispatch until ``stop``. Lanes that are still at work are left behind: their threads are daemons."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._receiver, selectors.EVENT_READ)
            ears = Ears(selector)
            while not self._ended:
                ears.add(self._take_new_ears())
                ears.open(self._clock.monotonic())
                for duty in self._take_due():
                    self.errand(duty.lane, lambda duty=duty: self._perform(duty))  # type: ignore[misc]
                for key, _ in selector.select(self._seconds_to_next(ears.next_opening())):
                    if isinstance(key.data, Ear):
                        ears.hear(key.data, self._clock.monotonic())
                    else:
                        self._drain()

    def _take_new_ears(self) -> list[Ear]:
        with self._lock:
            new, self._new_ears = self._new_ears, []
            return new

    def _take_due(self) -> list[Duty]:
        now = self._clock.monotonic()
        with self._lock:
            names = [name for name, moment in self._due.items() if moment <= now and name not in self._running]
            for name in names:
                self._running.add(name)
                self._due[name] = now + max(self._duties[name].period(), 0.05)
            return [self._duties[name] for name in names]

    def _seconds_to_next(self, opening: float | None) -> float | None:
        """A duty that runs counts with its next moment; once that is past, its end tells us."""
        with self._lock:
            now = self._clock.monotonic()
            waiting = [moment for name, moment in self._due.items() if name not in self._running or moment > now]
            if opening is not None:
                waiting.append(opening)
            self._waits_until = min(waiting, default=None)
        return None if self._waits_until is None else max(self._waits_until - now, 0.0)

    def _perform(self, duty: Duty) -> None:
        try:
            duty.work()
        finally:
            with self._lock:
                self._running.discard(duty.name)
                # What the run has found out may have made the period shorter.
                sooner = self._clock.monotonic() + max(duty.period(), 0.05)
                self._due[duty.name] = min(self._due.get(duty.name, sooner), sooner)
                if duty.name in self._again:
                    self._again.discard(duty.name)
                    self._due[duty.name] = self._clock.monotonic()
                moment = self._due[duty.name]
            self._nudge_before(moment)

    def _serve(self, line: queue.SimpleQueue[Callable[[], object]]) -> None:
        while True:
            work = line.get()
            try:
                work()
            except Failure as failure:
                self._log.error(str(failure))
            except Exception as error:  # noqa: BLE001 - the edge that keeps a duty's defect from ending the agent
                self._log.error(f"unexpected {type(error).__name__}: {error} ({_where(error)})")

    def _nudge_before(self, moment: float) -> None:
        """Wake the scheduler only when it would sleep beyond this moment: an idle machine is not woken for nothing."""
        if self._waits_until is None or moment < self._waits_until:
            self._nudge()

    def _nudge(self) -> None:
        try:
            self._sender.send(b"\0")
        except BlockingIOError:
            pass  # the pipe is full of wake-ups already

    def _drain(self) -> None:
        try:
            while self._receiver.recv(4096):
                pass
        except BlockingIOError:
            pass


def _where(error: BaseException) -> str:
    """File and line where an unexpected error was raised, for a report that fits one line."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
