"""The end of the program as one event that threads, pauses and polls can all wait for."""

from __future__ import annotations

import os
import threading


class Ending(threading.Event):
    """An event that can also be polled: its descriptor becomes readable, and stays so, when the event is set."""

    def __init__(self) -> None:
        super().__init__()
        self._receiver, self._sender = os.pipe()
        os.set_blocking(self._sender, False)

    def __del__(self) -> None:
        os.close(self._receiver)
        os.close(self._sender)

    def fileno(self) -> int:
        return self._receiver

    def set(self) -> None:
        super().set()
        try:
            os.write(self._sender, b"\0")
        except BlockingIOError:
            pass  # told often enough
