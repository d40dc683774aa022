"""What the tests of guests with systemd share: a lab on one, systemd's own view of a unit, and an extension that waits.

The witness writes down each of its commands and the control groups it runs in; its enable waits until the test lets it go.
"""

import json
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fabriclab.guests import adapter, assemble, cgroups, dvd
from fabriclab.guests.adapter import Adapter
from fabriclab.guests.login import make_key_pair
from fabriclab.guests.process import Completed
from fabriclab.guests.root import RootUnavailable
from fabriclab.guests.sandbox import Disk
from fabriclab.guests.systemd import SystemdGuest
from fabriclab.journal.journal import Journal
from fabriclab.scenario.lab import Lab, opened
from fabriclab.scenario.runner import Runner
from scenarios import labs

UNIT = "walinuxagent.service"
CALLS = "/var/log/witness"
WAITS = "/run/witness"  # a named pipe: whoever writes to it lets one enable go on

on_systemd = [
    pytest.mark.guest,
    pytest.mark.registry,
    pytest.mark.skipif(os.geteuid() != 0, reason="a guest with systemd needs root"),
    pytest.mark.skipif(not cgroups.hierarchies(), reason="this machine gives nobody control groups to write to"),
]

IMAGE = """
starts_agent = false
[machine]
hostname = "image"
"""
OVF = """
[ovf]
hostname = "web-1"
username = "kofi"
ssh_keys = ["generated"]
"""
"""A machine that is being made into an image, and the disc of the one that is made of it."""

SCENARIO = """
[configuration]
"Provisioning.SshHostKeyPairType" = "ed25519"
"Provisioning.MonitorHostName" = true
"Provisioning.MonitorHostNamePeriod" = 1
{configuration}

[ovf]
hostname = "web-1"
username = "kofi"
ssh_keys = ["generated"]

[[step]]
id = "witness"
at = 100000
do = "publish"

[[step.extension]]
directory = "witness"
name = "Lab.Witness"
public = {{}}

[[step]]
id = "settings"
at = 100000
do = "change-settings"
name = "Lab.Witness"
public = {{ turn = 2 }}

[[step]]
id = "gone"
at = 100000
do = "remove"
extension = "Lab.Witness"
"""

_HANDLER = """#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p {calls}
cat /proc/self/cgroup >{calls}/$1.cgroup
echo "$1 $$" >>{calls}/calls
[ "$1" = enable ] || exit 0
[ ! -p {waits} ] || read it <{waits}
echo '[{{"version": 1, "timestampUTC": "2026-01-01T00:00:00Z", "status": {{"operation": "enable", "status": "success",
"code": 0, "formattedMessage": {{"lang": "en", "message": "seen"}}}}}}]' >"$here/status/$ConfigSequenceNumber.status"
echo "enabled $$" >>{calls}/calls
"""


def adapter_of(name: str = "ours", suite: str | None = None) -> Adapter:
    """The agent for a guest with systemd; its root is made now, and the test skipped where that cannot be done."""
    found = assemble.on_systemd(adapter.find(name), suite)
    try:
        assemble.root_of(found)
    except RootUnavailable as problem:
        pytest.skip(f"no root with systemd: {problem}")
    return found


@contextmanager
def begun(place: Path, configuration: str = "", used: Adapter | None = None) -> Iterator[Lab]:
    """An open lab in which systemd has started the agent."""
    write_witness(place / "witness")
    scenario = labs.scenario_of(place, SCENARIO.format(configuration=configuration))
    with opened(scenario, used or adapter_of(), Journal()) as lab:
        Runner(lab, lambda text: None).begin()
        yield lab


def write_witness(place: Path) -> None:
    manifest = {
        "version": 1.0,
        "handlerManifest": {
            **{f"{name}Command": f"handler.sh {name}" for name in ("install", "enable", "update", "disable", "uninstall")},
            "updateMode": "UpdateWithInstall",
            "reportHeartbeat": False,
            "rebootAfterInstall": False,
        },
        "resourceLimits": {
            "cpuQuotaPercentage": 20,
            "memoryQuotaInMB": 300,
            "services": [{"name": "witness-service", "cpuQuotaPercentage": 7, "memoryQuotaInMB": 100}],
        },
    }
    place.mkdir()
    (place / "HandlerManifest.json").write_text(json.dumps([manifest]))
    (place / "handler.sh").write_text(_HANDLER.format(calls=CALLS, waits=WAITS))
    (place / "handler.sh").chmod(0o755)


def machine(lab: Lab) -> SystemdGuest:
    assert isinstance(lab.guest, SystemdGuest)
    return lab.guest


def do(lab: Lab, command: str, timeout: float = 60.0) -> str:
    done: Completed = lab.guest.shell(command, timeout=timeout)
    assert done.ok, f"{command}: status {done.status}: {done.output}{done.errors}"
    return done.output


def show(lab: Lab, *properties: str, unit: str = UNIT) -> list[str]:
    """Values of a unit's properties, in the order asked for."""
    lines = do(lab, f"systemctl show --property={','.join(properties)} -- {shlex.quote(unit)}").splitlines()
    values = dict(line.split("=", 1) for line in lines)
    return [values[name] for name in properties]


def first_boot_of_image(lab: Lab, directory: Path, unit: str = UNIT) -> None:
    """The machine that is made of the image boots with a disc: its agent provisions it, and serves goal states."""
    guest, seen = machine(lab), lab.journal.last
    guest.on_end = lambda again: None  # else the lab makes a disc of the scenario's own, which has none
    medium = labs.scenario_of(directory, OVF).medium
    disc = dvd.make(medium.files(make_key_pair(), lambda name: "") or {})
    guest.insert(Disk("sr0", "provisioning.iso", read_only=True), disc)
    do(lab, "systemctl reboot --no-block")
    guest.await_boots(2)
    labs.await_ready(lab, seen)
    labs.settled(lambda: show(lab, "StatusText", unit=unit), lambda text: text == ["serving goal states"])
    state = show(lab, "ActiveState", "StatusText", "NRestarts", unit=unit)
    assert state == ["active", "serving goal states", "0"]
    assert do(lab, "hostname; id -un kofi") == "web-1\nkofi\n"


def calls(lab: Lab) -> list[str]:
    """The witness's commands so far, each with its process id."""
    return (lab.guest.read(f"{CALLS}/calls") or b"").decode().splitlines()


def names(lab: Lab) -> list[str]:
    return [line.split()[0] for line in calls(lab)]


def await_calls(lab: Lab, *wanted: str) -> None:
    seen = labs.settled(lambda: names(lab), lambda found: found == list(wanted), labs.PATIENCE)
    assert seen == list(wanted), labs.log(lab)


def groups(lab: Lab, path: str) -> dict[str, str]:
    """Control groups by controllers, from a copy of some process's /proc/PID/cgroup in the guest."""
    lines = (lab.guest.read(path) or b"").decode().splitlines()
    return {line.split(":")[1]: line.split(":", 2)[2] for line in lines}


def hold(lab: Lab) -> None:
    """From now on the witness's enable waits."""
    do(lab, f"test -p {WAITS} || mkfifo {WAITS}")


def release(lab: Lab) -> None:
    """Lets an enable that waits go on; the next one will not wait."""
    do(lab, f"echo go >{WAITS}; rm {WAITS}")
