"""When the goal state is asked for, and how much is asked."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from unit.fakes import FrozenClock, ListLog, system
from waagent.config.sections import Config, Extensions
from waagent.daemon.polling import LOOK_AFTER, Polling
from waagent.model.failure import DocumentFailure, ExchangeFailure, ProvisionFailure


class Reader:
    """``stirs`` and ``failure`` are what the next calls answer; ``calls`` what was asked."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.stirs = False
        self.wire_stirs = False
        self.failure: Exception | None = None

    def stirred(self) -> bool:
        self.calls.append("stirred")
        return self.stirs

    def wire_stirred(self) -> bool:
        self.calls.append("wire stirred")
        return self.wire_stirs

    def refresh(self, force: bool = False) -> str:
        self.calls.append("forced" if force else "refresh")
        if self.failure is not None:
            raise self.failure
        return "refreshed"


class Bench:
    def __init__(self, extensions: Extensions | None = None) -> None:
        self.clock, self.log, self.reader = FrozenClock(), ListLog(), Reader()
        config = replace(Config(), extensions=extensions or Extensions())
        agent: Any = SimpleNamespace(system=system(clock=self.clock, log=self.log), config=config)
        self.taken: list[object] = []
        self.converged = False
        self.looked = 0
        self.moves = False
        self.polling = Polling(agent, self.taken.append, lambda: self.converged, self.look)
        self.polling.connected(cast(Any, SimpleNamespace(reader=self.reader)))

    def look(self, connection: object) -> bool:
        self.looked += 1
        return self.moves


def test_the_first_poll_asks_for_everything_and_ends_the_wait() -> None:
    bench = Bench()
    bench.polling.poll()
    bench.polling.wait_for_first()
    assert (bench.reader.calls, bench.taken) == (["refresh"], ["refreshed"])


def test_four_of_five_looks_are_for_the_settings_and_the_fifth_for_the_wire_server() -> None:
    bench = Bench()
    for _ in range(11):
        bench.polling.poll()
    assert bench.reader.calls == ["refresh", *(["stirred"] * 4 + ["wire stirred"]) * 2]
    assert len(bench.taken) == 1


def test_what_only_the_wire_server_tells_is_followed_by_the_whole_question_at_once() -> None:
    bench = Bench()
    bench.reader.wire_stirs = True
    for _ in range(7):
        bench.polling.poll()
    assert bench.reader.calls == ["refresh", *["stirred"] * 4, "wire stirred", "refresh", "stirred"]


def test_whatever_stirs_is_followed_by_the_whole_question_at_once() -> None:
    bench = Bench()
    bench.polling.poll()
    bench.reader.stirs = True
    bench.polling.poll()
    assert bench.reader.calls == ["refresh", "stirred", "refresh"]


def test_a_configured_period_is_obeyed_to_the_letter() -> None:
    bench = Bench(Extensions(goal_state_period=7))
    bench.polling.poll()
    bench.polling.poll()
    assert bench.polling.period() == 7.0
    assert bench.reader.calls == ["refresh", "refresh"]


def test_the_initial_period_holds_until_the_first_goal_state_has_converged() -> None:
    bench = Bench(Extensions(goal_state_period=60, initial_goal_state_period=1))
    assert bench.polling.period() == 1.0
    bench.converged = True
    assert bench.polling.period() == 60.0


def test_with_extensions_disabled_we_ask_every_five_minutes() -> None:
    assert Bench(Extensions(enabled=False, goal_state_period=1)).polling.period() == 300.0


def test_a_failure_is_logged_and_the_next_poll_asks_for_everything_again() -> None:
    bench = Bench()
    bench.polling.poll()
    bench.reader.failure = ExchangeFailure("the host is away")
    bench.reader.stirs = True
    bench.polling.poll()
    assert "the host is away" in bench.log.of("warning")[0]
    bench.reader.failure = None
    bench.reader.stirs = False
    bench.polling.poll()
    assert bench.reader.calls == ["refresh", "stirred", "refresh", "refresh"]
    assert bench.polling.failures == 1


def test_a_forced_poll_stays_forced_until_it_succeeds() -> None:
    bench = Bench()
    bench.polling.force()
    bench.reader.failure = ExchangeFailure("no")
    bench.polling.poll()
    bench.reader.failure = None
    bench.polling.poll()
    bench.polling.poll()
    assert bench.reader.calls == ["forced", "forced", "stirred"]


def test_who_waits_for_the_first_goal_state_is_let_go_when_the_program_ends() -> None:
    bench = Bench()
    bench.clock.ending = True
    with pytest.raises(ProvisionFailure, match="stopped"):
        bench.polling.wait_for_first()


def test_after_five_failures_in_a_row_another_wire_server_is_looked_for_and_then_ever_more_seldom() -> None:
    bench = Bench()
    bench.reader.failure = ExchangeFailure("silence")
    looks = []
    for _ in range(40):
        bench.polling.poll()
        looks.append(bench.looked)
    assert [looks.index(count) + 1 for count in (1, 2, 3, 4)] == [5, 10, 20, 40]
    assert len(bench.log.of("warning")) == 5, "the same words at every poll"


def test_where_the_wire_server_has_moved_everything_is_fetched_anew() -> None:
    bench = Bench()
    bench.polling.poll()
    bench.reader.failure, bench.reader.stirs, bench.moves = ExchangeFailure("silence"), True, True
    for _ in range(LOOK_AFTER):
        bench.polling.poll()
    bench.reader.failure = None
    bench.polling.poll()
    assert bench.reader.calls[-1] == "forced"


def test_a_poll_that_succeeds_begins_the_count_again() -> None:
    bench = Bench()
    for _ in range(3):
        bench.reader.failure = ExchangeFailure("silence")
        for _ in range(LOOK_AFTER - 1):
            bench.polling.poll()
        bench.reader.failure = None
        bench.polling.poll()
    assert bench.looked == 0


def test_a_document_that_cannot_be_read_is_no_reason_to_look_elsewhere() -> None:
    bench = Bench()
    bench.reader.failure = DocumentFailure("GoalState", "Incarnation", "is missing")
    for _ in range(2 * LOOK_AFTER):
        bench.polling.poll()
    assert bench.looked == 0
