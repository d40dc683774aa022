"""What the two HTTP clients promise of a request and its answer, and of servers that do not keep to HTTP."""

from __future__ import annotations

import io
import socket
import threading
import time
from dataclasses import replace

import pytest

from unit.system.http_requests import Client, drip, failure_of, get, reset
from unit.system.server import RawServer, always, answer, read_request
from waagent.system.port import Request
from waagent.system.real.plain import PlainHttp


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


def test_a_body_may_come_from_a_file_that_is_opened_for_it_and_closed(client: Client) -> None:
    opened: list[io.BytesIO] = []

    def source() -> io.BytesIO:
        opened.append(io.BytesIO(b"b" * 300_000))
        return opened[-1]

    with RawServer(always(answer())) as server:
        request = replace(get(server), method="PUT", headers={"Content-Length": "300000"}, source=source)
        assert client().send(request).status == 200
        ((_, said),) = server.requests
    head, _, body = said.partition(b"\r\n\r\n")
    assert body == b"b" * 300_000
    assert head.lower().count(b"content-length") == 1 and b"chunked" not in head.lower()
    assert [each.closed for each in opened] == [True]
