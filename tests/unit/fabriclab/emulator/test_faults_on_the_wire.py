"""Each fault as a client sees it, on real sockets."""

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from fabriclab.emulator.binder import LoopbackBinder
from fabriclab.emulator.desk import HttpDesk
from fabriclab.emulator.limits import Limits
from fabriclab.emulator.message import Request, Response
from fabriclab.emulator.server import Server
from fabriclab.emulator.state import State
from fabriclab.faults.effects import (
    Delay,
    Drip,
    Drop,
    Effect,
    Garbage,
    NeverEnding,
    Reset,
    Stale,
    Status,
    Truncate,
    WrongLength,
)
from fabriclab.faults.plan import FaultPlan
from fabriclab.faults.rule import Rule
from fabriclab.journal.journal import Journal
from fabriclab.world.events import BumpIncarnation
from fabriclab.world.values import World


class Counting:
    name = "counting"
    body_limit = 1000

    def __init__(self) -> None:
        self.calls = 0

    def answer(self, request: Request, world: World) -> Response:
        self.calls += 1
        return Response(200, f"incarnation {world.incarnation}".encode())


class Lab:
    def __init__(self, *effects: Effect) -> None:
        self.journal, self.stopping, self.service, binder = Journal(), threading.Event(), Counting(), LoopbackBinder()
        self.state = State(World())
        plan = FaultPlan([Rule(effect, nth=(1,)) for effect in effects])
        desk = HttpDesk(self.state, plan, self.journal, self.stopping)
        self.server = Server(Limits(), self.stopping, desk.answer, desk.complain)
        self.server.listen(binder.tcp("", 80), self.service)
        self.server.start()
        self.port = binder.ports[("", 80)]

    def get(self, timeout: float = 10.0) -> tuple[int, bytes]:
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            client.request("GET", "/")
            answer = client.getresponse()
            return answer.status, answer.read()
        finally:
            client.close()

    def raw(self) -> socket.socket:
        connected = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        connected.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        return connected


Make = Callable[..., Lab]


@pytest.fixture
def make() -> Iterator[Make]:
    labs: list[Lab] = []

    def build(*effects: Effect) -> Lab:
        labs.append(Lab(*effects))
        return labs[-1]

    yield build
    for lab in labs:
        lab.server.stop()


def test_a_delay_holds_the_answer_back(make: Make) -> None:
    lab = make(Delay(0.3))
    before = time.monotonic()
    assert lab.get() == (200, b"incarnation 1")
    assert time.monotonic() - before >= 0.3


def test_a_drop_leaves_the_client_waiting_and_the_service_in_ignorance(make: Make) -> None:
    lab = make(Drop())
    with pytest.raises(TimeoutError):
        lab.get(timeout=0.3)
    assert lab.service.calls == 0
    (entry,) = lab.journal.entries()
    assert entry.exchange is not None and entry.exchange.status is None and entry.fault == "never answered"
    assert lab.get() == (200, b"incarnation 1")


def test_a_reset_is_a_reset(make: Make) -> None:
    with pytest.raises(ConnectionResetError):
        make(Reset()).get()


def test_another_status_comes_instead_of_the_services_answer(make: Make) -> None:
    lab = make(Status(503, "busy", (("Retry-After", "1"),)))
    assert lab.get() == (503, b"busy")
    assert lab.service.calls == 0


def test_a_truncated_body_misses_its_end(make: Make) -> None:
    with pytest.raises(http.client.IncompleteRead) as problem:
        make(Truncate(4)).get()
    assert problem.value.partial == b"inca"


def test_a_dripping_reply_comes_whole_in_the_end(make: Make) -> None:
    assert make(Drip(bytes=40, seconds=0.01)).get() == (200, b"incarnation 1")


def test_garbage_as_a_body_is_the_same_every_time(make: Make) -> None:
    first, second = make(Garbage(size=20, seed=3)).get(), make(Garbage(size=20, seed=3)).get()
    assert first == second and first[0] == 200 and len(first[1]) == 20


def test_garbage_as_a_head_is_no_http(make: Make) -> None:
    with pytest.raises(http.client.BadStatusLine):
        make(Garbage(head=True)).get()


def test_a_length_too_great_leaves_the_client_short(make: Make) -> None:
    with pytest.raises(http.client.IncompleteRead):
        make(WrongLength(5)).get()


def test_a_length_too_small_cuts_the_body(make: Make) -> None:
    assert make(WrongLength(-3)).get() == (200, b"incarnatio")


def test_a_never_ending_body_goes_on_until_the_client_leaves(make: Make) -> None:
    lab = make(NeverEnding(chunk=1000, seconds=0.001))
    with lab.raw() as connected:
        received = 0
        while received < 50000:
            received += len(connected.recv(65536))
    assert lab.get() == (200, b"incarnation 1")


def test_a_stale_answer_is_from_before_the_last_change(make: Make) -> None:
    lab = make(Stale())
    lab.state.apply((BumpIncarnation(),))
    assert lab.get() == (200, b"incarnation 1")
    assert lab.get() == (200, b"incarnation 2")


@pytest.mark.parametrize("effect", [Drop(), Delay(60.0), Drip(1, 60.0), NeverEnding()])
def test_stopping_does_not_wait_for_a_fault(make: Make, effect: Effect) -> None:
    lab = make(effect)
    with lab.raw():
        if not isinstance(effect, Delay):
            assert lab.journal.wait(lambda entry: True, timeout=10)
        before = time.monotonic()
        lab.server.stop()
        assert time.monotonic() - before < 1.0
