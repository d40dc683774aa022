"""The fabric as a whole: start, stop, faults at run time, what it remembers."""

import http.client
import socket
import threading
import time
from dataclasses import replace

import pytest

from fabriclab.emulator.binder import LoopbackBinder
from fabriclab.emulator.fabric import Fabric
from fabriclab.emulator.limits import Limiter
from fabriclab.emulator.state import REMEMBERED, State
from fabriclab.faults.effects import Status
from fabriclab.faults.rule import Rule
from fabriclab.journal.journal import Journal
from fabriclab.world.events import BumpIncarnation, ChangeContainer, MoveWireServer
from fabriclab.world.values import World
from unit.fabriclab.emulator.bench import running


class FullMachine(LoopbackBinder):
    """No room for the last of the fabric's sockets."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[socket.socket] = []

    def tcp(self, address: str, port: int) -> socket.socket:
        self.opened.append(super().tcp(address, port))
        return self.opened[-1]

    def udp(self, address: str, port: int, device: str | None = None) -> socket.socket:
        raise OSError("no such device")


def test_all_services_listen_and_end_with_the_fabric() -> None:
    before = threading.active_count()
    binder = LoopbackBinder()
    with Fabric(binder, World(), Journal()) as fabric:
        assert set(binder.ports) == {
            ("168.63.129.16", 80),
            ("168.63.129.16", 32526),
            ("168.63.129.17", 80),
            ("168.63.129.17", 32526),
            ("169.254.169.254", 80),
            ("10.77.0.1", 80),
            ("0.0.0.0", 67),
            ("168.63.129.16", 53),
        }
        with socket.create_connection(("127.0.0.1", binder.ports[("169.254.169.254", 80)])):
            started = time.monotonic()
            fabric.stop()
            assert time.monotonic() - started < 1.0
    assert threading.active_count() == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", binder.ports[("168.63.129.16", 80)]))


def test_a_fabric_that_cannot_start_leaves_no_socket_open() -> None:
    binder = FullMachine()
    with pytest.raises(OSError, match="no such device"):
        Fabric(binder, World(), Journal()).start()
    assert len(binder.opened) == 6 and all(opened.fileno() == -1 for opened in binder.opened)


def test_faults_come_and_go_while_it_runs() -> None:
    with running() as bench:
        bench.fabric.inject(Rule(Status(503), service="wireserver", path="*comp=versions*"))
        assert bench.wire("/?comp=versions").status == 503
        assert bench.last.fault is not None and "503" in bench.last.fault
        assert bench.wire("/machine/?comp=goalstate").status == 200
        bench.fabric.clear_faults()
        assert bench.wire("/?comp=versions").status == 200
        assert bench.fabric.connections == 3


def test_a_waiting_reader_sees_a_request_while_it_is_answered() -> None:
    with running() as bench:
        client = threading.Timer(0.05, lambda: bench.wire("/?comp=versions"))
        client.start()
        found = bench.journal.wait(lambda entry: entry.service == "wireserver", timeout=10)
        client.join()
        assert found is not None and found.exchange is not None and found.exchange.path == "/"


def test_one_guest_may_talk_to_all_services_at_once() -> None:
    with running() as bench:
        failures: list[object] = []

        def talk(service: str, target: str) -> None:
            client = http.client.HTTPConnection(bench.fabric.authority(service), timeout=10)
            for _ in range(20):
                client.request("GET", target)
                answer = client.getresponse()
                answer.read()
                if answer.status != 200:
                    failures.append((service, answer.status))
            client.close()

        talks = [("wireserver", "/?comp=versions"), ("hostplugin", "/health")] * 4
        threads = [threading.Thread(target=talk, args=which) for which in talks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert bench.journal.last == 160
        assert bench.fabric.connections == 8


def test_a_mistake_of_the_lab_in_a_datagram_is_told_and_the_service_goes_on() -> None:
    wrong = replace(World(), identity=replace(World().identity, private_address="nonsense"))
    query = bytes.fromhex("004d01000001000000000000076c6162766d3031" + "00" + "00010001")
    with running(wrong) as bench, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", bench.binder.ports[("168.63.129.16", 53)]))
        for number in (1, 2):
            client.send(query)
            found = bench.journal.wait(lambda entry: entry.kind == "lab_failure", timeout=10, after=number - 1)
            assert found is not None and found.number == number and "nonsense" in found.summary


def test_a_pool_that_cannot_be_read_changes_nothing_for_the_guest() -> None:
    def fail() -> bytes:
        raise OSError("the guest is off")

    with running() as bench:
        bench.fabric.before_health = fail
        answer = bench.post("/provisioning/health", '{"state": "Ready"}', {"Content-Type": "application/json"})
        assert answer.status == 201
        assert [entry.kind for entry in bench.journal.entries()] == ["lab_failure", "health"]


def test_older_incarnations_are_remembered_only_for_a_while_and_not_beyond_a_move() -> None:
    state = State(World())
    for _ in range(REMEMBERED):
        state.apply((BumpIncarnation(),))
    assert state.of_incarnation("1") is None
    assert state.of_incarnation("2") is not None
    state.apply((ChangeContainer(),))
    assert state.of_incarnation("2") is None
    assert state.of_incarnation(str(REMEMBERED + 1)) == state.world


def test_an_adjustment_is_no_news() -> None:
    state = State(World())
    state.apply((BumpIncarnation(),))
    state.adjust(lambda world: replace(world, on_hold=True))
    assert state.world.on_hold and state.previous.incarnation == 1


def test_a_refused_call_does_not_count_against_the_next() -> None:
    limiter = Limiter()
    admitted = [limiter.admits(now, calls=2, window=1.0) for now in (0.0, 0.5, 0.6, 1.0, 1.1, 1.5)]
    assert admitted == [True, True, False, True, False, True]


def test_a_wire_server_that_moves_falls_silent_where_it_was_and_says_its_new_address() -> None:
    binder = LoopbackBinder()

    def ask(place: str) -> bytes:
        client = http.client.HTTPConnection("127.0.0.1", binder.ports[(place, 80)], timeout=10)
        client.request("GET", "/machine/?comp=goalstate", headers={"x-ms-version": "2012-11-30", "x-ms-agent-name": "x"})
        return client.getresponse().read()

    with Fabric(binder, World(), Journal()) as fabric:
        old, new = "168.63.129.16", "168.63.129.17"
        assert f"http://127.0.0.1:{binder.ports[(old, 80)]}/".encode() in ask(old)
        with pytest.raises(ConnectionError):
            ask(new)
        fabric.apply(MoveWireServer(new))
        with pytest.raises(ConnectionError):
            ask(old)
        assert f"http://127.0.0.1:{binder.ports[(new, 80)]}/".encode() in ask(new)
