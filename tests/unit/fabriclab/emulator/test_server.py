"""The HTTP core on real sockets: what a service sees, keep-alive, and clients that mean it badly."""

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from fabriclab.emulator.binder import LoopbackBinder
from fabriclab.emulator.desk import HttpDesk
from fabriclab.emulator.limits import Limits
from fabriclab.emulator.message import TEXT, Request, Response
from fabriclab.emulator.server import Server
from fabriclab.emulator.state import State
from fabriclab.faults.plan import FaultPlan
from fabriclab.journal.entry import Entry
from fabriclab.journal.journal import Journal
from fabriclab.world.values import World

SHORT = Limits(idle=5.0, head=0.3, body=0.5, send=0.5, connections=8)


@dataclass
class Echo:
    """Answers with what it was asked; `/large` with a megabyte or more, `/broken` fails."""

    name: str = "echo"
    body_limit: int = 1000
    seen: list[Request] = field(default_factory=list)

    def answer(self, request: Request, world: World) -> Response:
        self.seen.append(request)
        if request.path == "/broken":
            raise ZeroDivisionError("on purpose")
        if request.path == "/large":
            return Response(200, b"x" * (32 << 20))
        if request.path == "/unchanged":
            return Response(304, headers=(("ETag", "1"),))
        return Response(200, request.method.encode() + b" " + request.body, TEXT, facts={"kind": "echo"})


@dataclass
class Stand:
    server: Server
    echo: Echo
    journal: Journal
    port: int

    def connect(self, timeout: float = 10.0) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def client(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

    def refusal(self) -> Entry:
        found = self.journal.wait(lambda entry: entry.refusal is not None, timeout=10)
        assert found is not None, "no refusal was written down"
        return found


@pytest.fixture
def make() -> Iterator[Callable[..., Stand]]:
    started: list[Server] = []

    def build(limits: Limits = SHORT, faults: FaultPlan | None = None) -> Stand:
        journal, stopping, echo, binder = Journal(), threading.Event(), Echo(), LoopbackBinder()
        desk = HttpDesk(State(World()), faults or FaultPlan(), journal, stopping)
        server = Server(limits, stopping, desk.answer, desk.complain)
        server.listen(binder.tcp("168.63.129.16", 80), echo)
        server.start()
        started.append(server)
        return Stand(server, echo, journal, binder.ports[("168.63.129.16", 80)])

    yield build
    for server in started:
        server.stop()


def read_all(connected: socket.socket) -> bytes:
    received = b""
    while piece := connected.recv(65536):
        received += piece
    return received


def test_a_request_reaches_the_service_and_the_journal_whole(make: Callable[..., Stand]) -> None:
    stand = make()
    client = stand.client()
    client.request("POST", "/a%20b?comp=X", body=b"hello", headers={"X-Odd": "1"})
    answer = client.getresponse()
    assert (answer.status, answer.read()) == (200, b"POST hello")
    (request,) = stand.echo.seen
    assert (request.target, request.parameter("COMP"), request.header("x-odd")) == ("/a%20b?comp=X", "X", "1")
    (entry,) = stand.journal.entries()
    assert entry.who == "agent" and entry.service == "echo" and entry.kind == "echo"
    assert entry.exchange is not None
    assert (entry.exchange.status, entry.exchange.request_body, entry.exchange.response_body) == (200, b"hello", b"POST hello")


def test_one_connection_carries_many_requests_and_is_counted_once(make: Callable[..., Stand]) -> None:
    stand = make()
    client = stand.client()
    for _ in range(3):
        client.request("GET", "/")
        assert client.getresponse().read() == b"GET "
    assert stand.server.connections == 1
    assert {entry.exchange.connection for entry in stand.journal.entries() if entry.exchange} == {1}


def test_a_client_that_asks_for_it_gets_its_connection_closed(make: Callable[..., Stand]) -> None:
    stand = make()
    with stand.connect() as connected:
        connected.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert read_all(connected).endswith(b"GET ")


def test_an_old_client_is_answered_and_closed(make: Callable[..., Stand]) -> None:
    stand = make()
    with stand.connect() as connected:
        connected.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert b" 200 " in read_all(connected)


def test_requests_that_come_in_one_piece_are_answered_in_order(make: Callable[..., Stand]) -> None:
    stand = make()
    with stand.connect() as connected:
        first = b"POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na"
        second = b"POST /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\nb"
        connected.sendall(first + second)
        answers = read_all(connected)
    assert answers.index(b"POST a") < answers.index(b"POST b")


def test_head_and_304_have_no_body_and_the_connection_goes_on(make: Callable[..., Stand]) -> None:
    client = make().client()
    for method, path, status in (("HEAD", "/", 200), ("GET", "/unchanged", 304), ("GET", "/", 200)):
        client.request(method, path)
        answer = client.getresponse()
        assert answer.status == status
        assert answer.read() == (b"GET " if (method, path) == ("GET", "/") else b"")


def test_a_chunked_body_and_a_client_that_waits_for_100_are_understood(make: Callable[..., Stand]) -> None:
    client = make().client()
    client.request("POST", "/", body=iter([b"ab", b"cd"]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
    assert client.getresponse().read() == b"POST abcd"
    stand = make()
    with stand.connect() as connected:
        connected.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert connected.recv(1000).startswith(b"HTTP/1.1 100 ")
        connected.sendall(b"hi")
        assert b"PUT hi" in connected.recv(1000)


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100) + b"\r\n\r\n",
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_not_http_is_answered_400_once_and_written_down(make: Callable[..., Stand], sent: bytes) -> None:
    stand = make()
    with stand.connect() as connected:
        connected.sendall(sent)
        connected.shutdown(socket.SHUT_WR)
        answer = read_all(connected)
    assert answer.split(b"\r\n")[0].split(b" ")[1] in (b"400", b"501")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert "not HTTP" in str(stand.refusal().refusal)
    assert stand.echo.seen == []


def test_a_head_without_end_is_cut_off_by_its_size(make: Callable[..., Stand]) -> None:
    stand = make(Limits())
    with stand.connect() as connected:
        connected.sendall(b"GET / HTTP/1.1\r\n" + b"X-Long: " + b"a" * 70000)
        assert connected.recv(1000).split(b" ")[1] == b"431"


def test_a_head_that_comes_too_slowly_is_cut_off_by_time(make: Callable[..., Stand]) -> None:
    stand = make()
    with stand.connect() as connected:
        connected.sendall(b"GET / HT")
        assert connected.recv(1000).split(b" ")[1] == b"408"


def test_a_silent_connection_is_closed_without_a_word(make: Callable[..., Stand]) -> None:
    stand = make(Limits(idle=0.2))
    with stand.connect() as connected:
        assert connected.recv(1000) == b""
    assert stand.journal.entries() == ()


def test_a_body_that_stops_is_answered_408_and_one_that_ends_early_400(make: Callable[..., Stand]) -> None:
    stand = make()
    with stand.connect() as connected:
        connected.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
        assert connected.recv(1000).split(b" ")[1] == b"408"
    with stand.connect() as connected:
        connected.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
        connected.shutdown(socket.SHUT_WR)
        assert connected.recv(1000).split(b" ")[1] == b"400"
    assert stand.echo.seen == []


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_over_the_limit_is_refused_and_the_refusal_arrives(make: Callable[..., Stand], announced: bool) -> None:
    stand = make()
    with stand.connect() as connected:
        if announced:
            connected.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n" + b"a" * 5000)
        else:
            connected.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"5\r\nabcde\r\n" * 1000)
        assert connected.recv(1000).split(b" ")[1] == b"413"
    assert "over the limit of 1000" in str(stand.refusal().refusal)


def test_a_client_that_never_reads_does_not_hold_up_the_others(make: Callable[..., Stand]) -> None:
    stand = make()
    greedy = stand.connect()
    greedy.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
    client = stand.client()
    client.request("GET", "/")
    assert client.getresponse().read() == b"GET "
    time.sleep(SHORT.send + 0.3)  # longer than the server's patience, in which nothing is read
    with pytest.raises(http.client.IncompleteRead):
        answer = http.client.HTTPResponse(greedy)
        answer.begin()
        answer.read()
    greedy.close()


def test_a_large_body_arrives_whole(make: Callable[..., Stand]) -> None:
    client = make(Limits()).client()
    client.request("GET", "/large")
    assert len(client.getresponse().read()) == 32 << 20


def test_connections_over_the_number_allowed_are_closed_at_once(make: Callable[..., Stand]) -> None:
    stand = make(Limits(connections=2))
    held = [stand.connect() for _ in range(2)]
    for connected in held:
        connected.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        connected.recv(1000)
    with stand.connect() as one_more:
        assert one_more.recv(1000) == b""
    for connected in held:
        connected.close()


def test_a_mistake_in_a_service_is_a_500_and_is_told_with_its_traceback(make: Callable[..., Stand]) -> None:
    stand = make()
    client = stand.client()
    client.request("GET", "/broken")
    answer = client.getresponse()
    assert answer.status == 500
    answer.read()
    failure = next(entry for entry in stand.journal.entries() if entry.who == "lab")
    assert "ZeroDivisionError" in failure.facts["traceback"]
    client.request("GET", "/")
    assert client.getresponse().status == 200


def test_stopping_ends_waiting_silent_and_greedy_connections_within_a_second(make: Callable[..., Stand]) -> None:
    stand = make(Limits())
    idle, half, greedy = stand.connect(), stand.connect(), stand.connect()
    half.sendall(b"GET / HTT")
    greedy.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
    stand.journal.wait(lambda entry: True, timeout=10)
    before = time.monotonic()
    stand.server.stop()
    assert time.monotonic() - before < 1.0
    with pytest.raises(OSError):
        stand.connect(timeout=1)
    for connected in (idle, half, greedy):
        connected.close()
