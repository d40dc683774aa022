"""A real TCP port with one answer for everybody."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from waagent.model.failure import SystemFailure
from waagent.system.real.ending import Ending
from waagent.system.real.listener import AT_ONCE, RealListener
from waagent.system.real.sockets import RealSockets

HOST = "127.0.0.1"


def free_port() -> int:
    with socket.create_server((HOST, 0)) as taken:
        return int(taken.getsockname()[1])


def ask(port: int, text: bytes = b"GET / HTTP/1.1\r\n\r\n") -> bytes:
    with socket.create_connection((HOST, port), 10.0) as client:
        client.sendall(text)
        return b"".join(iter(lambda: client.recv(100), b""))


@contextmanager
def served(ending: Ending | None = None) -> Iterator[tuple[int, RealListener]]:
    port = free_port()
    listener = RealListener(HOST, port, ending or Ending())
    thread = threading.Thread(target=listener.serve, args=(lambda: b"yes",))
    thread.start()
    try:
        yield port, listener
    finally:
        listener.close()
        thread.join(10.0)
        assert not thread.is_alive()


def test_every_client_gets_the_answer_and_the_end() -> None:
    with served() as (port, _):
        assert [ask(port), ask(port, b"anything at all")] == [b"yes", b"yes"]


def test_clients_that_say_nothing_hold_nobody_up() -> None:
    with served() as (port, _):
        silent = [socket.create_connection((HOST, port), 10.0) for _ in range(AT_ONCE + 3)]
        assert ask(port) == b"yes"
        for one in silent:
            one.close()


def test_a_client_that_only_connects_is_let_go() -> None:
    with served() as (port, _):
        socket.create_connection((HOST, port), 10.0).close()
        assert ask(port) == b"yes"


def test_the_port_is_free_again_once_closed() -> None:
    with served() as (port, _):
        assert ask(port) == b"yes"
    with pytest.raises(ConnectionRefusedError):
        ask(port)


def test_the_end_of_the_program_ends_it() -> None:
    ending = Ending()
    with served(ending) as (port, _):
        ending.set()
        with pytest.raises(OSError, match=r"refused|reset"):
            for _ in range(100):
                ask(port)


def test_a_port_that_is_taken_is_refused_with_its_reason() -> None:
    with socket.create_server((HOST, 0)) as taken, pytest.raises(SystemFailure, match=r"cannot listen on .*in use"):
        RealSockets().listen(HOST, taken.getsockname()[1])
