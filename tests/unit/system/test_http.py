from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from unit.system.server import RawServer, Script, always, answer, read_request
from waagent.model.failure import HttpFailure
from waagent.system.port import Http, Request
from waagent.system.real.dispatch import RealHttp
from waagent.system.real.http import UrllibHttp
from waagent.system.real.plain import ADDRESSES, PlainHttp

SOURCES = os.pathsep.join([str(Path(__file__).resolve().parents[3] / "src"), os.environ.get("PYTHONPATH", "")])


def get(server: RawServer, path: str = "/x", **fields: object) -> Request:
    return Request("GET", server.url + path, **fields)  # type: ignore[arg-type]


Client = Callable[..., Any]


@pytest.fixture(params=[PlainHttp, UrllibHttp])
def client(request: pytest.FixtureRequest) -> Client:
    """Whichever of the clients: what they promise of plain HTTP is the same."""
    made: Client = request.param
    return made


def failure_of(http: Http, request: Request) -> HttpFailure:
    with pytest.raises(HttpFailure) as caught:
        http.send(request)
    return caught.value


def reset(channel: socket.socket) -> None:
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    channel.close()


def drip(data: bytes, pause: float, over: list[RawServer]) -> Script:
    def script(channel: socket.socket, request: bytes, number: int) -> bool:
        for byte in data:
            channel.sendall(bytes([byte]))
            if over[0].over.wait(pause):
                return False
        return False

    return script


def test_an_answer_has_status_lower_case_headers_and_body(client: Client) -> None:
    with RawServer(always(answer("404 Not Found", b"nope", 'ETag: "1"', "X-A: 1", "X-A: 2"))) as server:
        response = client().send(get(server))
    assert (response.status, response.body) == (404, b"nope")
    assert response.headers["etag"] == '"1"'
    assert response.headers["x-a"] == "1, 2"


def test_only_the_headers_of_the_caller_are_sent_beside_the_necessary_ones(client: Client) -> None:
    with RawServer(always(answer())) as server:
        client("WALinuxAgent/3").send(get(server, "/a?comp=b%2Fc", headers={"x-ms-version": "2015-04-05"}))
        client().send(get(server, headers={"User-Agent": "mine"}))
        client().send(get(server))
    first, second, third = (request.decode() for _, request in server.requests)
    lines = set(first.split("\r\n"))
    assert lines == {
        "GET /a?comp=b%2Fc HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        "x-ms-version: 2015-04-05",
        "User-Agent: WALinuxAgent/3",
        "Accept-Encoding: identity",
        "",
    }
    assert second.count("mine") == 1
    assert "ser-Agent" not in third


def test_connections_are_kept_alive(client: Client) -> None:
    http = client()
    with RawServer(always(answer())) as server:
        for _ in range(5):
            http.send(get(server))
    assert http.connections_made == 1
    assert {number for number, _ in server.requests} == {1}


def test_a_put_sends_its_body_and_an_empty_body_has_a_length(client: Client) -> None:
    with RawServer(always(answer("201 Created", b""))) as server:
        http = client()
        http.send(Request("PUT", server.url, body=b"x" * 300_000))
        http.send(Request("POST", server.url, body=b""))
    assert server.requests[0][1].endswith(b"\r\n\r\n" + b"x" * 300_000)
    assert b"Content-Length: 0\r\n" in server.requests[1][1]


def test_a_redirect_is_an_answer(client: Client) -> None:
    with RawServer(always(answer("302 Found", b"", "Location: /elsewhere"))) as server:
        assert client().send(get(server)).status == 302
    assert len(server.requests) == 1


def test_nothing_is_decoded(client: Client) -> None:
    with RawServer(always(answer("200 OK", b"\x1f\x8bnot gzip at all", "Content-Encoding: gzip"))) as server:
        assert client().send(get(server)).body == b"\x1f\x8bnot gzip at all"


def test_chunks_and_bodies_without_length_are_read_to_their_end(client: Client) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    with RawServer(always(chunked)) as server:
        assert client().send(get(server)).body == b"abcde"
    with RawServer(always(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc", keep=False)) as server:
        assert client().send(get(server)).body == b"abc"


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
    ],
)
def test_a_body_that_ends_early_is_truncated(client: Client, data: bytes) -> None:
    with RawServer(always(data, keep=False)) as server:
        assert failure_of(client(), get(server)).kind == "truncated"


def test_a_body_that_is_reset_is_truncated(client: Client) -> None:
    def script(channel: socket.socket, request: bytes, number: int) -> bool:
        channel.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        time.sleep(0.05)
        reset(channel)
        return False

    with RawServer(script) as server:
        assert failure_of(client(), get(server)).kind == "truncated"


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"a" * 100,
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 30,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 10,
    ],
    ids=["body", "headers", "chunks", "continues"],
)
def test_a_server_that_drips_cannot_hold_a_request_beyond_its_deadline(client: Client, data: bytes) -> None:
    servers: list[RawServer] = []
    with RawServer(drip(data, 0.05, servers)) as server:
        servers.append(server)
        began = time.monotonic()
        failure = failure_of(client(), get(server, deadline=0.6))
        took = time.monotonic() - began
    assert failure.kind == "timeout"
    assert 0.5 < took < 1.5


def test_a_server_that_never_answers_is_a_timeout(client: Client) -> None:
    def script(channel: socket.socket, request: bytes, number: int) -> bool:
        return read_request(channel) is not None

    with RawServer(script) as server:
        assert failure_of(client(), get(server, deadline=0.3)).kind == "timeout"


def test_a_server_that_does_not_read_cannot_hold_a_put(client: Client) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    with listener:
        assert failure_of(client(), Request("PUT", url, body=b"x" * 30_000_000, deadline=0.4)).kind == "timeout"


def test_a_never_ending_body_stops_at_the_limit_and_its_connection_is_not_used_again(client: Client) -> None:
    def script(channel: socket.socket, request: bytes, number: int) -> bool:
        if number > 1:
            channel.sendall(answer())
            return True
        channel.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            channel.sendall(b"x" * 65536)

    http = client()
    with RawServer(script) as server:
        assert failure_of(http, get(server, limit=1_000_000)).kind == "too-large"
        assert http.send(get(server)).body == b"hello"
    assert http.connections_made == 2


def test_a_refused_connection_says_so(client: Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    failure = failure_of(client(), Request("GET", f"http://127.0.0.1:{port}/?sig=abc"))
    assert failure.kind == "refused"
    assert "abc" not in str(failure)


def test_an_unknown_name_is_unreachable_and_a_bad_url_is_a_protocol_failure(client: Client) -> None:
    assert failure_of(client(), Request("GET", "http://name.invalid/", deadline=5)).kind == "unreachable"
    assert failure_of(client(), Request("GET", "ftp://127.0.0.1/")).kind == "protocol"
    assert failure_of(client(), Request("GET", "http://[::1/")).kind == "protocol"


@pytest.mark.parametrize(
    "data", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 banana\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 200]
)
def test_what_is_not_http_is_a_protocol_failure(client: Client, data: bytes) -> None:
    with RawServer(always(data, keep=False)) as server:
        assert failure_of(client(), get(server)).kind == "protocol"


def closing_after_first(kept: list[bool]) -> Script:
    """The first connection answers once and resets at the second request; later ones answer."""

    def script(channel: socket.socket, request: bytes, number: int) -> bool:
        if number == 1 and kept:
            reset(channel)
            return False
        kept.append(True)
        channel.sendall(answer())
        return True

    return script


def test_a_stale_kept_connection_is_replaced_without_anybody_noticing(client: Client) -> None:
    http = client()
    with RawServer(closing_after_first([])) as server:
        assert http.send(get(server)).status == 200
        assert http.send(get(server)).status == 200
    assert [number for number, _ in server.requests] == [1, 1, 2]


def test_a_post_is_not_sent_twice(client: Client) -> None:
    http = client()
    with RawServer(closing_after_first([])) as server:
        http.send(get(server))
        assert failure_of(http, Request("POST", server.url, body=b"x")).kind == "reset"
    assert len(server.requests) == 2


def test_a_connection_the_server_closed_while_idle_is_replaced_even_for_a_post(client: Client) -> None:
    http = client()
    with RawServer(always(answer(), keep=False)) as server:
        http.send(get(server))
        assert server.closed.wait(5)
        assert http.send(Request("POST", server.url, body=b"x")).status == 200
    assert http.connections_made == 2


def test_a_new_connection_that_is_reset_is_not_tried_again(client: Client) -> None:
    def script(channel: socket.socket, request: bytes, number: int) -> bool:
        reset(channel)
        return False

    with RawServer(script) as server:
        assert failure_of(client(), get(server)).kind == "reset"
    assert len(server.requests) == 1


def test_the_sink_takes_the_body_of_a_good_answer_only(client: Client) -> None:
    pieces: list[bytes] = []
    with RawServer(always(answer(body=b"x" * 200_000))) as server:
        response = client().send(get(server, sink=pieces.append))
    assert (response.body, b"".join(pieces)) == (b"", b"x" * 200_000)
    with RawServer(always(answer("503 Busy", b"busy"))) as server:
        assert client().send(get(server, sink=pieces.append)).body == b"busy"
    assert b"busy" not in pieces


def test_the_sinks_own_failure_comes_through(client: Client) -> None:
    class Full(Exception):
        pass

    def sink(piece: bytes) -> None:
        raise Full

    with RawServer(always(answer())) as server, pytest.raises(Full):
        client().send(get(server, sink=sink))


def test_only_requests_that_say_so_go_through_the_proxy() -> None:
    with RawServer(always(answer(body=b"proxy"))) as proxy, RawServer(always(answer(body=b"direct"))) as server:
        environment = {"http_proxy": proxy.url, "HTTP_PROXY": "http://127.0.0.1:1"}
        http = RealHttp(environment=environment)
        assert http.send(get(server)).body == b"direct"
        assert http.send(get(server, proxied=True)).body == b"proxy"
        assert proxy.requests[0][1].startswith(f"GET {server.url}/x HTTP/1.1\r\n".encode())
        configured = RealHttp(proxy_host="127.0.0.1", proxy_port=proxy.port, environment={"http_proxy": "http://127.0.0.1:1"})
        assert configured.send(get(server, proxied=True)).body == b"proxy"
        exempt = RealHttp(environment={**environment, "no_proxy": "10.0.0.1,127.0.0.0/8"})
        assert exempt.send(get(server, proxied=True)).body == b"direct"
        half = RealHttp(proxy_host="127.0.0.1", environment=environment)
        assert half.send(get(server, proxied=True)).body == b"direct"


def test_https_asks_the_proxy_for_a_tunnel_and_checks_what_it_finds() -> None:
    def script(channel: socket.socket, request: bytes, number: int) -> bool:
        channel.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        assert channel.recv(65536)  # the client's hello
        channel.sendall(b"this is not TLS at all")
        return True

    with RawServer(script) as proxy:
        http = RealHttp(environment={"https_proxy": f"http://us%65r:word@127.0.0.1:{proxy.port}"})
        assert failure_of(http, Request("GET", "https://storage.example/blob", proxied=True, deadline=5)).kind == "protocol"
    head = proxy.requests[0][1].decode()
    assert head.startswith("CONNECT storage.example:443 HTTP/1.")
    assert "roxy-authorization: basic " in head.lower()


def test_a_tls_handshake_that_hangs_is_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        assert failure_of(RealHttp(), Request("GET", url, deadline=0.4)).kind == "timeout"


def test_nothing_heavy_is_imported_for_plain_http() -> None:
    program = """
import sys
from waagent.system.real.dispatch import RealHttp
from waagent.system.port import Request
assert RealHttp().send(Request("GET", sys.argv[1])).body == b"hello"
print(*{"ssl", "urllib3", "http.client", "hashlib", "logging", "email", "encodings.idna"} & set(sys.modules))
"""
    assert run_python(program).strip() == ""


def test_no_tls_context_is_made_for_plain_http_through_urllib3() -> None:
    program = """
import gc, sys
from waagent.system.real.http import UrllibHttp
from waagent.system.port import Request
http = UrllibHttp()
assert not {"ssl", "urllib3", "http.client"} & set(sys.modules), "heavy modules came too early"
assert http.send(Request("GET", sys.argv[1])).body == b"hello"
import ssl
print(*(one for one in gc.get_objects() if isinstance(one, ssl.SSLContext)))
"""
    assert run_python(program).strip() == ""


def run_python(program: str) -> str:
    """What a program of its own prints, given the address of a server."""
    with RawServer(always(answer())) as server:
        done = subprocess.run(
            [sys.executable, "-c", program, server.url], env={"PYTHONPATH": SOURCES}, capture_output=True, text=True, timeout=30
        )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_silence_longer_than_the_requests_patience_is_a_timeout() -> None:
    def script(channel: socket.socket, request: bytes, number: int) -> bool:
        channel.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        return read_request(channel) is not None

    with RawServer(script) as server:
        began = time.monotonic()
        assert failure_of(PlainHttp(), get(server, deadline=30, patience=0.2)).kind == "timeout"
    assert time.monotonic() - began < 5


def test_a_server_that_hangs_up_on_a_body_may_say_why() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"

    def serve() -> None:
        channel, _ = listener.accept()
        channel.recv(1000)
        channel.sendall(answer("413 Too Large", b"no"))
        channel.shutdown(socket.SHUT_WR)
        while channel.recv(1 << 20):
            pass
        channel.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with listener:
        response = PlainHttp().send(Request("PUT", url, body=b"x" * 3_000_000))
    assert (response.status, response.body) == (413, b"no")


@pytest.mark.parametrize(
    "fields",
    [
        {"headers": {"X": "a\r\nInjected: 1"}},
        {"headers": {"X\r\nInjected": "1"}},
        {"headers": {"X": "\u4e2d"}},
    ],
)
def test_a_request_that_cannot_be_said_in_http_is_not_sent(fields: dict[str, object]) -> None:
    with RawServer(always(answer())) as server:
        assert failure_of(PlainHttp(), get(server, **fields)).kind == "protocol"
    assert server.requests == []


def test_what_an_address_may_not_hold_is_escaped_and_the_rest_is_sent_word_for_word() -> None:
    with RawServer(always(answer())) as server:
        PlainHttp().send(get(server, "/a b/%7e/../\u00e9?q=%2f\x01#part"))
    assert server.requests[0][1].startswith(b"GET /a%20b/%7e/../%C3%A9?q=%2f%01 HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfive\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n: nameless\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000,
    ],
)
def test_an_answer_whose_end_cannot_be_told_is_a_protocol_failure(data: bytes) -> None:
    with RawServer(always(data, keep=False)) as server:
        assert failure_of(PlainHttp(), get(server)).kind == "protocol"


@pytest.mark.parametrize(
    "data",
    [
        answer("200 OK", b"hello", "Connection: close"),
        answer() + b"more than was announced",
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ],
    ids=["close", "more", "old", "framed twice"],
)
def test_a_connection_that_may_be_out_of_step_is_not_used_again(data: bytes) -> None:
    http = PlainHttp()
    with RawServer(always(data)) as server:
        assert [http.send(get(server)).body for _ in range(2)] == [b"hello", b"hello"]
    assert http.connections_made == 2


def test_answers_without_a_body_keep_their_connection() -> None:
    http = PlainHttp()
    with RawServer(always(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n")) as server:
        assert [http.send(get(server)).status for _ in range(2)] == [304, 304]
        assert http.send(Request("HEAD", server.url)).body == b""
    assert http.connections_made == 1


def test_interim_answers_folded_headers_and_trailers_are_understood() -> None:
    data = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200\r\nX: a\r\n  b\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5;name=value\r\nhello\r\n0\r\nTrailer: 1\r\n\r\n"
    )
    http = PlainHttp()
    with RawServer(always(data)) as server:
        assert [http.send(get(server)).body for _ in range(2)] == [b"hello", b"hello"]
        assert http.send(get(server)).headers["x"] == "a b"
    assert http.connections_made == 1


def test_a_sink_that_fails_as_the_network_does_is_not_taken_for_it() -> None:
    def sink(piece: bytes) -> None:
        raise OSError("no space left")

    with RawServer(always(answer())) as server, pytest.raises(OSError, match="no space left"):
        PlainHttp().send(get(server, sink=sink))


def test_connections_are_kept_for_the_addresses_that_were_used_last() -> None:
    http = PlainHttp()
    with ExitStack() as running:
        servers = [running.enter_context(RawServer(always(answer()))) for _ in range(ADDRESSES + 1)]
        for server in servers:
            http.send(get(server))
        assert servers[0].closed.wait(5)
        http.send(get(servers[-1]))
        assert http.connections_made == ADDRESSES + 1


def test_requests_of_several_threads_each_have_a_connection_of_their_own() -> None:
    http = PlainHttp()
    bodies: list[bytes] = []
    with RawServer(always(answer())) as server:
        threads = [threading.Thread(target=lambda: bodies.append(http.send(get(server)).body)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert bodies == [b"hello"] * 8


TLS_CLIENT = """
import sys
from waagent.model.failure import HttpFailure
from waagent.system.real.dispatch import RealHttp
from waagent.system.real.http import UrllibHttp
from waagent.system.real.plain import ADDRESSES, PlainHttp
from waagent.system.port import Request
http = RealHttp()
for url in sys.argv[1:]:
    try:
        print(http.send(Request("GET", url, deadline=5)).body.decode(), http.connections_made)
    except HttpFailure as failure:
        print(failure.kind, failure.reason.partition(": ")[2])
"""


def test_tls_works_for_names_and_addresses_and_only_with_a_known_certificate(tmp_path: Path) -> None:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    request = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=lab -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
    )
    subprocess.run([*request.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=30)
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with RawServer(always(answer()), context) as server:
        address = f"https://127.0.0.1:{server.port}/"
        urls = [address, address, f"https://localhost:{server.port}/"]
        base = {"PYTHONPATH": SOURCES}
        command = [sys.executable, "-c", TLS_CLIENT, *urls]
        trusting = subprocess.run(
            command, env={**base, "SSL_CERT_FILE": str(certificate)}, capture_output=True, text=True, timeout=30
        )
        doubting = subprocess.run(command, env=base, capture_output=True, text=True, timeout=30)
    assert trusting.stdout.splitlines() == ["hello 1", "hello 1", "hello 2"], trusting.stderr
    assert [line.split()[:2] for line in doubting.stdout.splitlines()] == [["protocol", "TLS:"]] * 3, doubting.stderr
