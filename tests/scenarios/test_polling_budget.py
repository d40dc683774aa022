"""What a serving agent costs its host while nothing happens, and how soon it notices that something does."""

import itertools
import statistics
import time
from pathlib import Path

import pytest

from fabriclab.journal.entry import Entry
from fabriclab.scenario.lab import Lab
from fabriclab.world.events import AddJitUser, Channel
from fabriclab.world.values import JitUser
from scenarios import fabric_labs as fabric
from scenarios import labs

pytestmark = [*labs.in_a_guest, pytest.mark.slow, pytest.mark.timeout(400)]

MINUTE = 60.0
REQUESTS, CONNECTIONS = 36, 2
MEDIAN = 1.5
TURN = 11.5
"""Seconds in which the settings are asked for four times and the wire server once."""
PUBLICATIONS = 9


def exchanges(entries: tuple[Entry, ...]) -> list[Entry]:
    return [entry for entry in entries if entry.exchange is not None]


def begin_of_a_turn(lab: Lab) -> None:
    quiet = labs.await_entry(lab, fabric.asked("hostplugin", "vmSettings", 304), "a look", lab.journal.last)
    labs.await_entry(lab, fabric.asked("wireserver", "comp=goalstate", 200), "a look at the wire server", quiet.number)


def seconds_to_notice(lab: Lab, channel: Channel, message: str) -> float:
    before = fabric.change(lab, channel, message)
    published = next(entry for entry in lab.journal.since(before) if entry.kind == "world")
    seen = labs.await_entry(lab, fabric.asked("hostplugin", "vmSettings", 200), "it is noticed", before)
    fabric.await_success(lab, message, before)
    return seen.since - published.since


@pytest.mark.parametrize("fast_track", [True, False], ids=["with Fast Track", "without"])
def test_an_idle_minute_costs_few_requests_and_next_to_no_connections(tmp_path: Path, fast_track: bool) -> None:
    text = "" if fast_track else "[fabric]\nfast_track = false\n"
    with fabric.provisioned(tmp_path, text) as lab:
        fabric.await_success(lab, "one", fabric.publish(lab))
        time.sleep(8)  # the last of the telemetry and the first minute's duties
        earlier = {entry.exchange.connection for entry in exchanges(lab.journal.entries()) if entry.exchange}
        start = lab.journal.last
        time.sleep(MINUTE)
        minute = exchanges(lab.journal.since(start))
        new = {entry.exchange.connection for entry in minute if entry.exchange} - earlier
        told = sorted(f"{entry.service} {entry.summary}" for entry in minute)
        counts = "\n".join(f"{told.count(one)} {one}" for one in sorted(set(told)))
        print(f"{len(minute)} requests, {len(new)} new connections\n{counts}")
        assert len(minute) <= REQUESTS, counts
        assert len(new) <= CONNECTIONS


def test_what_either_channel_publishes_is_noticed_within_a_second_and_a_half_in_half_of_the_cases(tmp_path: Path) -> None:
    channels: tuple[Channel, ...] = ("wire", "fast-track")
    with fabric.provisioned(tmp_path) as lab:
        fabric.await_success(lab, "begin", fabric.publish(lab, message="begin"))
        for channel in channels:
            taken = []
            for number in range(PUBLICATIONS):
                begin_of_a_turn(lab)
                time.sleep(TURN * (number + 0.5) / PUBLICATIONS)  # each part of a turn once
                taken.append(seconds_to_notice(lab, channel, f"{channel} {number}"))
            print(f"{channel}: median {statistics.median(taken):.2f} s of {[f'{one:.2f}' for one in sorted(taken)]}")
            assert statistics.median(taken) <= MEDIAN


def test_what_only_the_wire_server_tells_is_noticed_within_a_turn(tmp_path: Path) -> None:
    with fabric.provisioned(tmp_path) as lab:
        fabric.await_success(lab, "begin", fabric.publish(lab, message="begin"))
        taken = []
        for number in range(4):
            begin_of_a_turn(lab)
            time.sleep(TURN * (number + 0.5) / 4)
            before = lab.journal.last
            lab.fabric.apply(AddJitUser(JitUser(f"kofi{number}", "Secret-1", "Fri, 02 Jan 2099 12:00:00 UTC")))
            published = next(entry for entry in lab.journal.since(before) if entry.kind == "world")
            seen = labs.await_entry(lab, fabric.asked("wireserver", "comp=remoteaccess", 200), "the user is noticed", before)
            taken.append(seen.since - published.since)
        print(f"a user: {[f'{one:.2f}' for one in sorted(taken)]}")
        assert max(taken) <= TURN + 1


def test_a_configured_period_is_obeyed(tmp_path: Path) -> None:
    with fabric.provisioned(tmp_path, '[configuration]\n"Extensions.GoalStatePeriod" = "7"\n') as lab:
        fabric.await_success(lab, "one", fabric.publish(lab))
        polls = []
        for _ in range(4):
            found = labs.await_entry(lab, fabric.asked("wireserver", "comp=goalstate", 200), "a poll", lab.journal.last)
            polls.append(found.since)
        gaps = [later - earlier for earlier, later in itertools.pairwise(polls)]
        assert all(6.5 < gap < 7.5 for gap in gaps), gaps
