"""Which connections the HTTP clients keep, and when a request goes over another one."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack

import pytest

from unit.system.http_requests import Client, failure_of, get, reset
from unit.system.server import RawServer, Script, always, answer
from waagent.system.port import Request
from waagent.system.real.plain import ADDRESSES, PlainHttp


def test_connections_are_kept_alive(client: Client) -> None:
    http = client()
    with RawServer(always(answer())) as server:
        for _ in range(5):
            http.send(get(server))
    assert http.connections_made == 1
    assert {number for number, _ in server.requests} == {1}


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
