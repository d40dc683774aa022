"""The scripts of System V and OpenRC, installed by the agent itself and run by the real thing: Debian's sysvinit and OpenRC.

Their init is the first process of a process namespace inside the guest; it boots all that Debian's packages have it boot.
What the kernel shares with the real machine is read-only to it, as in every guest. Odd: the guest of OpenRC says that it is
Alpine, so that it is given Alpine's files.
"""

import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fabriclab.guests import assemble
from fabriclab.guests.process import Completed
from fabriclab.guests.root import RootUnavailable
from fabriclab.journal.journal import Journal
from fabriclab.scenario.lab import Lab, opened
from fabriclab.scenario.runner import Runner
from scenarios import labs, source_labs
from scenarios.source_labs import PROGRAM, differences, tree
from scenarios.systemd_labs import do

pytestmark = [*labs.in_a_guest, pytest.mark.registry, pytest.mark.slow, pytest.mark.timeout(300)]

SCENARIO = """
starts_agent = false

[ovf]
hostname = "web-1"
username = "kofi"
ssh_keys = ["generated"]
"""
START = """\
mount -t proc proc /proc
for name in sys/kernel sys/vm sys/fs sys/debug sys/dev sysrq-trigger; do
    [ ! -e /proc/$name ] || { mount --bind /proc/$name /proc/$name && mount -o remount,ro,bind /proc/$name; } || exit 1
done
mount --bind /run/.swaps /proc/swaps || exit 1
exec /sbin/init
"""
SYSTEMS = {
    "sysv": (("sysvinit-core", "sysv-rc"), "", "service walinuxagent", "/etc/rc2.d/S01walinuxagent"),
    "openrc": (
        ("sysvinit-core", "openrc"),
        "ID=alpine\nVERSION_ID=3.19.1\n",
        "rc-service waagent",
        "/etc/runlevels/default/waagent",
    ),
}


@contextmanager
def machine(place: Path, name: str) -> Iterator[Lab]:
    packages, release, _, _ = SYSTEMS[name]
    used = source_labs.adapter(place / "layer", *assemble.LIBRARIES, *packages, root="debian")
    if release:
        (place / "layer/etc").mkdir()
        (place / "layer/etc/os-release").write_text(release)
    try:
        assemble.root_of(used)
    except RootUnavailable as problem:
        pytest.skip(f"no root with {name}: {problem}")
    with opened(labs.scenario_of(place, SCENARIO), used, Journal()) as lab:
        Runner(lab, lambda text: None).begin()
        yield lab


def boot(lab: Lab) -> None:
    lab.guest.spawn(["unshare", "--pid", "--fork", "--mount", "--kill-child", "/bin/sh", "-c", START], log="init.log")


def inside(lab: Lab, command: str) -> Completed:
    return lab.guest.shell(f'nsenter -t "$(pgrep -x init)" -p -m /bin/sh -c {shlex.quote(command)}', timeout=60)


def agents(lab: Lab) -> list[str]:
    return lab.guest.shell("pgrep -f '^/usr/bin/python3 .*/usr/sbin/waagent -daemon'").output.split()


@pytest.mark.parametrize("name", sorted(SYSTEMS))
def test_registered_from_source_it_is_started_at_boot_obeys_its_init_and_is_taken_back(tmp_path: Path, name: str) -> None:
    _, _, tool, link = SYSTEMS[name]
    with machine(tmp_path, name) as lab:
        before = tree(lab)
        do(lab, f"{PROGRAM} -register-service")
        registered = tree(lab)
        assert link in registered
        assert "write" not in do(lab, f"{PROGRAM} -register-service")
        assert differences(registered, tree(lab)) == {}
        boot(lab)
        labs.await_ready(lab)
        assert inside(lab, f"{tool} status").ok
        assert do(lab, "hostname; id -un kofi") == "web-1\nkofi\n"
        (first,) = agents(lab)
        assert inside(lab, f"{tool} restart").ok
        labs.await_log(lab, "this machine was provisioned before")
        (second,) = agents(lab)
        assert second != first
        assert inside(lab, f"{tool} stop").ok
        assert labs.settled(lambda: agents(lab), lambda found: found == []) == []
        assert not inside(lab, f"{tool} status").ok
        assert inside(lab, f"{tool} start").ok
        assert len(labs.settled(lambda: agents(lab), lambda found: len(found) == 1)) == 1
        assert inside(lab, f"{PROGRAM} -unregister-service").ok
        assert labs.settled(lambda: agents(lab), lambda found: found == []) == []
        laid = differences(before, registered)
        assert not laid.keys() & differences(before, tree(lab)).keys()


@pytest.mark.parametrize("name", sorted(SYSTEMS))
def test_taken_back_before_it_ever_ran_the_tree_is_as_it_was(tmp_path: Path, name: str) -> None:
    with machine(tmp_path, name) as lab:
        before = tree(lab)
        do(lab, f"{PROGRAM} -register-service")
        do(lab, f"{PROGRAM} -unregister-service")
        assert differences(before, tree(lab)) == {}


@pytest.mark.parametrize("name", sorted(SYSTEMS))
def test_when_the_machine_is_shut_down_the_agent_ends_in_order(tmp_path: Path, name: str) -> None:
    with machine(tmp_path, name) as lab:
        do(lab, f"{PROGRAM} -register-service")
        boot(lab)
        labs.await_ready(lab)
        seen = len(labs.log(lab))
        inside(lab, "/sbin/telinit 0")
        end = time.monotonic() + labs.PATIENCE
        while agents(lab):
            assert time.monotonic() < end
            time.sleep(0.1)
        assert "SIGTERM" in labs.log(lab)[seen:] or "ends" in labs.log(lab)[seen:], labs.log(lab)[seen:]
