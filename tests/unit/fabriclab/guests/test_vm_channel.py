"""The lab's end of a machine's serial port, and the program at the other end, here over a terminal on this machine."""

import os
import signal
import socket
import subprocess
import sys
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fabriclab.guests.control import ControlError
from fabriclab.guests.process import GuestTimeout
from fabriclab.guests.vm_channel import Channel
from fabriclab.guests.vm_image import INSIDE


@contextmanager
def hands() -> Iterator[Channel]:
    """A terminal in raw mode carries bytes both ways, as the port does."""
    near, far = os.openpty()
    tty.setraw(far)
    ours, theirs = socket.socketpair()
    program = subprocess.Popen([sys.executable, str(INSIDE / "hands.py"), os.ttyname(far)], stdin=subprocess.DEVNULL)

    def inward() -> None:
        while data := theirs.recv(65536):
            os.write(near, data)

    def outward() -> None:
        try:
            while data := os.read(near, 65536):
                theirs.sendall(data)
        except OSError:
            pass

    for copy in (inward, outward):
        threading.Thread(target=copy, daemon=True).start()
    channel = Channel(ours)
    try:
        yield channel
    finally:
        program.kill()
        program.wait()
        channel.close()
        os.close(far)


@pytest.fixture
def channel() -> Iterator[Channel]:
    with hands() as made:
        assert made.await_boot(None, 20.0) is not None
        yield made


def test_a_program_gets_its_input_and_tells_output_errors_and_status(channel: Channel) -> None:
    done = channel.run(["/bin/sh", "-c", "cat; echo $NAME >&2; exit 3"], b"given\xff", 20.0, "/", {"NAME": "value"})
    assert (done.status, done.output, done.errors) == (3, "given\ufffd", "value\n")


def test_much_output_comes_whole(channel: Channel) -> None:
    done = channel.run(["/usr/bin/seq", "200000"], b"", 30.0, "/", {})
    assert done.output.splitlines() == [str(number) for number in range(1, 200001)]


def test_a_program_that_is_not_there_ends_with_127(channel: Channel) -> None:
    done = channel.run(["/no/such"], b"", 20.0, "/", {})
    assert done.status == 127 and "/no/such" in done.errors


def test_a_child_that_keeps_the_output_open_does_not_hold_us_up(channel: Channel) -> None:
    assert channel.run(["/bin/sh", "-c", "sleep 30 & echo here"], b"", 10.0, "/", {}).output == "here\n"


def test_what_does_not_end_in_time_is_killed(channel: Channel) -> None:
    with pytest.raises(GuestTimeout, match="sleep"):
        channel.run(["sleep", "61.4173"], b"", 0.2, "/", {})
    assert channel.run(["pgrep", "-fx", "sleep 61.4173"], b"", 20.0, "/", {}).output == ""


def test_a_program_is_followed_and_signalled(channel: Channel) -> None:
    seen: list[bytes] = []
    script = ["/bin/sh", "-c", "echo begun; trap 'echo told; exit 5' TERM; while :; do sleep 0.05; done"]
    process = channel.start("stream", script, seen.append, directory="/", environment={"PATH": "/bin"}, terminal=False)
    assert process.number > 0 and process.poll() is None
    while not seen:
        assert process.wait(0.01) is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(20.0) == 5
    assert b"".join(seen) == b"begun\ntold\n"


def test_what_ran_in_a_boot_that_is_over_has_been_killed() -> None:
    ours, theirs = socket.socketpair()
    channel = Channel(ours)
    theirs.sendall(b'{"hello": "first"}\n')
    assert channel.await_boot(None, 5.0) == "first"
    told = threading.Thread(target=lambda: theirs.sendall(b'{"id": 1, "number": 7}\n{"half of a li\n{"hello": "second"}\n'))
    told.start()
    process = channel.start("run", ["true"])
    assert channel.await_boot("first", 5.0) == "second"
    assert process.wait(5.0) == -signal.SIGKILL
    told.join()


def test_a_machine_that_is_gone_is_an_error() -> None:
    ours, theirs = socket.socketpair()
    channel = Channel(ours)
    theirs.close()
    assert channel.await_boot("x", 5.0) is None
    with pytest.raises(ControlError, match="gone"):
        channel.tell(do="hello")
