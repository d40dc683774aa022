"""The responder of load balancer probes (guest.md 6.7)."""

from __future__ import annotations

import threading
from collections.abc import Callable

from unit.fakes import FakeSockets, ListLog
from unit.fakes import system as fake_system
from waagent.duties.load_balancer import Responder


class Lane:
    """A lane of the scheduler: work in its order, on one thread."""

    def __init__(self) -> None:
        self.work: list[Callable[[], object]] = []
        self.threads: list[threading.Thread] = []

    def errand(self, work: Callable[[], object]) -> None:
        self.work.append(work)

    def begin(self) -> None:
        """Do what is queued, as a lane does it: one after the other."""
        queued, self.work = self.work, []
        thread = threading.Thread(target=lambda: [one() for one in queued])
        self.threads.append(thread)
        thread.start()

    def end(self) -> None:
        for thread in self.threads:
            thread.join(10.0)
            assert not thread.is_alive()


def responder(sockets: FakeSockets, log: ListLog | None = None) -> tuple[Responder, Lane]:
    lane = Lane()
    return Responder(fake_system(sockets=sockets, log=log), lambda: "168.63.129.16", lane.errand), lane


def served(sockets: FakeSockets) -> None:
    assert sockets.listened.wait(10.0), "nothing listens"


def test_the_last_port_is_answered_on_the_primary_address() -> None:
    sockets = FakeSockets(local_address="10.0.0.4")
    sockets.probes = 1
    made, lane = responder(sockets)
    made.want((16001, 16002))
    lane.begin()
    served(sockets)
    made.want(())
    lane.end()
    (listener,) = sockets.listeners
    assert (listener.address, listener.port) == ("10.0.0.4", 16002)
    assert listener.answers == [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/html\r\nDate: Sun, 01 Mar 2026 08:15:30 GMT\r\n\r\nOK"
    ]


def test_without_a_port_nothing_listens_and_no_work_is_given() -> None:
    sockets = FakeSockets()
    made, lane = responder(sockets)
    made.want(())
    assert (lane.work, sockets.listeners) == ([], [])


def test_the_same_port_again_changes_nothing() -> None:
    sockets = FakeSockets()
    made, lane = responder(sockets)
    made.want((16001,))
    made.want((16001,))
    assert len(lane.work) == 1


def test_another_port_closes_the_first_one() -> None:
    sockets = FakeSockets()
    made, lane = responder(sockets)
    made.want((16001,))
    lane.begin()
    served(sockets)
    made.want((16002,))
    assert sockets.listeners[0].closed.is_set()
    lane.end()
    made.want(())
    lane.begin()
    lane.end()
    assert [one.port for one in sockets.listeners] == [16001], "a port that is not wanted any more was opened"


def test_a_port_that_is_taken_is_said_and_lives_without() -> None:
    sockets, log = FakeSockets(), ListLog()
    sockets.busy_ports = {16001}
    made, lane = responder(sockets, log)
    made.want((16001,))
    lane.begin()
    lane.end()
    assert "Address already in use" in log.text


def test_an_address_that_comes_late_is_waited_for() -> None:
    sockets = FakeSockets(local_address=None).later(12.0, lambda: sockets.set_local_address("10.0.0.9"))
    made, lane = responder(sockets)
    made.want((16001,))
    lane.begin()
    served(sockets)
    made.want(())
    lane.end()
    assert sockets.listeners[0].address == "10.0.0.9"


def test_an_address_that_never_comes_is_given_up_after_five_looks() -> None:
    sockets, log = FakeSockets(local_address=None), ListLog()
    made, lane = responder(sockets, log)
    made.want((16001,))
    lane.begin()
    lane.end()
    assert "there is no IPv4 address" in log.text
    assert sockets.listeners == []


def test_only_the_first_probe_is_news() -> None:
    sockets, log = FakeSockets(), ListLog()
    sockets.probes = 3
    made, lane = responder(sockets, log)
    made.want((16001,))
    lane.begin()
    served(sockets)
    made.want(())
    lane.end()
    assert log.text.count("info a load balancer has probed") == 1
    assert log.text.count("verbose a load balancer has probed") == 2
