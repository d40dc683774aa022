"""QEMU's monitor: one JSON object per line, an answer to each command, and events in between."""

import json
import socket
import threading
from collections.abc import Callable
from typing import Any

from fabriclab.guests.control import ControlError

PATIENCE = 60.0

Hear = Callable[[str, dict[str, Any]], None]


class Monitor:
    """The lab's end of a connected monitor. `hear` gets each event's name and data, in a thread of the monitor's own."""

    def __init__(self, end: socket.socket, hear: Hear = lambda name, data: None) -> None:
        self._end = end
        self._hear = hear
        self._asking = threading.Lock()
        self._changed = threading.Condition()
        self._answer: dict[str, Any] | None = None
        self._closed = False
        threading.Thread(target=self._listen, daemon=True).start()
        self.ask("qmp_capabilities")

    def ask(self, command: str, patience: float = PATIENCE, **arguments: Any) -> Any:
        """What the command returns. Underscores of argument names are hyphens. Raises ControlError."""
        given = {name.replace("_", "-"): value for name, value in arguments.items()}
        line = json.dumps({"execute": command, **({"arguments": given} if given else {})}).encode() + b"\n"
        with self._asking, self._changed:
            self._answer = None
            try:
                self._end.sendall(line)
            except OSError as problem:
                raise ControlError(f"{command}: the virtual machine is gone ({problem.strerror})") from problem
            if not self._changed.wait_for(lambda: self._answer is not None or self._closed, patience):
                raise ControlError(f"{command}: QEMU did not answer within {patience:g} s")
            answer = self._answer
        if answer is None:
            raise ControlError(f"{command}: the virtual machine is gone")
        if "error" in answer:
            raise ControlError(f"{command}: {answer['error'].get('desc', answer['error'])}")
        return answer["return"]

    def close(self) -> None:
        try:
            self._end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._end.close()

    def _listen(self) -> None:
        try:
            with self._end.makefile("rb") as lines:
                for line in lines:
                    self._take(json.loads(line))
        except (OSError, ValueError):
            pass
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _take(self, message: dict[str, Any]) -> None:
        if "event" in message:
            self._hear(message["event"], message.get("data", {}))
        elif "return" in message or "error" in message:
            with self._changed:
                self._answer = message
                self._changed.notify_all()
