import selectors
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone

from unit.fakes.watch import SpokenWatch
from waagent.daemon.ears import Ear, Ears
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


# -- news of the machine


def test_news_wakes_the_duties_of_a_watch_and_no_others() -> None:
    scheduler = Scheduler(RunningClock(), ListLog())
    woken, other, apart = threading.Semaphore(0), threading.Semaphore(0), threading.Semaphore(0)
    watch = SpokenWatch()
    assert scheduler.listen(watch, "woken", "other", "not there")
    for name, runs in (("woken", woken), ("other", other), ("apart", apart)):
        scheduler.add(Duty(name, "a", runs.release, lambda: 3600))
    finish = running(scheduler)
    for runs in (woken, other, apart):
        assert runs.acquire(timeout=2)
    watch.say()
    assert woken.acquire(timeout=2) and other.acquire(timeout=2)
    assert not apart.acquire(timeout=0.1)
    finish()


def test_a_burst_of_news_costs_one_run_and_what_comes_after_it_another() -> None:
    scheduler = Scheduler(RunningClock(), ListLog())
    runs = threading.Semaphore(0)
    watch = SpokenWatch()
    scheduler.add(Duty("woken", "a", runs.release, lambda: 3600))
    finish = running(scheduler)
    assert runs.acquire(timeout=2)
    scheduler.listen(watch, "woken")
    for _ in range(5):
        watch.say(10)
        time.sleep(0.02)
    assert runs.acquire(timeout=2)
    assert watch.drained == 1
    assert not runs.acquire(timeout=0.2)
    watch.say()
    assert runs.acquire(timeout=2)
    finish()


def test_a_watch_that_tells_nothing_is_closed_and_the_period_alone_counts() -> None:
    scheduler = Scheduler(RunningClock(), ListLog())

    class Silent(SpokenWatch):
        def fileno(self) -> None:  # type: ignore[override]
            return None

    watch = Silent()
    assert not scheduler.listen(watch, "any")
    assert watch.closed


def test_a_watch_that_never_stops_talking_is_heard_less_and_less_often() -> None:
    with selectors.DefaultSelector() as selector:
        watch, wakes, gaps, now = SpokenWatch(), [], [], 100.0
        ear = Ear(watch, lambda: wakes.append(now))
        ears = Ears(selector)
        ears.add([ear])
        for _ in range(10):
            watch.say()
            assert selector.select(0)
            ears.hear(ear, now)
            assert not selector.select(0), "it is not listened to while it settles"
            opening = ears.next_opening()
            assert opening is not None
            gaps.append(opening - now)
            now = opening
            ears.open(now)
        assert gaps[:4] == [0.25, 0.5, 1.0, 2.0] and gaps[-1] == 8.0
        assert len(wakes) == 10
        now += 60.0
        ears.hear(ear, now)
        assert ears.next_opening() == now + 0.25, "after a long silence it is heard at once again"
