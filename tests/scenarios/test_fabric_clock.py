"""A wall clock that jumps under a serving agent (libfaketime): durations do not notice, and nothing stops."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fabriclab.scenario.lab import Lab
from scenarios import fabric_labs as fabric
from scenarios import labs

LIBRARY = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)
pytestmark = [
    *labs.in_a_guest,
    pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not installed; packaging/setup-debian.sh gets it"),
]
OFFSET = "/run/clock-offset"
DAY = 86400


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    text = f'starts_agent = false\n[[step]]\ndo = "run"\ncommand = "echo +0 >{OFFSET}"\n{fabric.OVF}'
    environment = {
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME_TIMESTAMP_FILE": OFFSET,
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    with labs.begun(labs.scenario_of(tmp_path, text)) as made:
        running = made.guest.spawn([*labs.AGENT, "-daemon"], environment=environment)
        labs.await_ready(made)
        fabric.await_success(made, "one", fabric.publish(made))
        yield made
        assert running.poll() is None, "the agent ended"
        running.stop()


@pytest.mark.parametrize("jump", [-400 * DAY, *(pytest.param(jump, marks=pytest.mark.slow) for jump in (400 * DAY, -3))])
def test_polls_and_reports_go_on_through_a_jump_of_the_clock(lab: Lab, jump: int) -> None:
    assert lab.guest.shell(f"echo {jump:+d} >{OFFSET}").ok
    before = lab.journal.last
    polls = [labs.await_entry(lab, fabric.asked("hostplugin", "vmSettings"), "a poll", before)]
    for _ in range(3):
        polls.append(labs.await_entry(lab, fabric.asked("hostplugin", "vmSettings"), "a poll", polls[-1].number, patience=5))
    assert polls[-1].since - polls[0].since > 3, "polls came one upon the other"
    done = fabric.await_success(lab, "two", fabric.change(lab, "wire", "two"))
    stamp = str(fabric.blob(done)["timestampUTC"])
    assert (stamp[:4] != done.wall.strftime("%Y")) == (abs(jump) > DAY), stamp
    assert "unexpected" not in labs.log(lab)
