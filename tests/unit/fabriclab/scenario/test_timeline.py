"""scenario.timeline and scenario.times: from the journal to the lines and the figures that people see."""

from datetime import datetime, timedelta, timezone
from typing import Any

from fabriclab.journal.entry import Entry, Exchange
from fabriclab.scenario import times
from fabriclab.scenario.timeline import Timeline
from fabriclab.scenario.times import Enabled

WALL = datetime(2026, 1, 2, tzinfo=timezone.utc)


class Record:
    """Entries in order, ten to the second."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def add(self, service: str, summary: str, who: str = "agent", exchange: Exchange | None = None, **facts: Any) -> Entry:
        number = len(self.entries) + 1
        since = number / 10
        entry = Entry(number, since, WALL + timedelta(seconds=since), who, service, summary, exchange, facts)
        self.entries.append(entry)
        return entry

    def start(self) -> None:
        self.add("guest", "agent started: x", "lab", kind="agent-started")

    def health(self, state: str, substatus: str | None = None, description: str | None = None) -> Entry:
        made = Exchange("POST", "/machine?comp=health", status=200)
        return self.add(
            "wireserver", "health", "agent", made, kind="health", state=state, substatus=substatus, description=description
        )

    def publish(self) -> None:
        self.add("world", "PutExtension A.B", "fabric", kind="world", event="PutExtension", incarnation=2, etag=3)

    def read(self, name: str) -> Entry:
        made = Exchange("GET", f"/extensions/{name}", status=200, response_size=9)
        return self.add("blob", f"read extensions/{name}, 9 bytes", "agent", made, kind="blob_read", name=name)

    def status(self, state: str) -> Entry:
        handler = {
            "handlerName": "A.B",
            "status": "Ready",
            "code": 0,
            "runtimeSettingsStatus": {"settingsStatus": {"status": {"status": state, "code": 0}}},
        }
        document = {"aggregateStatus": {"handlerAggregateStatus": [handler] if state else []}}
        return self.add("blob", "status", "agent", Exchange("PUT", "/s", status=201), kind="status", document=document)


def lines(record: Record) -> list[tuple[str, str, bool | None]]:
    timeline = Timeline()
    told = [timeline.tell(entry) for entry in record.entries]
    return [(event.who, event.text, event.good) for event in told if event is not None]


def test_the_timeline_says_who_did_what_and_whether_that_is_good() -> None:
    record = Record()
    record.start()
    record.add("wireserver", "goal state 1", "agent", Exchange("GET", "/machine/?comp=goalstate", status=200))
    record.health("NotReady", "Provisioning", "Starting")
    record.health("NotReady", "ProvisioningFailed", "no\n  DVD")
    record.health("Ready")
    record.publish()
    record.read("A.B_manifest.xml")
    record.read("A.B__1.0.0")
    record.status("transitioning")
    record.status("success")
    record.add("guest", "agent ended with status 0", "guest", kind="agent-ended", status=0)
    assert lines(record) == [
        ("lab", "agent started: x", None),
        ("fabric", "served goal state 1", None),
        ("agent", "reported NotReady/Provisioning: Starting", None),
        ("agent", "reported NotReady/ProvisioningFailed: no DVD", False),
        ("agent", "reported Ready", True),
        ("fabric", "published A.B (goal state 2, vmSettings 3)", None),
        ("fabric", "served manifest of A.B", None),
        ("fabric", "served package A.B 1.0.0, 9 bytes", None),
        ("agent", "uploaded status: A.B Ready, code 0; extension transitioning, code 0", None),
        ("agent", "uploaded status: A.B Ready, code 0; extension success, code 0", True),
        ("guest", "agent ended with status 0", True),
    ]


def test_what_was_said_before_is_no_news() -> None:
    record = Record()
    for _ in range(3):
        record.add("wireserver", "goal state 1", "agent", Exchange("GET", "/machine/?comp=goalstate", status=200))
        record.status("")
        record.add("wireserver", "x", "agent", Exchange("GET", "/x", status=400, refusal="no header"))
        record.add("wireserver", "x", "agent", Exchange("GET", "/x", status=503, fault="Status(503)"))
    assert lines(record) == [
        ("fabric", "served goal state 1", None),
        ("agent", "uploaded its first status", None),
        ("fabric", "refused: GET /x (wireserver): no header", False),
        ("fabric", "fault: GET /x (wireserver): Status(503)", None),
    ]


def test_the_times_run_from_the_agents_start_and_from_the_publication() -> None:
    record = Record()
    record.add("guest", "guest up", "lab")
    record.start()  # 0.2
    record.status("")  # 0.3
    record.health("Ready")  # 0.4
    record.publish()  # 0.5
    record.read("A.B_manifest.xml")  # 0.6
    record.read("A.B__1.0.0")  # 0.7
    record.status("success")  # 0.8
    base = WALL.timestamp()
    measured = times.measure(record.entries, {"A.B": Enabled(base + 0.72, base + 0.78)})
    assert measured == {
        times.READY: 0.2,
        times.FIRST_STATUS: 0.1,
        times.PACKAGE: 0.2,
        times.ENABLE: 0.22,
        times.UPLOAD: 0.02,
        times.SUCCESS: 0.3,
    }


def test_an_enable_that_ran_again_after_the_report_gives_no_time() -> None:
    record = Record()
    record.start()
    record.publish()
    record.status("success")
    measured = times.measure(record.entries, {"A.B": Enabled(WALL.timestamp() + 5, WALL.timestamp() + 6)})
    assert times.UPLOAD not in measured and times.ENABLE not in measured and times.SUCCESS in measured


def test_nothing_is_measured_without_a_start() -> None:
    assert times.measure((), {}) == {}
