"""scenario.schedule: what is due, open or out of reach."""

from fabriclab.scenario.expected import END, START, Expectation, Health, Hostname
from fabriclab.scenario.schedule import Mark, Schedule
from fabriclab.scenario.step import Note, Step


def step(name: str, at: str = START, delay: float = 0.0) -> Step:
    return Step(Note(name), name, at, delay)


def expect(name: str, at: str = START, within: float = 10.0, delay: float = 0.0) -> Expectation:
    return Expectation(Health("Ready"), name, at, delay, within)


def names(found: tuple[Step | Expectation, ...]) -> list[str]:
    return [one.name for one in found]


def test_nothing_is_due_or_active_before_what_it_hangs_on() -> None:
    schedule = Schedule([step("publish", "ready")], [expect("ready"), expect("success", "publish")])
    assert schedule.due(99) == () and schedule.active(99) == ()
    schedule.mark(START, Mark(3, 1.0))
    assert schedule.due(99) == ()
    assert names(schedule.active(99)) == ["ready"]
    schedule.mark("ready", Mark(7, 2.0))
    assert names(schedule.due(2.0)) == ["publish"]


def test_a_delay_counts_from_the_mark_and_steps_come_in_the_order_of_time() -> None:
    schedule = Schedule([step("late", delay=5), step("soon", delay=1)], [expect("slow", delay=4)])
    schedule.mark(START, Mark(0, 10.0))
    assert names(schedule.due(10.5)) == []
    assert names(schedule.due(11)) == ["soon"]
    assert names(schedule.due(20)) == ["soon", "late"]
    assert names(schedule.active(13.9)) == [] and names(schedule.active(14)) == ["slow"]
    assert schedule.deadline(schedule.open[0]) == 24.0


def test_what_hangs_on_something_lost_is_out_of_reach() -> None:
    schedule = Schedule([step("publish", "ready")], [expect("success", "publish"), expect("other")])
    schedule.lose("ready")
    assert names(schedule.out_of_reach()) == ["publish"]
    schedule.lose("publish")
    assert names(schedule.out_of_reach()) == ["publish", "success"]


def test_the_end_comes_when_only_what_hangs_on_it_is_left() -> None:
    schedule = Schedule([step("publish")], [expect("ready"), Expectation(Hostname("x"), "host", END)])
    schedule.mark(START, Mark(0, 0.0))
    assert not schedule.reaches_end(1)
    schedule.steps.clear()
    assert not schedule.reaches_end(1)
    schedule.open.pop(0)
    assert schedule.reaches_end(1)
    schedule.mark(END, Mark(5, 1.0))
    assert not schedule.reaches_end(2) and not schedule.is_over
    schedule.open.clear()
    assert schedule.is_over


def test_a_scenario_lasts_as_long_as_it_says() -> None:
    schedule = Schedule([], [], lasts=30)
    schedule.mark(START, Mark(0, 2.0))
    assert not schedule.reaches_end(31.9)
    assert schedule.next_moment(3.0) == 32.0
    assert schedule.reaches_end(32.0)


def test_the_next_moment_is_the_nearest_step_deadline_or_beginning() -> None:
    schedule = Schedule([step("a", delay=8)], [expect("x", within=5), expect("y", delay=3, within=1)])
    assert schedule.next_moment(0) is None
    schedule.mark(START, Mark(0, 0.0))
    assert [schedule.next_moment(now) for now in (0.5, 3.5, 4.5, 6.0)] == [3.0, 4.0, 5.0, 8.0]
    assert schedule.next_moment(9.0) is None
