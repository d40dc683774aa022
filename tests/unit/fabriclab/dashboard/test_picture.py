"""What the page shows of the journal, from entries alone."""

from typing import Any

from fabriclab.dashboard.picture import Picture, row
from fabriclab.journal.entry import Exchange
from fabriclab.journal.journal import Journal
from fabriclab.scenario import doing, service


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def handler(status: str = "success", sequence: int = 0, message: str = "fine") -> dict[str, Any]:
    said = {"status": status, "code": 0, "formattedMessage": {"lang": "en-US", "message": message}}
    return {
        "handlerName": "Lab.Good",
        "handlerVersion": "1.0.0",
        "status": "Ready",
        "runtimeSettingsStatus": {"sequenceNumber": sequence, "settingsStatus": {"status": said}},
    }


def status(*handlers: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "status", "channel": "host", "document": {"aggregateStatus": {"handlerAggregateStatus": list(handlers)}}}


class Bench:
    def __init__(self) -> None:
        self.clock = Clock()
        self.journal = Journal(clock=self.clock)
        self.picture = Picture()
        self.journal.subscribe(self.picture.take)

    def at(self, moment: float) -> Journal:
        self.clock.now = moment
        return self.journal


def test_a_boot_is_told_by_its_milestones_and_begins_anew_with_the_next_agent() -> None:
    bench = Bench()
    bench.at(1.0).add("guest", "agent started: x", facts={"kind": service.STARTED}, who="lab")
    bench.at(2.0).add("wireserver", "versions", exchange=Exchange("GET", "/?comp=versions", status=200))
    bench.at(3.0).add("wireserver", "goal state 1", exchange=Exchange("GET", "/machine?comp=goalstate", status=200))
    bench.at(4.0).add("wireserver", "health", facts={"kind": "health", "state": "Ready"})
    names = [(one.name, one.since) for one in bench.picture.milestones]
    assert names == [("agent started", 1.0), ("first request", 2.0), ("goal state", 3.0), ("Ready", 4.0)]
    assert bench.picture.health is not None and bench.picture.health["state"] == "Ready"
    bench.at(9.0).add("guest", "agent started: x", facts={"kind": service.STARTED}, who="lab")
    assert [one.name for one in bench.picture.milestones] == ["agent started"]
    assert [(one.number, len(one.milestones)) for one in bench.picture.starts] == [(1, 4), (2, 1)]


def test_what_was_reported_before_a_restart_is_kept_and_marked_as_such() -> None:
    bench = Bench()
    bench.at(1.0).add("guest", "agent started: x", facts={"kind": service.STARTED}, who="lab")
    bench.at(4.0).add("wireserver", "health", facts={"kind": "health", "state": "Ready"})
    bench.at(9.0).add("guest", "agent started: x", facts={"kind": service.STARTED}, who="lab")
    assert bench.picture.health is not None and bench.picture.health["state"] == "Ready"
    assert (bench.picture.health["boot"], bench.picture.boots) == (1, 2)


def test_an_extension_that_has_come_to_an_end_is_a_milestone_of_the_boot() -> None:
    bench = Bench()
    bench.at(1.0).add("guest", "agent started: x", facts={"kind": service.STARTED}, who="lab")
    bench.at(2.0).add("hostplugin", "status", facts=status(handler("transitioning")))
    bench.at(3.0).add("hostplugin", "status", facts=status(handler("success")))
    assert [(one.name, one.since) for one in bench.picture.milestones][-1] == ("Lab.Good: success", 3.0)


def test_an_extension_of_an_hour_later_does_not_stretch_the_chart_of_the_boot() -> None:
    bench = Bench()
    bench.at(1.0).add("guest", "agent started: x", facts={"kind": service.STARTED}, who="lab")
    bench.at(3600.0).add("hostplugin", "status", facts=status(handler("success")))
    assert "Lab.Good: success" not in [one.name for one in bench.picture.milestones]


def test_a_guest_that_was_paused_is_known_to_stand_still_until_it_goes_on() -> None:
    bench = Bench()
    seen = []
    for over in (False, True):
        bench.journal.add("guest", "a pause", facts={"kind": doing.PAUSE, "over": over}, who="lab")
        seen.append(bench.picture.paused)
    assert seen == [True, False]


def test_an_extension_keeps_since_when_it_says_what_it_says() -> None:
    bench = Bench()
    bench.at(5.0).add("hostplugin", "status", facts=status(handler("transitioning")))
    bench.at(6.0).add("hostplugin", "status", facts=status(handler("transitioning", message="still")))
    (one,) = bench.picture.reported
    assert (one.status, one.since, one.seen, one.message) == ("transitioning", 5.0, 6.0, "still")
    bench.at(7.0).add("hostplugin", "status", facts=status(handler("success")))
    (one,) = bench.picture.reported
    assert (one.status, one.since) == ("success", 7.0)
    assert [part["status"] for part in one.history] == ["transitioning", "success"]


def test_the_parts_of_a_status_are_kept_without_credentials_and_odd_ones_left_out() -> None:
    bench = Bench()
    told = handler()
    part = {"name": "copy", "status": "error", "code": 7, "formattedMessage": {"message": "from http://x?sig=c2VjcmV0"}}
    told["runtimeSettingsStatus"]["settingsStatus"]["status"]["substatus"] = [part, 3, {"code": "x"}]
    bench.at(5.0).add("hostplugin", "status", facts=status(told))
    first, second = bench.picture.reported[0].substatus
    assert first == {"name": "copy", "status": "error", "code": 7, "message": "from http://x?sig=REDACTED"}
    assert second == {"name": "", "status": "", "code": None, "message": ""}


def test_an_extension_that_is_no_longer_reported_is_gone() -> None:
    bench = Bench()
    bench.at(5.0).add("hostplugin", "status", facts=status(handler()))
    bench.at(6.0).add("hostplugin", "status", facts=status())
    assert bench.picture.reported == ()


def test_channels_count_what_was_refused_and_what_a_fault_struck() -> None:
    bench = Bench()
    for fault, refusal in ((None, None), ("Status(503)", None), (None, "no header")):
        bench.journal.add("imds", "metadata", exchange=Exchange("GET", "/", status=400, fault=fault, refusal=refusal))
    channel = bench.picture.channels["imds"]
    assert (channel.requests, channel.refused, channel.struck) == (3, 1, 1)
    assert bench.picture.requests["imds", "400"] == 3


def test_nothing_that_leaves_the_picture_carries_a_credential() -> None:
    bench = Bench()
    url = "/status?sv=1&sig=c2VjcmV0&se=2"
    entry = bench.journal.add("blob", f"blob {url}", exchange=Exchange("PUT", url, status=201, refusal=f"not {url}"))
    bench.journal.add("hostplugin", "status", facts=status(handler(message="failed at https://x/y?sig=c2VjcmV0")))
    shown = f"{row(entry)}{bench.picture.channels}{bench.picture.reported}{bench.picture.lines}"
    assert "c2VjcmV0" not in shown and "REDACTED" in shown


def test_a_status_blob_of_odd_shape_is_no_end_of_the_picture() -> None:
    bench = Bench()
    for document in (
        None,
        [],
        {"aggregateStatus": 3},
        {"aggregateStatus": {"handlerAggregateStatus": [3, {"handlerName": 4}]}},
    ):
        bench.journal.add("hostplugin", "status", facts={"kind": "status", "document": document})
    assert [one.name for one in bench.picture.reported] == ["4"]
