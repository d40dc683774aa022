"""The disk takes nothing more from any change on, full or read-only: the status says why, and the next goal state recovers.

As with kills (``test_kills.py``) each change of an operation is one point. What the handlers' own commands write is theirs.
"""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from unit.extension.lab import Lab
from unit.extension.test_kills import Prepare, downgrade, install, tree, two, update
from waagent.extension.run import Extensions
from waagent.model.failure import SystemFailure
from waagent.model.status import HandlerReport
from waagent.system.port import System

GROWING = frozenset({"write", "append", "make_directory", "create", "scratch", "symlink"})
ALL = GROWING | {"remove", "rename", "set_mode", "set_modified"}


class Disk:
    """Takes changes until the n-th, and again when there is ``room``."""

    def __init__(self, at: int, number: int) -> None:
        self.at = at
        self.number = number
        self.count = 0
        self.room = False
        self.what = ""

    def change(self, what: str) -> None:
        self.count += 1
        if self.count >= self.at and not self.room:
            self.what = self.what or what
            reason = os.strerror(self.number)
            raise SystemFailure(f"cannot {what}: {reason}", facts={"errno": str(self.number)})


class Filling:
    """Files whose changes go to the disk."""

    def __init__(self, files: Any, disk: Disk) -> None:
        self._files = files
        self._disk = disk
        self._changes = ALL if disk.number == errno.EROFS else GROWING

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._files, name)
        if name not in self._changes:
            return found

        def call(*arguments: Any, **options: Any) -> Any:
            if name != "remove" or self._files.facts(arguments[0]) is not None:
                self._disk.change(f"{name} {arguments[0]}")
            return found(*arguments, **options)

        return call


def filling(lab: Lab, disk: Disk) -> System:
    files = Filling(lab.files, disk)
    lab.source.files = files  # type: ignore[assignment]
    return replace(lab.system, files=files)  # type: ignore[arg-type]


def every_point(tmp_path: Path, prepare: Prepare, number: int) -> Iterator[tuple[Disk, Lab, Extensions, Any, int]]:
    """A lab whose disk takes no more from each change on; ends with the one whose disk took everything."""
    for at in itertools.count(1):
        root = tmp_path / str(at)
        root.mkdir()
        lab = Lab(root)
        wanted = prepare(lab)
        before = len(lab.calls)
        disk = Disk(at, number)
        agent = lab.start(filling(lab, disk))
        outcome = agent.process(wanted, first_since_start=True)
        assert outcome.processed and outcome.error is None, disk.what
        assert len(set(lab.calls[before:])) == len(lab.calls[before:]), f"{disk.what}: a command was run twice"
        if not disk.what:
            return
        yield disk, lab, agent, wanted, before


def said(reports: tuple[HandlerReport, ...]) -> str:
    return " ".join(f"{each.handler.status} {each.handler.message} {each.extension}" for each in reports)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS], ids=["full", "read-only"])
@pytest.mark.parametrize(
    "prepare",
    [
        install,
        pytest.param(update, marks=pytest.mark.slow),
        pytest.param(downgrade, marks=pytest.mark.slow),
        pytest.param(two, marks=pytest.mark.slow),
    ],
    ids=lambda each: each.__name__,
)
def test_a_disk_that_takes_no_more_is_told_and_the_next_goal_state_ends_where_it_would_have(
    tmp_path: Path, prepare: Prepare, number: int, record_property: Callable[[str, object], None]
) -> None:
    whole = Lab(tmp_path)
    wanted = prepare(whole)
    whole.agent.process(wanted, first_since_start=True)
    whole.agent.process(replace(wanted, identity="incarnation_3"))
    expected = tree(whole)
    points = 0
    for disk, lab, agent, again, before in every_point(tmp_path, prepare, number):
        points += 1
        told = said(agent.reports(again))
        if "Ready" not in told.split():  # else it was only written down nowhere, as of a state (extensions.md 5.5)
            assert os.strerror(number) in told, f"{disk.what}: {told}"
        disk.room = True
        assert agent.process(replace(again, identity="incarnation_3")).processed
        found = {path: text.replace(str(lab.root), str(whole.root)) for path, text in tree(lab).items()}
        assert found == expected, f"{disk.what}: {lab.calls[before:]}"
        assert not list(lab.lib.rglob(".operation")), disk.what
    record_property("points", points)
    print(f"{prepare.__name__}, {os.strerror(number)}: {points} points")
    assert points > 10
