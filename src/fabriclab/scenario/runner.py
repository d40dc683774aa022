"""Runs a scenario's steps and waits for what it expects: one loop that turns when the journal has something new or time is up.

Expectations of the journal are looked at after each entry. What concerns the guest is looked at when all else is decided (`at`
= "end", the default there), one at a time, and again in short turns until its deadline: a guest's files tell nobody that they
change. What hangs on something that did not come about is not waited for, and counts as not held.
"""

import threading
from collections.abc import Callable
from contextlib import nullcontext

from fabriclab.guests.control import ControlError
from fabriclab.guests.process import GuestTimeout
from fabriclab.journal.entry import LAB
from fabriclab.scenario import doing, hearing, inspection
from fabriclab.scenario.expected import (
    END,
    START,
    Agent,
    Expectation,
    GoalState,
    Handler,
    Health,
    Login,
    Logs,
    Probe,
    Requests,
    Tree,
)
from fabriclab.scenario.hearing import Seen
from fabriclab.scenario.lab import Lab
from fabriclab.scenario.outcome import Verdict
from fabriclab.scenario.schedule import Mark, Schedule
from fabriclab.scenario.service import STARTED
from fabriclab.scenario.step import (
    AttachDisk,
    DetachDisk,
    Do,
    DoAgent,
    EjectMedium,
    InsertMedium,
    Reboot,
    RemoveDisk,
    ReplaceDisk,
    Step,
)

TURN = 0.1  # seconds between two looks at the guest
IDLE = 5.0  # seconds after which the loop turns anyway

WaitFor = Callable[[str], None]

_ONE_AT_A_TIME = (
    DoAgent,
    Reboot,
    InsertMedium,
    EjectMedium,
    ReplaceDisk,
    RemoveDisk,
    AttachDisk,
    DetachDisk,
)
_OF_JOURNAL = (Health, Handler, GoalState, Requests, Logs)


class Runner:
    """`wait_for` gets one line about what is waited for now."""

    def __init__(self, lab: Lab, wait_for: WaitFor) -> None:
        self._lab = lab
        self._journal = lab.journal
        self._wait_for = wait_for
        self._schedule = Schedule(lab.scenario.steps, lab.scenario.expectations, lab.scenario.lasts, lab.guest.slowness)
        self._verdicts: dict[str, Verdict] = {}
        self._doing = threading.Lock()

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Steps that failed, then the expectations in the scenario's order."""
        parts: tuple[Step | Expectation, ...] = (*self._lab.scenario.steps, *self._lab.scenario.expectations)
        return tuple(self._verdicts[one.name] for one in parts if one.name in self._verdicts)

    def marked(self, name: str) -> Mark | None:
        return self._schedule.marked(name)

    def do_now(self, what: Do) -> str | None:
        """Something from outside the scenario, from any thread; the output where it is a command.

        What changes the guest's power, discs or agent is done one at a time; a long command or reboot holds up nothing else.
        Raises StepFailed, OSError, GuestTimeout, BadEvent.
        """
        with self._doing if isinstance(what, _ONE_AT_A_TIME) else nullcontext():
            return doing.do(what, self._lab)

    def begin(self) -> None:
        """Does what is due before the agent starts, and starts it."""
        self._schedule.mark(START, self._now())
        for step in self._schedule.due(self._journal.elapsed()):
            self._do(step)
        self._schedule.mark(START, self._now())
        if self._lab.adapter.command and self._lab.scenario.starts_agent:
            self._lab.service.start()

    def run(self) -> None:
        """Until every expectation is decided and every step done."""
        while not self._schedule.is_over:
            seen = self._journal.last
            self._turn()
            if not self._schedule.is_over:
                self._pause(seen)

    def stay(self) -> None:
        """For ever; steps go on as they come due."""
        while True:
            seen = self._journal.last
            self._turn()
            self._pause(seen)

    def _turn(self) -> None:
        now = self._journal.elapsed()
        for step in self._schedule.due(now):
            self._do(step)
        looked_at_guest = False
        for one in self._schedule.active(now):
            of_journal = isinstance(one.what, _OF_JOURNAL)
            if of_journal or not looked_at_guest:
                looked_at_guest = looked_at_guest or not of_journal
                self._consider(one)
        for lost in self._schedule.out_of_reach():
            self._give_up(lost)
        if self._schedule.reaches_end(self._journal.elapsed()):
            self._schedule.mark(END, self._now())

    def _pause(self, seen: int) -> None:
        now = self._journal.elapsed()
        active = self._schedule.active(now)
        self._wait_for(self._awaited(active))
        moment = self._schedule.next_moment(now)
        patience = IDLE if moment is None else min(moment - now + 0.001, IDLE)
        if END in (one.at for one in active) or any(not isinstance(one.what, _OF_JOURNAL) for one in active):
            patience = min(patience, TURN)
        self._journal.wait(lambda entry: True, patience, seen)

    def _awaited(self, active: tuple[Expectation, ...]) -> str:
        if active:
            return f"waiting for: {active[0].sentence()}"
        return "waiting for the next step" if self._schedule.steps else "running; Ctrl-C ends it"

    def _do(self, step: Step) -> None:
        self._schedule.steps.remove(step)
        before = self._now()  # what the step brings about counts for those who hang on it
        try:
            with self._doing:
                doing.do(step.do, self._lab)
        except (OSError, GuestTimeout, doing.StepFailed) as problem:
            self._journal.add("guest", f"step {step.name} failed: {problem}", who=LAB, facts={"kind": "step-failed"})
            self._verdicts[step.name] = Verdict(f"step {step.name}", False, str(problem))
            self._schedule.lose(step.name)
        else:
            self._schedule.mark(step.name, self._start_of_agent(step) or before)

    def _start_of_agent(self, step: Step) -> Mark | None:
        """After a restart only what the new agent says counts, not the last words of the old one."""
        if not isinstance(step.do, DoAgent | Reboot):
            return None
        started = [entry for entry in self._journal.entries() if entry.kind == STARTED]
        return Mark(started[-1].number, started[-1].since) if started else None

    def _consider(self, one: Expectation) -> None:
        of_journal = isinstance(one.what, _OF_JOURNAL)
        seen = self._look(one)
        is_last = self._journal.elapsed() >= self._schedule.deadline(one) or (of_journal and self._nobody_speaks())
        final = of_journal and seen.held is False
        waits_for_end = isinstance(one.what, Requests | Health) and one.what.bounds and one.at != END and not is_last
        if seen.held and not waits_for_end:
            detail = f"at {seen.entry.since:.3f} s" if seen.entry is not None else seen.detail
            self._decide(one, Verdict(one.sentence(), True, detail))
            number = seen.entry.number if seen.entry is not None else self._journal.last
            since = seen.entry.since if seen.entry is not None else self._journal.elapsed()
            self._schedule.mark(one.name, Mark(number, since))
        elif final or is_last:
            self._decide(one, Verdict(one.sentence(), False, seen.detail))
            self._schedule.lose(one.name)

    def _look(self, one: Expectation) -> Seen:
        what = one.what
        if isinstance(what, Health | Handler | GoalState | Requests | Logs):
            mark = self._schedule.marked(START if one.at == END else one.at)
            return hearing.hear(what, self._journal.since(mark.number if mark is not None else 0))
        if isinstance(what, Agent):
            service = self._lab.service
            fits = service.is_running == what.running and what.status in (None, service.status)
            return Seen(fits, "runs" if service.is_running else f"ended with status {service.status}")
        try:
            if isinstance(what, Tree):
                return inspection.compare(what, self._lab.guest.changes())
            if isinstance(what, Login):
                password = what.password or self._lab.scenario.medium.password
                seen = inspection.knock(what, self._lab.guest, self._lab.scenario.address, self._lab.key, password)
                said = f"ssh log-in as {what.user} by {what.by}: {'as expected' if seen.held else 'not as expected'}"
                self._journal.add("guest", said, who=LAB)
                return seen
            if isinstance(what, Probe):
                return inspection.probe(what, self._lab.guest, self._lab.scenario.address)
            return inspection.inspect(what, self._lab.guest)
        except (ControlError, GuestTimeout) as problem:
            return Seen(None, str(problem))

    def _nobody_speaks(self) -> bool:
        """Whether the agent has ended by itself and no step can come that starts it again."""
        return self._lab.service.status is not None and all(self._waits_for_words(step.at) for step in self._schedule.steps)

    def _waits_for_words(self, name: str) -> bool:
        """Whether this comes about only after something that the agent has still to say."""
        parts: tuple[Step | Expectation, ...] = (*self._schedule.open, *self._schedule.steps)
        part = next((one for one in parts if one.name == name), None)
        if part is None:
            return False
        if isinstance(part, Expectation) and isinstance(part.what, _OF_JOURNAL):
            return not (isinstance(part.what, Requests | Health) and part.what.bounds)
        return self._waits_for_words(part.at)

    def _give_up(self, lost: Step | Expectation) -> None:
        self._schedule.lose(lost.name)
        reason = f'"{lost.at}" did not come about'
        if isinstance(lost, Expectation):
            self._decide(lost, Verdict(lost.sentence(), False, reason))
        else:
            self._schedule.steps.remove(lost)
            self._journal.add("guest", f"step {lost.name} left out: {reason}", who=LAB)

    def _decide(self, one: Expectation, verdict: Verdict) -> None:
        self._schedule.open.remove(one)
        self._verdicts[one.name] = verdict

    def _now(self) -> Mark:
        return Mark(self._journal.last, self._journal.elapsed())
