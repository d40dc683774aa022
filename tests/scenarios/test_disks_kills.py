"""The agent killed after each of its effects on the temporary disk, and started again: the disk ends as if undisturbed."""

from __future__ import annotations

import signal
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fabriclab.guests.adapter import Adapter
from fabriclab.scenario import document
from fabriclab.scenario.lab import Lab
from fabriclab.scenario.service import Service
from scenarios import labs
from scenarios.kill import attempt
from scenarios.kill.attempt import Effect
from scenarios.kill.points import try_all

pytestmark = [*labs.in_a_guest, pytest.mark.timeout(1200), pytest.mark.xdist_group("disk kill points")]

DISK = document.load(attempt.HERE / "disk.toml")
LANES = ("disk", "disk~")
END = "grep -c /mnt/resource/swapfile /proc/swaps"
LOOK = """
grep /dev/sdb /proc/mounts; tail -n +2 /proc/swaps | cut -d' ' -f1; sfdisk -d /dev/sdb | grep -o 'type=.*'
cd /mnt/resource && stat -c '%n %F %a %U %s' .[!.]* * 2>/dev/null; ls -A /var/lib/waagent | grep resource_disk
"""
SLOW = '#!/bin/sh\ntouch /run/formatting; sleep 3; exec /usr/sbin/mkfs.ext4 "$@"\n'


@dataclass(frozen=True)
class Undisturbed:
    agent: Adapter
    points: tuple[Effect, ...]
    look: str


def settle(lab: Lab) -> str:
    """The disk once it is swapped to."""
    labs.settled(lambda: lab.guest.shell(END).ok, bool, labs.PATIENCE)
    return lab.guest.shell(LOOK).output


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    agent = attempt.laid(Path(tmp_path_factory.mktemp("agent")))
    with attempt.lab(DISK, agent) as lab:
        lab.service.start()
        look = settle(lab)
        points = tuple(each for each in (*attempt.effects(lab), *attempt.strokes(lab)) if each.lane in LANES)
        assert "/mnt/resource/swapfile" in look, attempt.said(lab)
        return Undisturbed(agent, points, look)


def again(effect: Effect, wanted: Undisturbed) -> tuple[bool, tuple[str, ...]]:
    with attempt.lab(DISK, wanted.agent) as lab:
        environment = {**lab.adapter.environment, "KILL_AT": effect.point}
        service = Service(lab.guest, replace(lab.adapter, environment=environment), lab.journal)
        service.start()
        heard = lab.journal.wait(lambda entry: entry.kind == "agent-ended", 20.0, lab.journal.last)
        if heard is None:
            service.stop()
        assert heard is None or heard.facts["status"] == -signal.SIGKILL
        lab.service.start()
        look = settle(lab)
        wrong = () if look == wanted.look else (f"is\n{look}\nwanted\n{wanted.look}\n{attempt.said(lab)[-3000:]}",)
        return heard is not None, wrong


def check(points: tuple[Effect, ...], wanted: Undisturbed, capsys: pytest.CaptureFixture[str]) -> None:
    missed, wrong = try_all(points, lambda effect: again(effect, wanted))
    with capsys.disabled():
        print(f"\nkill points of the disk: {len(points) - len(missed)} tried of {len(wanted.points)}, {len(wrong)} wrong")
    assert not wrong, "\n".join(wrong)
    assert not missed


@pytest.mark.slow
def test_after_a_kill_at_any_point_the_disk_ends_as_if_undisturbed(
    undisturbed: Undisturbed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(undisturbed.points) > 25
    check(undisturbed.points, undisturbed, capsys)


def test_after_a_kill_at_some_points_the_disk_ends_as_if_undisturbed(
    undisturbed: Undisturbed, capsys: pytest.CaptureFixture[str]
) -> None:
    effects = tuple(each for each in undisturbed.points if each.lane == "disk")
    check(effects[2::4], undisturbed, capsys)


def test_an_agent_that_was_killed_while_it_formatted_waits_for_the_tool_it_left_behind(tmp_path: Path) -> None:
    text = (
        (attempt.HERE / "disk.toml").read_text()
        + f'''
[[step]]
do = "run"
command = """cat >/usr/local/sbin/mkfs.ext4 <<'END'
{SLOW}END
chmod 755 /usr/local/sbin/mkfs.ext4"""
'''
    )
    with labs.begun(labs.scenario_of(tmp_path, text)) as lab:
        labs.await_file(lab, "/run/formatting")
        lab.service.kill()
        lab.service.start()
        look = settle(lab)
        assert "/dev/sdb1 /mnt/resource ext4" in look, labs.log(lab)
        assert labs.log(lab).count("mkfs.ext4 -F /dev/sdb1: failed") == 0
