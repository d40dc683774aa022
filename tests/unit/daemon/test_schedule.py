import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone

from waagent.daemon.schedule import Duty, Scheduler
from waagent.model.failure import Failure


class RunningClock:
    def now(self) -> datetime:
        return datetime.now(timezone.utc)

    def monotonic(self) -> float:
        return time.monotonic()

    def pause(self, seconds: float) -> bool:
        return True


class ListLog:
    def __init__(self) -> None:
        self.errors: list[str] = []

    def phase(self, text: str) -> None: ...
    def verbose(self, text: str) -> None: ...
    def info(self, text: str) -> None: ...
    def warning(self, text: str) -> None: ...
    def error(self, text: str) -> None:
        self.errors.append(text)


def running(scheduler: Scheduler) -> Callable[[], None]:
    thread = threading.Thread(target=scheduler.run)
    thread.start()

    def finish() -> None:
        scheduler.stop()
        thread.join(2)
        assert not thread.is_alive()

    return finish


def test_a_duty_runs_at_once_and_again_after_its_period() -> None:
    scheduler = Scheduler(RunningClock(), ListLog())
    runs = threading.Semaphore(0)
    scheduler.add(Duty("tick", "a", runs.release, lambda: 0.05))
    finish = running(scheduler)
    assert all(runs.acquire(timeout=2) for _ in range(3))
    finish()


def test_a_duty_that_hangs_delays_neither_another_lane_nor_the_end() -> None:
    scheduler = Scheduler(RunningClock(), ListLog())
    stuck, other = threading.Event(), threading.Semaphore(0)
    scheduler.add(Duty("stuck", "a", lambda: stuck.wait(30), lambda: 0.05))
    scheduler.add(Duty("other", "b", other.release, lambda: 0.05))
    finish = running(scheduler)
    assert all(other.acquire(timeout=2) for _ in range(2))
    started = time.monotonic()
    finish()
    assert time.monotonic() - started < 1
    stuck.set()


def test_a_duty_that_is_woken_while_it_runs_runs_once_more() -> None:
    scheduler = Scheduler(RunningClock(), ListLog())
    began, release, runs = threading.Event(), threading.Event(), []

    def work() -> None:
        runs.append(1)
        began.set()
        release.wait(5)

    scheduler.add(Duty("slow", "a", work, lambda: 3600))
    finish = running(scheduler)
    assert began.wait(2)
    scheduler.wake("slow")
    release.set()
    deadline = time.monotonic() + 2
    while len(runs) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    finish()
    assert len(runs) == 2


def test_a_failing_duty_is_logged_and_comes_again() -> None:
    log = ListLog()
    scheduler = Scheduler(RunningClock(), log)
    runs = threading.Semaphore(0)

    def work() -> None:
        runs.release()
        if len(log.errors) == 0:
            raise Failure("the disk said no")
        raise ValueError("a defect")

    scheduler.add(Duty("bad", "a", work, lambda: 0.05))
    finish = running(scheduler)
    assert all(runs.acquire(timeout=2) for _ in range(3))
    finish()
    assert log.errors[0] == "the disk said no"
    assert "ValueError: a defect" in log.errors[1]
    assert "test_schedule.py" in log.errors[1]


class Counted(Scheduler):
    nudges = 0

    def _nudge(self) -> None:
        self.nudges += 1
        super()._nudge()


def test_the_end_of_a_run_wakes_no_scheduler_that_would_wake_in_time_anyway() -> None:
    scheduler = Counted(RunningClock(), ListLog())
    runs = threading.Semaphore(0)
    scheduler.add(Duty("tick", "a", runs.release, lambda: 0.1))
    finish = running(scheduler)
    assert all(runs.acquire(timeout=2) for _ in range(8))
    assert scheduler.nudges < 5
    finish()


def test_a_duty_that_overran_its_period_runs_again_at_once_and_is_waited_for_quietly() -> None:
    scheduler = Counted(RunningClock(), ListLog())
    began, may_end = threading.Semaphore(0), threading.Semaphore(0)

    def work() -> None:
        began.release()
        may_end.acquire(timeout=5)

    scheduler.add(Duty("long", "a", work, lambda: 0.05))
    finish = running(scheduler)
    assert began.acquire(timeout=2)
    spent = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - spent < 0.1
    may_end.release()
    assert began.acquire(timeout=2)
    may_end.release()
    finish()
