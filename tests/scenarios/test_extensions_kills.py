"""The agent is killed with SIGKILL right after each of its effects in a goal state, and started again, in a real guest.

What the handler was asked, its directory and its status in the end are those of an undisturbed run; only ``enable`` may come
again, because each start of the agent enables. All points are tried by ``make test-slow``, a sample by ``make test``.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from fabriclab.scenario.service import ENDED, Service
from fabriclab.world.extension import Extension
from scenarios import labs
from scenarios.extensions.stage import LIBRARY, Stage, brief, going, lists, one, staged
from scenarios.kill import attempt
from scenarios.kill.attempt import Effect

pytestmark = [*labs.in_a_guest, pytest.mark.xdist_group("extension-kills"), pytest.mark.timeout(1800)]

LANE = "extensions"
BOTH = lists("1.0.0", "2.0.0")


@dataclass(frozen=True)
class Operation:
    before: Callable[[str], Extension] | None
    wanted: Callable[[str], Extension]
    least: int
    """Points that there must be."""


OPERATIONS = {
    "install": Operation(None, lambda name: one(name, packages=BOTH, protected={"a": "b"}), 20),
    "update": Operation(lambda name: one(name, packages=BOTH), lambda name: one(name, "2.0.0", 1, packages=BOTH), 30),
    "uninstall": Operation(lambda name: one(name, packages=BOTH), lambda name: going(name, packages=BOTH), 8),
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("stage"), "ours", adapter=attempt.HERE / "adapter.toml") as made:
        yield made


@dataclass(frozen=True)
class Ended:
    """What a run has led to, without what a name, a clock or a certificate puts in."""

    commands: tuple[str, ...]
    tree: tuple[str, ...]
    says: tuple[Any, ...]


def play(stage: Stage, operation: Operation, name: str, point: str) -> tuple[bool, Ended]:
    """Whether the agent was killed at the point, and how it ended."""
    if operation.before is not None:
        stage.publish(operation.before(name))
    stage.lab.service.stop()
    attempt.forget_effects(stage.lab)
    before, mark = len(stage.commands(name)), stage.lab.journal.last
    stage.publish(operation.wanted(name), wait=False)
    killed = bool(point) and die(stage, point)
    stage.lab.service.start()
    stage.worked_on(max(mark, stage.lab.journal.last) if killed else mark)
    return killed, Ended(told(stage.commands(name)[before:]), tree(stage, name), brief(stage.part(name)))


def die(stage: Stage, point: str) -> bool:
    lab = stage.lab
    mark = lab.journal.last
    service = Service(lab.guest, replace(lab.adapter, environment={**lab.adapter.environment, "KILL_AT": point}), lab.journal)
    service.start()
    done = lab.journal.wait(lambda entry: entry.kind == ENDED, 6.0, mark)
    if done is None:
        service.stop()
        return False
    assert done.facts["status"] == -signal.SIGKILL, labs.log(lab)
    return True


def told(commands: list[str]) -> tuple[str, ...]:
    return tuple(each for number, each in enumerate(commands) if " enable " not in each or each not in commands[:number])


def tree(stage: Stage, name: str) -> tuple[str, ...]:
    script = f"cd {LIBRARY}; find . -path './{name}*' -printf '%y %m %p\\n' | sort; cat {name}-*/config/Handler* {name}-*/mrseq"
    return tuple(stage.lab.guest.shell(script).output.replace(name, "NAME").splitlines())


def points(stage: Stage, operation: Operation, name: str) -> tuple[tuple[Effect, ...], Ended]:
    _, ended = play(stage, operation, name, "")
    trace = (stage.lab.guest.read(attempt.TRACE) or b"").decode()
    # what a command is told to do goes over several lines, of which the first counts
    found = re.findall(rf"^{LANE}:([0-9]+) (.*)$", trace, re.MULTILINE)
    return tuple(Effect(LANE, int(number), text) for number, text in found), ended


def check(stage: Stage, word: str, every: int, capsys: pytest.CaptureFixture[str]) -> None:
    operation = OPERATIONS[word]
    every_point, wanted = points(stage, operation, f"Kill.{word.title()}")
    assert len(every_point) >= operation.least
    tried, wrong = 0, []
    for number, effect in enumerate(every_point[::every]):
        killed, ended = play(stage, operation, f"Kill.{word.title()}{every}x{number}", effect.point)
        tried += killed
        if ended != wanted:
            wrong.append(f"{effect}: {ended}\n  wanted {wanted}")
    with capsys.disabled():
        print(f"\nkill points of {word}: {tried} tried of {len(every_point)}, {len(wrong)} wrong")
    assert not wrong, "\n".join(wrong)
    assert tried >= 0.9 * len(every_point[::every])
    assert not re.search(r"Traceback", labs.log(stage.lab))


@pytest.mark.parametrize("word", OPERATIONS)
def test_after_a_kill_at_some_points_a_handler_ends_as_if_undisturbed(
    stage: Stage, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    check(stage, word, 17, capsys)


@pytest.mark.long
@pytest.mark.parametrize("word", OPERATIONS)
def test_after_a_kill_at_any_point_a_handler_ends_as_if_undisturbed(
    stage: Stage, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    check(stage, word, 1, capsys)
