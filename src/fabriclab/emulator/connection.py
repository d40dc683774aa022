"""One client's connection: requests come in one after the other, each is answered, until either side ends it.

Nothing a client does may hurt the emulator: heads and bodies have sizes and deadlines, what is not HTTP is answered 400 once, a
client that neither sends nor reads is cut off. The desk (fabric.py) decides what is answered; this file only moves bytes.
"""

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import h11

from fabriclab.emulator.delivery import BLOCK, Wire, deliver
from fabriclab.emulator.limits import Limits
from fabriclab.emulator.message import Request, Response, Service, refuse
from fabriclab.faults.effects import Effect

HEAD_LIMIT = 65536
LINGER = 1.0


@dataclass(frozen=True)
class Answer:
    """What the desk decided: the reply, and the fault that strikes it."""

    response: Response
    effect: Effect | None = None


Desk = Callable[[Service, Request], Answer]
Complain = Callable[[Service, Request, Response], None]


class Refused(Exception):
    """The request cannot be read; `response` is the last thing the client gets."""

    def __init__(self, request: Request, response: Response) -> None:
        super().__init__(response.refusal)
        self.request = request
        self.response = response


class Connection:
    def __init__(
        self,
        socket_: socket.socket,
        client: str,
        number: int,
        service: Service,
        limits: Limits,
        stopping: threading.Event,
    ) -> None:
        self.socket = socket_
        self._client = client
        self._number = number
        self._service = service
        self._limits = limits
        self._wire = Wire(socket_, limits.send, stopping)
        self._state = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)

    def serve(self, desk: Desk, complain: Complain) -> None:
        """Until the end of the connection. `complain` records a request that never reached the desk."""
        try:
            while self._serve_one(desk):
                self._state.start_next_cycle()
        except Refused as refused:
            complain(self._service, refused.request, refused.response)
            self._say_farewell(refused.response)
        except (OSError, h11.ProtocolError):
            pass  # the client is gone, or takes nothing
        finally:
            self.socket.close()

    def shut(self) -> None:
        """From another thread: whatever the connection waits for ends now."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # already closed

    def _serve_one(self, desk: Desk) -> bool:
        request = self._read()
        if request is None:
            return False
        answer = desk(self._service, request)
        keep = deliver(self._wire, self._state, request.method, answer.response, answer.effect)
        return keep and self._state.our_state is h11.DONE and self._state.their_state is h11.DONE

    def _read(self) -> Request | None:
        """The next request; None when the client has no more. Raises Refused."""
        head = self._next(time.monotonic() + self._limits.idle, None)
        if isinstance(head, h11.ConnectionClosed) or head is None:
            return None
        assert isinstance(head, h11.Request)
        request = Request(
            method=head.method.decode("ascii"),
            target=head.target.decode("latin-1"),
            headers=tuple((name.decode("ascii"), value.decode("latin-1")) for name, value in head.headers),
            client=self._client,
            connection=self._number,
        )
        body = self._read_body(request)
        return Request(request.method, request.target, request.headers, body, self._client, self._number)

    def _read_body(self, request: Request) -> bytes:
        limit = self._service.body_limit
        said = request.header("content-length")
        if said is not None and said.isdigit() and int(said) > limit:
            raise Refused(request, refuse(413, f"the body of {said} bytes is over the limit of {limit}"))
        if self._state.they_are_waiting_for_100_continue:
            self._wire.send(self._state.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
        deadline = time.monotonic() + self._limits.body
        body = bytearray()
        while True:
            event = self._next(deadline, request)
            if isinstance(event, h11.EndOfMessage):
                return bytes(body)
            if not isinstance(event, h11.Data):
                raise Refused(request, refuse(400, f"the body ended after {len(body)} bytes"))
            body += event.data
            if len(body) > limit:
                raise Refused(request, refuse(413, f"the body is over the limit of {limit} bytes"))

    def _next(self, deadline: float, request: Request | None) -> h11.Event | None:
        """The next event; None when the client closed or stayed idle between two requests."""
        begun = False
        while True:
            try:
                event = self._state.next_event()
            except h11.RemoteProtocolError as problem:
                broken = request or Request("", "", client=self._client, connection=self._number)
                raise Refused(broken, refuse(problem.error_status_hint, f"not HTTP: {problem}")) from problem
            if event is not h11.NEED_DATA:
                assert not isinstance(event, type)
                return event
            data = self._receive(deadline)
            if data is None:
                if request is None and not begun:
                    return None
                late = request or Request("", "", client=self._client, connection=self._number)
                raise Refused(late, refuse(408, "the request did not come to its end in time"))
            if request is None and not begun and data:
                begun, deadline = True, time.monotonic() + self._limits.head
            self._state.receive_data(data)

    def _receive(self, deadline: float) -> bytes | None:
        """Some bytes, empty at the client's end; None when the time is over."""
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        self.socket.settimeout(left)
        try:
            return self.socket.recv(BLOCK)
        except TimeoutError:
            return None

    def _say_farewell(self, response: Response) -> None:
        """The refusal, then a moment of listening: closing at once would reset the connection before it is read."""
        try:
            if self._state.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                closing = Response(response.status, response.body, response.content_type, (("Connection", "close"),))
                deliver(self._wire, self._state, "GET", closing, None)
            self.socket.shutdown(socket.SHUT_WR)
            deadline = time.monotonic() + LINGER
            while self._receive(deadline):
                pass
        except (OSError, h11.LocalProtocolError):
            pass
