"""The page's door: who may come in, what is refused, and what somebody who does not read can do to the lab (nothing)."""

import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any, cast

import pytest

from fabriclab.dashboard import picture as pictures
from fabriclab.dashboard.control import Control
from fabriclab.dashboard.room import Room
from fabriclab.dashboard.server import MOST, Server
from fabriclab.journal.journal import Journal
from fabriclab.scenario.runner import Runner
from fabriclab.world.values import World

TOKEN = "a-token-of-the-test"
NOTE = json.dumps({"do": "note", "text": "hello"}).encode()
JSON = {"Content-Type": "application/json"}


class Recorder:
    def __init__(self) -> None:
        self.done: list[Any] = []

    def do_now(self, what: Any) -> None:
        self.done.append(what)


class Lab:
    """What the server asks of a room, without a guest. `weight`: bytes that are new in each state."""

    def __init__(self) -> None:
        self.lab = SimpleNamespace(journal=Journal())
        self.vitals = SimpleNamespace(samples=lambda after: [], latest=None)
        self.recorder = Recorder()
        self.control = Control(cast(Runner, self.recorder))
        self.world = World()
        self.weight = 0

    def state(self) -> dict[str, Any]:
        return {"now": 1.0, "weight": f"{time.monotonic()}" + "x" * self.weight}

    def rows(self, after: int, most: int) -> list[dict[str, Any]]:
        return [pictures.row(entry) for entry in self.lab.journal.since(after)[-most:]]

    def offers(self) -> dict[str, Any]:
        return {}


class Bench:
    def __init__(self) -> None:
        self.room = Lab()
        self.server = Server(cast(Room, self.room), token=TOKEN)
        self.server.start()
        self.host, self.port = "127.0.0.1", int(self.server.address.split(":")[2].split("/")[0])

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, bytes, Any]:
        line = http.client.HTTPConnection(self.host, self.port, timeout=10)
        try:
            line.request(method, path, body, headers or {})
            answer = line.getresponse()
            return answer.status, answer.read(), answer.headers
        finally:
            line.close()

    def post(self, headers: dict[str, str], body: Any = NOTE, verb: str = "do") -> tuple[int, str]:
        status, text, _ = self.ask("POST", f"/{TOKEN}/{verb}", body, headers)
        return status, text.decode()


@pytest.fixture
def bench() -> Iterator[Bench]:
    found = Bench()
    yield found
    found.server.stop()


def test_the_page_and_its_own_requests_are_answered(bench: Bench) -> None:
    origin = f"http://{bench.host}:{bench.port}"
    assert bench.ask("GET", f"/{TOKEN}/")[0] == 200
    assert bench.post({**JSON, "Origin": origin, "Sec-Fetch-Site": "same-origin"}) == (200, '{"done":"done: note"}')
    assert bench.post(JSON)[0] == 200, "a command line names no origin"
    assert len(bench.room.recorder.done) == 2


@pytest.mark.parametrize("path", ["", "state", "stream", "offers", "documents", "tree", "file", "log", "page.js"])
@pytest.mark.parametrize("token", ["", "guessed/", f"{TOKEN[:-1]}/", f"{TOKEN}x/"])
def test_without_the_token_there_is_nothing_to_see(bench: Bench, token: str, path: str) -> None:
    assert bench.ask("GET", f"/{token}{path}")[0] == 404


@pytest.mark.parametrize("verb", ["do", "want", "check"])
def test_without_the_token_nothing_is_done(bench: Bench, verb: str) -> None:
    for token in ("", "guessed/"):
        assert bench.ask("POST", f"/{token}{verb}", NOTE, JSON)[0] in (404, 405)
    assert bench.room.recorder.done == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "https://127.0.0.1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("verb", ["do", "want", "check"])
def test_another_page_cannot_act_although_it_knows_the_token(bench: Bench, headers: dict[str, str], verb: str) -> None:
    assert bench.post({**JSON, **headers}, verb=verb) == (403, '{"error":"only the lab\'s own page may act"}')
    assert bench.room.recorder.done == []


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""])
def test_what_a_form_of_another_page_can_send_is_refused(bench: Bench, kind: str) -> None:
    assert bench.post({"Content-Type": kind})[0] == 415
    assert bench.room.recorder.done == []


def test_no_other_page_may_read_what_is_answered(bench: Bench) -> None:
    asked = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    for method, path in (("OPTIONS", "do"), ("GET", "state"), ("GET", "")):
        _, _, headers = bench.ask(method, f"/{TOKEN}/{path}", None, asked)
        assert headers["Access-Control-Allow-Origin"] is None
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert (headers["Cache-Control"], headers["Referrer-Policy"]) == ("no-store", "no-referrer")


def test_a_name_that_was_made_to_point_here_is_no_way_in(bench: Bench) -> None:
    assert bench.ask("GET", f"/{TOKEN}/state", None, {"Host": "evil.example"})[0] == 400
    assert bench.post({**JSON, "Host": "evil.example", "Origin": "http://evil.example"})[0] == 400
    assert bench.room.recorder.done == []


def test_it_listens_on_one_address_of_loopback_alone(bench: Bench) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", bench.port), timeout=5)


def test_a_huge_body_is_refused_and_nothing_is_done(bench: Bench) -> None:
    whole = b'{"do": "note", "text": "' + b"x" * MOST + b'"}'
    assert bench.post(JSON, whole)[0] == 413
    pieces = (b"x" * 65536 for _ in range(MOST // 65536 + 1))
    assert bench.post(JSON, pieces)[0] == 413
    assert bench.post(JSON)[0] == 200
    assert len(bench.room.recorder.done) == 1


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"3", b"\xff", b"[" * 200_000, b'{"do":' * 50_000], ids=lambda one: one[:6])
def test_a_body_that_is_no_step_is_one_sentence(bench: Bench, body: bytes) -> None:
    status, text = bench.post(JSON, body)
    assert (status, list(json.loads(text))) == (400, ["error"])


@pytest.mark.parametrize("last", ["9" * 5000, "-1", "x", ""])
def test_an_odd_place_in_the_stream_begins_it_anew(bench: Bench, last: str) -> None:
    bench.room.lab.journal.add("guest", "the first entry")
    with socket.create_connection((bench.host, bench.port), timeout=10) as line:
        line.sendall(f"GET /{TOKEN}/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nLast-Event-ID: {last}\r\n\r\n".encode())
        seen = b""
        while b"the first entry" not in seen:
            piece = line.recv(65536)
            assert piece, seen
            seen += piece
    assert b"200 OK" in seen


def test_clients_that_never_read_hang_nobody(bench: Bench) -> None:
    bench.room.weight = 200_000
    with ExitStack() as open_lines:
        for _ in range(20):
            line = open_lines.enter_context(socket.socket())
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            line.connect((bench.host, bench.port))
            line.sendall(f"GET /{TOKEN}/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        begun = time.monotonic()
        for number in range(300):  # what the lab itself does: it is never to wait for a reader
            bench.room.lab.journal.add("guest", f"entry {number}")
        assert time.monotonic() - begun < 2.0
        for _ in range(5):
            begun = time.monotonic()
            assert bench.ask("GET", f"/{TOKEN}/offers")[0] == 200
            assert bench.post(JSON)[0] == 200
            assert time.monotonic() - begun < 2.0
        begun = time.monotonic()
        bench.server.stop()
        assert time.monotonic() - begun < 5.0


def test_half_a_request_hangs_nobody(bench: Bench) -> None:
    with ExitStack() as open_lines:
        for text in (
            "GET /",
            f"POST /{TOKEN}/do HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{{",
        ):
            line = open_lines.enter_context(socket.create_connection((bench.host, bench.port)))
            line.sendall(text.encode())
        assert bench.post(JSON)[0] == 200
        begun = time.monotonic()
        bench.server.stop()
        assert time.monotonic() - begun < 5.0
