from __future__ import annotations

import os
import threading
import time
from datetime import timedelta

from waagent.system.real.clock import RealClock
from waagent.system.real.sockets import RealSockets


def test_a_pause_lasts_unless_the_program_ends() -> None:
    ending = threading.Event()
    clock = RealClock(ending)
    began = clock.monotonic()
    assert clock.pause(0.05)
    assert clock.monotonic() - began >= 0.05
    threading.Timer(0.05, ending.set).start()
    began = time.monotonic()
    assert not clock.pause(30)
    assert time.monotonic() - began < 5
    assert not clock.pause(-1)


def test_the_wall_clock_is_aware_and_universal() -> None:
    assert RealClock(threading.Event()).now().utcoffset() == timedelta(0)


def test_the_machine_is_asked_for_names_and_addresses() -> None:
    sockets = RealSockets()
    assert sockets.host_name() == os.uname().nodename
    assert sockets.local_address("127.0.0.9") in ("127.0.0.1", "127.0.0.9")
    assert sockets.local_address("no address") is None
    for name, address in sockets.interfaces():
        assert name != "lo"
        assert len(address) in (6, 20)
