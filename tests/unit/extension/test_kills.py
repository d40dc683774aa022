"""The agent is killed at every change it makes to the machine, and started again: the end is that of an undisturbed run.

A kill is an exception that nothing catches, raised before the n-th change. Commands that had started go on alone.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from unit.extension.lab import Lab, goal, several, single
from waagent.model.extension import RequestedExtension, RequestedState
from waagent.model.goal_state import ExtensionsGoalState
from waagent.system.port import Child, System

CHANGES = frozenset(
    {"write", "make_directory", "remove", "rename", "set_mode", "set_modified", "create", "scratch", "symlink", "spawn", "sync"}
)


class Killed(BaseException):
    pass


class Fuse:
    """Blows at the n-th change."""

    def __init__(self, at: int | None) -> None:
        self.at = at
        self.count = 0
        self.what = ""

    def burn(self, what: str) -> None:
        self.count += 1
        if self.count == self.at:
            self.what = what
            raise Killed


class Fused:
    """A port whose changes burn the fuse."""

    def __init__(self, port: Any, fuse: Fuse) -> None:
        self._port = port
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if name not in CHANGES:
            return found

        def call(*arguments: Any, **options: Any) -> Any:
            self._fuse.burn(f"{name} {arguments[0]}")
            result = found(*arguments, **options)
            return FusedChild(result, self._fuse) if name == "spawn" else result

        return call


class FusedChild:
    """A command that has started: the kill may come while it runs, and when it has ended."""

    def __init__(self, child: Child, fuse: Fuse) -> None:
        self._child = child
        self._fuse = fuse

    def wait(self, timeout: float | None = None) -> int | None:
        self._fuse.burn("while a command runs")
        code = self._child.wait(timeout)
        self._fuse.burn("when a command has ended")
        return code

    def kill_group(self) -> None:
        self._child.kill_group()


def fused(system: System, fuse: Fuse) -> System:
    return replace(system, files=Fused(system.files, fuse), commands=Fused(system.commands, fuse))


def tree(lab: Lab) -> dict[str, str]:
    """Every path of the library directory with its content, without what a clock or chance puts in."""
    found: dict[str, str] = {}
    for path in sorted(lab.lib.rglob("*")):
        text = path.read_text() if path.is_file() else "/"
        found[str(path.relative_to(lab.lib))] = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "T", text)
    return found


Prepare = Callable[[Lab], ExtensionsGoalState]


def install(lab: Lab) -> ExtensionsGoalState:
    lab.publish()
    return goal(single(), number=2)


def update(lab: Lab) -> ExtensionsGoalState:
    lab.publish("1.0.0")
    lab.publish("1.1.0")
    lab.agent.process(goal(single("1.0.0")))
    (lab.handler() / "mrseq").write_text("0")
    return goal(single("1.1.0", 1), number=2)


def downgrade(lab: Lab) -> ExtensionsGoalState:
    lab.publish("1.0.0", updateMode="UpdateWithoutInstall")
    lab.publish("1.1.0")
    lab.agent.process(goal(single("1.1.0")))
    return goal(single("1.0.0", 1), number=2)


def uninstall(lab: Lab) -> ExtensionsGoalState:
    lab.publish()
    lab.agent.process(goal(single()))
    return goal(single(state=RequestedState.UNINSTALL), number=2)


def failing(lab: Lab) -> ExtensionsGoalState:
    lab.publish(behaviour='[ "$1" != install ] || exit 5')
    return goal(single(), number=2)


def two(lab: Lab) -> ExtensionsGoalState:
    lab.publish(supportsMultipleExtensions=True)
    return goal(several(RequestedExtension("a", 0), RequestedExtension("b", 7)), number=2)


def every_kill(tmp_path: Path, prepare: Prepare) -> Iterator[tuple[str, Lab, int]]:
    """A lab after each possible kill and a new start; then one after no kill."""
    for number in itertools.count(1):
        root = tmp_path / str(number)
        root.mkdir()
        lab = Lab(root)
        wanted = prepare(lab)
        before = len(lab.calls)
        fuse = Fuse(number)
        try:
            lab.start(fused(lab.system, fuse)).process(wanted, first_since_start=True)
        except Killed:
            lab.start().process(wanted, first_since_start=True)
            yield fuse.what, lab, before
        else:
            return


@pytest.mark.parametrize(
    "prepare",
    [
        install,
        update,
        uninstall,
        pytest.param(downgrade, marks=pytest.mark.slow),
        pytest.param(two, marks=pytest.mark.slow),
    ],
    ids=lambda each: each.__name__,
)
def test_a_killed_agent_ends_where_it_would_have(
    tmp_path: Path, prepare: Prepare, record_property: Callable[[str, object], None]
) -> None:
    whole = Lab(tmp_path)
    wanted = prepare(whole)
    before = len(whole.calls)
    whole.agent.process(wanted, first_since_start=True)
    expected, calls = tree(whole), whole.calls[before:]
    points = 0
    for what, lab, start in every_kill(tmp_path, prepare):
        points += 1
        assert {path: text.replace(str(lab.root), str(whole.root)) for path, text in tree(lab).items()} == expected, what
        assert without_repeated_enables(lab.calls[start:]) == calls, what
        assert not list(lab.lib.rglob(".operation")), what
    record_property("kill points", points)
    print(f"{prepare.__name__}: {points} kill points")
    assert points > 20


def test_a_failing_command_is_not_repeated_because_the_agent_was_killed(tmp_path: Path) -> None:
    for what, lab, start in every_kill(tmp_path, failing):
        assert lab.state() == "NotInstalled"
        assert lab.status()["code"] == 1007, what
        assert len(lab.calls[start:]) in (1, 2), what
        if what in ("while a command runs", "when a command has ended"):
            assert lab.calls[start:] == ["install 1.0.0 0"]


def without_repeated_enables(calls: list[str]) -> list[str]:
    """A start of the agent enables again what is enabled; nothing else may come twice."""
    return [call for number, call in enumerate(calls) if not call.startswith("enable") or call not in calls[:number]]
