"""Listening sockets and the threads behind them: one that accepts, one per connection, one per datagram service.

`stop` ends all of them at once: listeners close, open connections are shut down, everything that waits, waits on `stopping`.
"""

import selectors
import socket
import threading
import time
from collections.abc import Callable
from functools import partial

from fabriclab.emulator.connection import Complain, Connection, Desk
from fabriclab.emulator.limits import Limits
from fabriclab.emulator.message import Service

STOP_WITHIN = 1.0

Respond = Callable[[bytes, tuple[str, int]], "tuple[bytes, tuple[str, int]] | None"]


class Server:
    """`connections`: how many TCP connections were accepted so far."""

    def __init__(self, limits: Limits, stopping: threading.Event, desk: Desk, complain: Complain) -> None:
        self._limits = limits
        self._stopping = stopping
        self._desk = desk
        self._complain = complain
        self._lock = threading.Lock()
        self._listeners: list[tuple[socket.socket, Service]] = []
        self._datagrams: list[tuple[socket.socket, Respond]] = []
        self._framed: list[tuple[socket.socket, Respond]] = []
        self._open: set[Connection] = set()
        self._threads: set[threading.Thread] = set()
        self._waker, self._wakee = socket.socketpair()
        self.connections = 0

    def listen(self, socket_: socket.socket, service: Service) -> None:
        """Before `start`."""
        socket_.setblocking(False)
        self._listeners.append((socket_, service))

    def listen_datagrams(self, socket_: socket.socket, respond: Respond) -> None:
        """Before `start`. `respond` gets a datagram and its sender, and gives the reply and whom it goes to."""
        socket_.setblocking(False)
        self._datagrams.append((socket_, respond))

    def listen_framed(self, socket_: socket.socket, respond: Respond) -> None:
        """Before `start`. Datagrams over TCP, each after its length in two bytes, as DNS has them."""
        socket_.setblocking(False)
        self._framed.append((socket_, respond))

    def start(self) -> None:
        self._spawn(self._accept)
        for socket_, respond in self._framed:
            self._spawn(partial(self._take_turns, socket_, respond))
        for socket_, respond in self._datagrams:
            self._spawn(partial(self._converse, socket_, respond))

    def stop(self) -> None:
        self._stopping.set()
        self._waker.close()
        with self._lock:
            open_ = tuple(self._open)
            threads = tuple(self._threads)
        for connection in open_:
            connection.shut()
        deadline = time.monotonic() + STOP_WITHIN
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))
        for socket_, _ in (*self._listeners, *self._datagrams, *self._framed):
            socket_.close()
        self._wakee.close()

    def _spawn(self, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            finally:
                with self._lock:
                    self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=run, daemon=True)
        with self._lock:  # who stops us joins what is in there, and a thread that has not been started cannot be joined
            thread.start()
            self._threads.add(thread)

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._wakee, selectors.EVENT_READ)
            for listener, service in self._listeners:
                selector.register(listener, selectors.EVENT_READ, service)
            while not self._stopping.is_set():
                for key, _ in selector.select():
                    if isinstance(key.fileobj, socket.socket) and key.data is not None:
                        self._admit(key.fileobj, key.data)

    def _admit(self, listener: socket.socket, service: Service) -> None:
        try:
            accepted, (address, port, *_) = listener.accept()
        except OSError:
            # The client left again, or this process has no descriptor to spare: then give others time to end.
            self._stopping.wait(0.01)
            return
        with self._lock:
            self.connections += 1
            number = self.connections
            full = len(self._open) >= self._limits.connections
        if full or self._stopping.is_set():
            accepted.close()
            return
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(accepted, f"{address}:{port}", number, service, self._limits, self._stopping)
        with self._lock:
            self._open.add(connection)
        self._spawn(lambda: self._serve(connection))

    def _serve(self, connection: Connection) -> None:
        try:
            if self._stopping.is_set():
                connection.shut()
            connection.serve(self._desk, self._complain)
        finally:
            with self._lock:
                self._open.discard(connection)

    def _take_turns(self, listener: socket.socket, respond: Respond) -> None:
        """One connection after the other: whoever says nothing for a second is in the way of the next."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._wakee, selectors.EVENT_READ)
            selector.register(listener, selectors.EVENT_READ)
            while not self._stopping.is_set():
                selector.select()
                try:
                    with listener.accept()[0] as channel:
                        channel.settimeout(1.0)
                        while (length := channel.recv(2, socket.MSG_WAITALL)) and not self._stopping.is_set():
                            packet = channel.recv(int.from_bytes(length, "big"), socket.MSG_WAITALL)
                            answer = respond(packet, channel.getpeername())
                            if answer is not None:
                                channel.sendall(len(answer[0]).to_bytes(2, "big") + answer[0])
                except OSError:
                    continue

    def _converse(self, socket_: socket.socket, respond: Respond) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._wakee, selectors.EVENT_READ)
            selector.register(socket_, selectors.EVENT_READ)
            while not self._stopping.is_set():
                selector.select()
                try:
                    data, sender = socket_.recvfrom(65536)
                    answer = respond(data, sender)
                    if answer is not None:
                        socket_.sendto(*answer)
                except OSError:
                    # Nothing there after all, or the receiver cannot be reached: datagrams get lost.
                    continue
