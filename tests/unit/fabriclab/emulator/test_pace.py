"""What a goal-state poll costs, counted in calls of functions: seconds would say more of the machine than of the emulator.

`fabriclab pace` measures the seconds.
"""

import cProfile
import socket
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import h11

from fabriclab.documents.certificates import TenantKeys
from fabriclab.emulator.connection import Connection
from fabriclab.emulator.desk import HttpDesk
from fabriclab.emulator.limits import Limits
from fabriclab.emulator.pollers import REQUEST, Wanted, poll
from fabriclab.emulator.state import State
from fabriclab.emulator.wireserver import WireServer
from fabriclab.faults.plan import FaultPlan
from fabriclab.journal.journal import Journal
from fabriclab.scenario.pace import Bare
from fabriclab.world.events import BumpIncarnation
from fabriclab.world.values import World
from unit.fabriclab.emulator import bench

POLLS = 50
MOST = 1.0  # times what the HTTP library does for the same poll


def calls_of(profile: cProfile.Profile) -> Counter[str]:
    """Per poll, by what was called: `h11`, `xml`, or the rest."""
    counted: Counter[str] = Counter()
    for one in profile.getstats():
        name = "" if isinstance(one.code, str) else one.code.co_filename
        room = next((room for room in ("h11", "xml") if room in Path(name).parts), "python" if name else "built in")
        counted[room] += one.callcount
    return Counter({room: count // POLLS for room, count in counted.items()})


def conversed(serve: Callable[[socket.socket], None]) -> Counter[str]:
    """The calls of a server that gets so many polls on one connection, and their end."""
    ours, theirs = socket.socketpair()
    reader = threading.Thread(target=read_all, args=(ours,))
    reader.start()
    ours.sendall(REQUEST * POLLS)
    ours.shutdown(socket.SHUT_WR)
    profile = cProfile.Profile()
    profile.enable()
    serve(theirs)
    profile.disable()
    theirs.close()
    reader.join(10)
    ours.close()
    return calls_of(profile)


def read_all(client: socket.socket) -> None:
    while client.recv(1 << 16):
        pass


def emulator(server: socket.socket) -> None:
    state, journal, stopping = State(World()), Journal(), threading.Event()
    service = WireServer(state, TenantKeys(), journal, lambda: 0.0, lambda: None)
    desk = HttpDesk(state, FaultPlan(), journal, stopping)
    Connection(server, "client", 1, service, Limits(), stopping).serve(desk.answer, desk.complain)
    assert journal.last == POLLS, "every poll is in the journal"


def library(server: socket.socket) -> None:
    Bare(b"x" * 1700).answer(server, h11.Connection(h11.SERVER))


def test_a_poll_costs_little_beside_what_the_http_library_does_for_it() -> None:
    whole, bare = conversed(emulator), conversed(library)
    assert bare["h11"] > 50, "the library is not seen"
    own = whole["python"] + whole["built in"] - bare["built in"]
    assert whole["h11"] <= bare["h11"] * 1.2, (whole, bare)
    assert own <= MOST * (bare["h11"] + bare["built in"]), (whole, bare)


def test_the_goal_state_of_one_world_is_written_once() -> None:
    assert conversed(emulator)["xml"] <= 5, "per poll: the first one writes it"


def test_a_new_world_is_seen_by_the_next_poll() -> None:
    with bench.running() as lab:
        first = lab.wire("/machine/?comp=goalstate").body
        assert lab.wire("/machine/?comp=goalstate").body == first
        lab.fabric.apply(BumpIncarnation())
        assert b"<Incarnation>2</Incarnation>" in lab.wire("/machine/?comp=goalstate").body


def test_a_crowd_of_agents_is_answered_and_whoever_is_not_is_counted() -> None:
    with bench.running() as lab:
        port = int(lab.fabric.authority("wireserver").rpartition(":")[2])
        outcome = poll(Wanted(port, 20, polls=200))
        assert (outcome.answered, outcome.failed, len(outcome.waits)) == (200, 0, 200)
        assert lab.journal.last == 200 and lab.fabric.connections == 20
    assert poll(Wanted(port, 3, polls=6)).failed == 6
