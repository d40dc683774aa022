"""The ``Listener`` port: a TCP socket on which every connection gets one answer and is closed (guest.md 6.7).

One loop for all connections, so that a client that says nothing holds nobody up; how many there may be, and how long one may
be silent, is bounded. What a client says is read once and not looked at.
"""

from __future__ import annotations

import os
import selectors
import socket
import time
from collections.abc import Callable

from waagent.model.failure import SystemFailure
from waagent.system.real.ending import Ending

READ = 1024
PATIENCE = 5.0
"""Seconds for a client to say something."""
AT_ONCE = 16
"""Connections; the oldest goes when there is one more."""


class RealListener:
    """Errors: ``SystemFailure`` where the port cannot be had."""

    def __init__(self, address: str, port: int, ending: Ending) -> None:
        self._where = f"{address}:{port}"
        self._ending = ending
        self._receiver, self._sender = os.pipe()
        self._closed = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((address, port))
            self._socket.listen(AT_ONCE)
            self._socket.setblocking(False)
        except OSError as error:
            self._socket.close()
            raise SystemFailure(f"cannot listen on {self._where}: {error.strerror or error}") from error

    def __del__(self) -> None:
        os.close(self._receiver)
        os.close(self._sender)

    def close(self) -> None:
        self._closed = True
        os.write(self._sender, b"\0")

    def serve(self, answer: Callable[[], bytes]) -> None:
        clients: dict[socket.socket, float] = {}
        try:
            with selectors.DefaultSelector() as selector:
                for source in (self._socket, self._receiver, self._ending):
                    selector.register(source, selectors.EVENT_READ)
                while not (self._closed or self._ending.is_set()):
                    left = None if not clients else max(0.0, min(clients.values()) - time.monotonic())
                    ready = [key.fileobj for key, _ in selector.select(left)]
                    if self._socket in ready:
                        self._accept(clients, selector)
                    for client in [one for one in clients if one in ready]:
                        _reply(client, answer)
                        _forget(client, clients, selector)
                    for client in [one for one, end in clients.items() if end <= time.monotonic()]:
                        _forget(client, clients, selector)
        except OSError as error:
            raise SystemFailure(f"cannot listen on {self._where} any longer: {error.strerror or error}") from error
        finally:
            for client in clients:
                client.close()
            self._socket.close()

    def _accept(self, clients: dict[socket.socket, float], selector: selectors.BaseSelector) -> None:
        try:
            client, _ = self._socket.accept()
        except (BlockingIOError, ConnectionError):
            return  # it has gone again
        if len(clients) >= AT_ONCE:
            _forget(min(clients, key=lambda one: clients[one]), clients, selector)
        client.setblocking(False)
        clients[client] = time.monotonic() + PATIENCE
        selector.register(client, selectors.EVENT_READ)


def _reply(client: socket.socket, answer: Callable[[], bytes]) -> None:
    try:
        client.recv(READ)
        client.send(answer())
    except OSError:
        pass  # it did not wait for the answer


def _forget(client: socket.socket, clients: dict[socket.socket, float], selector: selectors.BaseSelector) -> None:
    selector.unregister(client)
    del clients[client]
    client.close()
