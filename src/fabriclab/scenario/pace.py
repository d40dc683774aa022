"""How many goal-state polls the emulator serves, and how soon it answers a crowd of agents. On loopback, without a guest.

The emulator is the real one: wire server, faults, journal. Its processor time is this process's; the agents are a process of
their own (emulator/pollers.py). Beside it the same requests are answered by h11 alone, a loop without an emulator: what that
needs, no emulator on this library can go below.
"""

import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Annotated

import h11

from fabriclab.emulator.binder import LoopbackBinder
from fabriclab.emulator.descriptors import allow
from fabriclab.emulator.fabric import Fabric
from fabriclab.emulator.limits import Limits
from fabriclab.emulator.pollers import PATIENCE, REQUEST, Outcome, Wanted
from fabriclab.journal.journal import Journal
from fabriclab.scenario import footprint
from fabriclab.world.values import World

POLLS, CONNECTIONS = 20_000, 8
WARM = 500  # polls before those that count


class PaceFailed(Exception):
    """It could not be measured; one sentence."""


@dataclass(frozen=True)
class Speed:
    """As many polls as can be served, one after the other on each connection."""

    polls: int
    connections: int
    seconds: float
    cpu: Annotated[float, "seconds of processor time that the emulator took"]
    per_second: Annotated[float, "polls per second of the clock: the polling process and other work have their part in it"]
    per_core: Annotated[float, "polls per second of the emulator's processor time"]
    library_per_core: Annotated[float, "the same, answered with the same bytes by the HTTP library alone"]


@dataclass(frozen=True)
class Crowd:
    """Many agents that ask once per period, spread evenly over it. Waits: from the request to the end of its reply."""

    agents: int
    period: float
    seconds: float
    answered: int
    failed: int
    median: float
    p99: float
    longest: float
    cpu: Annotated[float, "seconds of processor time that the emulator took"]
    memory: Annotated[int, "bytes of the emulator's process at the end (PSS)"]


def speed(polls: int = POLLS, connections: int = CONNECTIONS) -> Speed:
    """Raises PaceFailed."""
    with _fabric(connections) as fabric:
        port = _port(fabric)
        _polled(Wanted(port, connections, WARM))
        reply = _reply(port)
        outcome, cpu = _timed(Wanted(port, connections, polls))
    with Bare(reply) as bare:
        _polled(Wanted(bare.port, connections, WARM))
        library, library_cpu = _timed(Wanted(bare.port, connections, polls))
    for one in (outcome, library):
        if one.failed:
            raise PaceFailed(f"{one.failed} of {polls} polls were not answered well")
    return Speed(
        polls=polls,
        connections=connections,
        seconds=round(outcome.seconds, 3),
        cpu=round(cpu, 3),
        per_second=round(polls / outcome.seconds, 1),
        per_core=round(polls / cpu, 1),
        library_per_core=round(polls / library_cpu, 1),
    )


def crowd(agents: int, period: float, seconds: float) -> Crowd:
    """Raises PaceFailed."""
    with _fabric(agents) as fabric:
        outcome, cpu = _timed(Wanted(_port(fabric), agents, period=period, seconds=seconds))
        memory = footprint.own()
    waits = sorted(outcome.waits) or [0.0]
    return Crowd(
        agents=agents,
        period=period,
        seconds=round(outcome.seconds, 3),
        answered=outcome.answered,
        failed=outcome.failed,
        median=round(_of(waits, 0.5), 5),
        p99=round(_of(waits, 0.99), 5),
        longest=round(waits[-1], 5),
        cpu=round(cpu, 3),
        memory=memory,
    )


def _fabric(connections: int) -> Fabric:
    try:
        allow(connections + 64)
    except ValueError as problem:
        raise PaceFailed(str(problem)) from problem
    return Fabric(LoopbackBinder(), World(), Journal(), limits=Limits(connections=connections + 16))


def _port(fabric: Fabric) -> int:
    return int(fabric.authority("wireserver").rpartition(":")[2])


def _reply(port: int) -> bytes:
    """The body that the emulator answers with."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as asked:
        asked.sendall(REQUEST)
        answer = http.client.HTTPResponse(asked)
        answer.begin()
        return answer.read()


def _timed(wanted: Wanted) -> tuple[Outcome, float]:
    before = time.process_time()
    outcome = _polled(wanted)
    return outcome, time.process_time() - before


def _polled(wanted: Wanted) -> Outcome:
    command = [sys.executable, "-m", "fabriclab.emulator.pollers", json.dumps(asdict(wanted))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PaceFailed(f"the polling process failed: {(done.stderr.strip().splitlines() or ['it said nothing'])[-1]}")
    return Outcome(**json.loads(done.stdout))


def _of(waits: list[float], part: float) -> float:
    return waits[min(len(waits) - 1, int(len(waits) * part))]


class Bare:
    """The HTTP library with a socket: every request is answered with the same body. Threads end with their clients."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> "Bare":
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _spawn(self, work: Callable[[], None]) -> None:
        threading.Thread(target=work, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                accepted, _ = self._listener.accept()
                self._spawn(lambda accepted=accepted: self._serve(accepted))  # type: ignore[misc]

    def _serve(self, accepted: socket.socket) -> None:
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        accepted.settimeout(PATIENCE)
        with accepted, suppress(OSError, h11.ProtocolError):
            self.answer(accepted, h11.Connection(h11.SERVER))

    def answer(self, accepted: socket.socket, state: h11.Connection) -> None:
        """Until the client closes."""
        headers = [
            ("Server", "bare"),
            ("Date", "Thu, 01 Jan 2026 00:00:00 GMT"),
            ("Content-Length", str(len(self._body))),
            ("Content-Type", "text/xml; charset=utf-8"),
        ]
        while True:
            event = state.next_event()
            if event is h11.NEED_DATA:
                state.receive_data(accepted.recv(65536))
            elif isinstance(event, h11.EndOfMessage):
                whole = (h11.Response(status_code=200, headers=headers), h11.Data(data=self._body), h11.EndOfMessage())
                accepted.sendall(b"".join(state.send(one) or b"" for one in whole))
                state.start_next_cycle()
            elif isinstance(event, h11.ConnectionClosed):
                return
