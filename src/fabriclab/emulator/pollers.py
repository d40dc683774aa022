"""Many simulated agents that ask the wire server for the goal state, as a program of its own: `python -m … '{"port": …}'`.

It runs beside the emulator's process, so that what the two need is not mixed up, and on one thread. Each agent has a connection
that it keeps. A period of 0: each asks again as soon as it is answered. What came of it is one JSON object on standard output.
"""

import heapq
import json
import selectors
import socket
import sys
import time
from dataclasses import asdict, dataclass, field

from fabriclab.emulator.delivery import BLOCK
from fabriclab.emulator.descriptors import allow

REQUEST = (
    b"GET /machine/?comp=goalstate HTTP/1.1\r\nHost: 168.63.129.16\r\nUser-Agent: WALinuxAgent/2.9.1.1\r\nAccept: */*\r\n"
    b"x-ms-agent-name: WALinuxAgent\r\nx-ms-version: 2012-11-30\r\n\r\n"
)
PATIENCE = 30.0  # seconds without any answer


@dataclass(frozen=True)
class Wanted:
    """`agents`: at one time. `polls`: of all together, after which it ends; 0: it ends after `seconds`."""

    port: int
    agents: int
    polls: int = 0
    period: float = 0.0
    seconds: float = 0.0


@dataclass
class Outcome:
    """`answered` well; `failed`: answered otherwise, or not at all. `waits`: seconds from the request to the reply's end."""

    answered: int = 0
    failed: int = 0
    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)


class Agent:
    def __init__(self, port: int) -> None:
        self._port = port
        self.socket: socket.socket | None = None
        self.asked = 0.0
        self._seen = bytearray()
        self._length: int | None = None

    def ask(self) -> socket.socket:
        """The connection, newly made where there is none. Raises OSError."""
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self._port), PATIENCE)
        self.asked = time.monotonic()
        self.socket.sendall(REQUEST)
        return self.socket

    def hear(self) -> bool | None:
        """None while the reply is not whole; whether it was a good one. Raises OSError at its untimely end."""
        assert self.socket is not None
        data = self.socket.recv(BLOCK)
        if not data:
            raise ConnectionResetError
        self._seen += data
        if self._length is None and (end := self._seen.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._seen[:end]).lower()
            self._length = end + 4 + int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        if self._length is None or len(self._seen) < self._length:
            return None
        good = self._seen.startswith(b"HTTP/1.1 200 ")
        self._seen.clear()
        self._length = None
        return good

    def leave(self) -> None:
        if self.socket is not None:
            self.socket.close()
        self.socket = None
        self._seen.clear()
        self._length = None


def poll(wanted: Wanted) -> Outcome:
    """The agents begin spread over their period."""
    outcome, begun = Outcome(), time.monotonic()
    agents = [Agent(wanted.port) for _ in range(wanted.agents)]
    due = [(begun + wanted.period * number / wanted.agents, number) for number in range(wanted.agents)]
    left = wanted.polls or -1
    waiting: set[int] = set()
    with selectors.DefaultSelector() as selector:

        def end(number: int, good: bool) -> None:
            waiting.discard(number)
            agent, now = agents[number], time.monotonic()
            if good:
                outcome.answered += 1
                outcome.waits.append(now - agent.asked)
            else:
                outcome.failed += 1
                if agent.socket is not None:
                    selector.unregister(agent.socket)
                agent.leave()
            following = now if not wanted.period else max(now, agent.asked + wanted.period)
            if wanted.polls or following < begun + wanted.seconds:
                heapq.heappush(due, (following, number))

        while (due and left) or waiting:
            now = time.monotonic()
            while due and left and due[0][0] <= now:
                number = heapq.heappop(due)[1]
                left -= 1
                agent = agents[number]
                known = agent.socket
                waiting.add(number)
                try:
                    opened = agent.ask()
                except OSError:
                    end(number, False)
                    continue
                if known is None:
                    selector.register(opened, selectors.EVENT_READ, number)
            if not waiting and not (due and left):
                break
            patience = PATIENCE if not due or not left else max(0.0, due[0][0] - time.monotonic())
            ready = selector.select(patience)
            if not ready and patience == PATIENCE:
                break
            for key, _ in ready:
                try:
                    good = agents[key.data].hear()
                except OSError:
                    good = False
                if good is not None and key.data in waiting:
                    end(key.data, good)
                elif good is False:  # hung up between two polls
                    selector.unregister(key.fileobj)
                    agents[key.data].leave()
    outcome.failed += len(waiting)
    outcome.seconds = time.monotonic() - begun
    for agent in agents:
        agent.leave()
    return outcome


if __name__ == "__main__":
    given = Wanted(**json.loads(sys.argv[1]))
    allow(given.agents + 64)
    json.dump(asdict(poll(given)), sys.stdout)
