"""How fast a goal state with many extensions is done, and what a large package costs in memory. The numbers are printed.

Debian's agent is measured in the same lab by the slow half.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from fabriclab.journal.entry import Entry
from fabriclab.scenario import hearing
from scenarios import labs
from scenarios.extensions.stage import Stage, brief, one, parts, staged

pytestmark = [*labs.in_a_guest, pytest.mark.xdist_group("extension-speed"), pytest.mark.timeout(600)]

COUNT = 20
NAMES = [f"Many.N{number}" for number in range(COUNT)]
LARGE = 100 * 1024 * 1024
CLOSE = 1.2


def all_succeed(entry: Entry) -> bool:
    return entry.kind == hearing.STATUS and all(
        any(brief(part) == ("Ready", 0, "success", 0) for part in parts(entry, name)) for name in NAMES
    )


@pytest.mark.parametrize("agent", ["ours", pytest.param("debian", marks=pytest.mark.long)])
def test_twenty_extensions_with_protected_settings(tmp_path: Path, agent: str, capsys: pytest.CaptureFixture[str]) -> None:
    with staged(tmp_path, agent) as stage:
        mark = stage.lab.journal.last
        stage.publish(*(one(name, protected={"secret": "quiet"}) for name in NAMES), wait=False)
        published = next(entry for entry in stage.lab.journal.since(mark) if entry.kind == "world")
        done = labs.await_entry(stage.lab, all_succeed, "all succeed", mark, 300)
        seconds = done.since - published.since
        commands = sum(len(stage.commands(name)) for name in NAMES)
    with capsys.disabled():
        print(f"\n{agent}: {COUNT} extensions, {commands} commands, published → all success in the status: {seconds:.2f} s")
    assert commands == 2 * COUNT
    if agent == "ours":
        assert seconds < 12, "a busy machine takes 4 s"


def test_a_large_package_does_not_make_the_process_grow(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with staged(tmp_path, "ours") as stage:
        stage.publish(one("Large.Before"))
        time.sleep(3)  # what is idle shows after a while
        idle = memory(stage, "VmRSS")
        stage.lab.guest.shell(f"echo 5 >/proc/{stage.lab.service.number}/clear_refs")
        stage.package("Large.Package", files={"payload": os.urandom(LARGE)})
        stage.publish(one("Large.Before"), one("Large.Package"))
        assert brief(stage.part("Large.Package")) == ("Ready", 0, "success", 0)
        peak = memory(stage, "VmHWM")
    with capsys.disabled():
        print(f"\na package of {LARGE >> 20} MiB: {idle / 1024:.1f} MiB idle, {peak / 1024:.1f} MiB at most")
    assert peak < CLOSE * idle


def memory(stage: Stage, name: str) -> int:
    """KiB, as the kernel counts them for the agent's process."""
    text = stage.lab.guest.shell(f"cat /proc/{stage.lab.service.number}/status").output
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    assert found is not None
    return int(found[1])
