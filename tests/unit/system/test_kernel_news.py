"""What the kernel tells of its name, its networks and its devices, in namespaces of the test's own where something changes."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest

from waagent.system.port import Watch
from waagent.system.real import kernel_news
from waagent.system.real.ending import Ending
from waagent.system.real.sockets import RealSockets
from waagent.system.real.watch import Glances

SOURCE = Path(__file__).parents[3] / "src"
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="a namespace of its own needs root")


def is_readable(watch: Watch, seconds: float = 0.0) -> bool:
    descriptor = watch.fileno()
    assert descriptor is not None
    with closing(select.epoll()) as outer:
        outer.register(descriptor, select.EPOLLIN)
        return bool(outer.poll(seconds))


def in_own_namespaces(program: str) -> str:
    """What a Python program prints that runs in network and host-name namespaces of its own."""
    begin = "import select, socket, subprocess\nfrom waagent.system.real.sockets import RealSockets\n"
    done = subprocess.run(
        ["unshare", "--net", "--uts", sys.executable, "-c", begin + textwrap.dedent(program)],
        env={"PYTHONPATH": str(SOURCE), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@root_only
def test_a_changed_host_name_is_told_once_for_each_change() -> None:
    said = in_own_namespaces(
        """
        watch = RealSockets().watch_host_name()
        outer = select.epoll()
        outer.register(watch.fileno(), select.EPOLLIN)
        print(bool(outer.poll(0)))
        for name in ("one", "two"):
            socket.sethostname(name)
            print(bool(outer.poll(2)))
            watch.drain()
            print(bool(outer.poll(0)))
        socket.sethostname("three")
        print(watch.wait(2))
        """
    )
    assert said.split() == ["False", "True", "False", "True", "False", "True"]


@root_only
@pytest.mark.parametrize(
    "change",
    ["ip link set lo up", "ip address add 10.9.8.7/24 dev lo", "ip route add 10.1.0.0/16 dev lo"],
)
def test_links_addresses_and_routes_are_told(change: str) -> None:
    said = in_own_namespaces(
        f"""
        subprocess.run("ip link set lo up; ip link set lo down; ip link set lo up".split(";")[0].split(), check=True)
        if "link" in {change!r}:
            subprocess.run("ip link set lo down".split(), check=True)
        watch = RealSockets().watch_routes()
        outer = select.epoll()
        outer.register(watch.fileno(), select.EPOLLIN)
        print(bool(outer.poll(0)))
        subprocess.run({change!r}.split(), check=True)
        print(bool(outer.poll(2)))
        watch.drain()
        print(bool(outer.poll(0)))
        """
    )
    assert said.split() == ["False", "True", "False"]


@root_only
def test_routes_do_not_disturb_whoever_watches_links_only() -> None:
    said = in_own_namespaces(
        """
        subprocess.run("ip link set lo up".split(), check=True)
        watch = RealSockets().watch_links()
        subprocess.run("ip address add 10.9.8.7/24 dev lo".split(), check=True)
        print(bool(select.select([watch.fileno()], [], [], 0.1)[0]))
        """
    )
    assert said.split() == ["False"]


@root_only
def test_a_new_device_is_told() -> None:
    said = in_own_namespaces(
        """
        watch = RealSockets().watch_devices()
        subprocess.run("ip link add vethA type veth peer name vethB".split(), check=True)
        print(bool(select.select([watch.fileno()], [], [], 2)[0]))
        watch.drain()
        print(bool(select.select([watch.fileno()], [], [], 0)[0]))
        """
    )
    assert said.split() == ["True", "False"]


def test_more_news_than_there_is_room_for_still_counts_and_is_drained() -> None:
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        ours.setblocking(False)
        watch = kernel_news.Polled(Ending(), ours.fileno(), lambda: None)
        theirs.send(b"x" * 60_000)
        assert is_readable(watch)
        watch.drain()
        assert not is_readable(watch)


def test_where_there_is_no_file_for_the_name_the_period_counts() -> None:
    watch = kernel_news.host_name(Ending(), "/proc/no/such/file")
    assert isinstance(watch, Glances)
    assert watch.fileno() is None


def test_watches_that_are_closed_leave_no_descriptor_open() -> None:
    sockets = RealSockets()
    before = len(os.listdir("/proc/self/fd"))
    for watch in (sockets.watch_host_name(), sockets.watch_routes(), sockets.watch_devices(), sockets.watch_packet_filter()):
        watch.close()
    assert len(os.listdir("/proc/self/fd")) == before
