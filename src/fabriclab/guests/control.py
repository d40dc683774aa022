"""Messages between the lab and the first processes of its namespaces: one JSON object and some descriptors per packet.

A request is `{"do": NAME, ...}`; the answer is `{"ok": VALUE}` or `{"error": TEXT}`. A sequenced-packet socket keeps messages
apart, and its end of file is how a first process learns that the lab is gone, even by kill -9.
"""

import array
import json
import socket
import threading
from typing import Any

LARGEST = 1 << 17
MOST_DESCRIPTORS = 8


class ControlError(OSError):
    """The other side could not do what it was asked."""


def pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(channel: socket.socket, message: dict[str, Any], descriptors: tuple[int, ...] = ()) -> None:
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    channel.sendmsg([json.dumps(message).encode()], ancillary)


def receive(channel: socket.socket) -> tuple[dict[str, Any] | None, tuple[int, ...]]:
    """The next message and its descriptors; None at the end of the channel."""
    item = array.array("i")
    space = socket.CMSG_SPACE(MOST_DESCRIPTORS * item.itemsize)
    data, ancillary, _, _ = channel.recvmsg(LARGEST, space, getattr(socket, "MSG_CMSG_CLOEXEC", 0))
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            item.frombytes(payload[: len(payload) - len(payload) % item.itemsize])
    return (json.loads(data) if data else None), tuple(item)


class Channel:
    """The lab's end: one request at a time, from any thread."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._lock = threading.Lock()

    def ask(self, do: str, descriptors: tuple[int, ...] = (), **arguments: Any) -> tuple[Any, tuple[int, ...]]:
        """The answer and the descriptors that came with it. Raises ControlError when it was refused or nobody is there."""
        with self._lock:
            try:
                send(self._end, {"do": do, **arguments}, descriptors)
                answer, received = receive(self._end)
            except OSError as problem:
                raise ControlError(f"{do}: the namespace is gone ({problem.strerror})") from problem
        if answer is None:
            raise ControlError(f"{do}: the namespace is gone")
        if "error" in answer:
            raise ControlError(answer["error"])
        return answer.get("ok"), received

    def close(self) -> None:
        self._end.close()
