"""When the status goes out, and what happens when it is not taken."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from unit.fakes import FrozenClock, ListLog, MemoryFiles, system
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.daemon.status_reports import LONG_FAILURE, PERIOD, RETRY, StatusReports
from waagent.model.event import Operation
from waagent.model.failure import ExchangeFailure
from waagent.model.goal_state import BlobType, Channel, ExtensionsGoalState, GoalState, StatusBlob
from waagent.model.status import GoalStateAggregate, HandlerReport, HandlerStatus

BLOB = StatusBlob("https://x.example.net/status?sig=x", BlobType.BLOCK)


class Bench:
    """``failing``: the fabric takes no status. ``sent`` has the moments of what it was given."""

    def __init__(self, blob: StatusBlob | None = BLOB) -> None:
        self.clock, self.log = FrozenClock(), ListLog()
        self.failing = False
        self.sent: list[float] = []
        self.told: list[Operation] = []
        self.refetched = 0
        files = MemoryFiles(now=lambda: self.clock.now().timestamp())
        agent: Any = SimpleNamespace(
            system=system(files=files, log=self.log, clock=self.clock),
            config=Config(),
            paths=Paths.of(Config()),
            guest=SimpleNamespace(id="debian", version="12"),
            version="9.9.9.10",
        )
        connection: Any = SimpleNamespace(upload=SimpleNamespace(upload=self._upload))
        self.extensions: Any = SimpleNamespace(reports=lambda wanted: ())
        self.bodies: list[bytes] = []
        self.reports = StatusReports(agent, connection, self.extensions, self.told.append, self._refetch, lambda: None)
        state: Any = SimpleNamespace(
            extensions=ExtensionsGoalState(Channel.FABRIC, "incarnation_1", status_blob=blob), fast_track_supported=True
        )
        self.reports.take(cast(GoalState, state))

    def _upload(self, body: bytes, blob: StatusBlob) -> None:
        self.sent.append(self.clock.monotonic())
        self.bodies.append(body)
        if self.failing:
            raise ExchangeFailure("nobody takes it")

    def _refetch(self) -> None:
        self.refetched += 1

    def pass_time(self, seconds: float, step: float = 1.0) -> int:
        """Look every second; how often something was sent."""
        before = len(self.sent)
        for _ in range(round(seconds / step)):
            self.clock.advance(step)
            self.reports.report()
        return len(self.sent) - before


def test_what_says_the_same_goes_out_once_in_a_period() -> None:
    bench = Bench()
    bench.reports.report()
    assert bench.pass_time(PERIOD - 2) == 0
    assert bench.pass_time(2) == 1
    assert bench.reports.period() == PERIOD


def test_what_was_not_taken_goes_again_only_after_a_while() -> None:
    bench = Bench()
    bench.failing = True
    bench.reports.report()
    assert bench.reports.period() == RETRY
    assert bench.pass_time(RETRY - 1) == 0
    assert bench.pass_time(60) == 60 // RETRY
    assert len(bench.log.of("error")) == 1, "one line for an outage"


def test_a_look_in_between_does_not_put_the_next_try_off() -> None:
    bench = Bench()
    bench.failing = True
    bench.reports.report()
    bench.pass_time(4)
    assert bench.reports.period() == pytest.approx(RETRY - 4)


def test_when_the_fabric_is_back_the_report_does_not_wait() -> None:
    bench = Bench()
    bench.failing = True
    bench.reports.report()
    bench.failing = False
    bench.clock.advance(1)
    bench.reports.retry()
    bench.reports.report()
    assert len(bench.sent) == 2
    assert bench.reports.period() == PERIOD


def test_a_long_failure_is_told_once() -> None:
    bench = Bench()
    bench.failing = True
    bench.pass_time(2 * LONG_FAILURE)
    assert [one.operation for one in bench.told] == ["ReportStatusExtended"]


def test_that_a_goal_state_is_done_is_never_said_with_handlers_from_before() -> None:
    bench = Bench()
    done = GoalStateAggregate("Success", 0, "GoalState executed successfully", bench.clock.now(), "2")

    def reports(wanted: object) -> tuple[HandlerReport, ...]:
        bench.reports.processed(done)  # the lane of extensions comes to its end while the handlers are being looked at
        return (HandlerReport(HandlerStatus("A.B", "1.0", "Installing", 0, "Plugin waits to be installed")),)

    bench.extensions.reports = reports
    bench.reports.report()
    assert b'"Installing"' in bench.bodies[0]
    assert b"GoalState executed successfully" not in bench.bodies[0]


def test_without_a_place_for_it_everything_is_fetched_again() -> None:
    bench = Bench(blob=None)
    bench.reports.report()
    assert (bench.refetched, bench.sent) == (1, [])
    bench.pass_time(RETRY - 1)
    assert bench.refetched == 1, "everything was fetched again and again"
