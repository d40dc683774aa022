"""First boot, killed after each of its effects and started again, ends as if it had not been disturbed.

The points are those of an undisturbed run: every call through the agent's door that changes something, in each of its
threads, until the fabric has Ready. All of them are tried by ``make test-slow``, a sample by ``make test``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from fabriclab.guests.adapter import Adapter
from fabriclab.scenario import document
from scenarios.kill import attempt
from scenarios.kill.attempt import Effect
from scenarios.kill.image import differences, image

pytestmark = [
    pytest.mark.guest,
    pytest.mark.skipif(os.geteuid() != 0, reason="a sandbox guest needs root"),
    pytest.mark.timeout(1200),
]

FIRST_BOOT = document.load(attempt.HERE / "first-boot.toml")
USER, PASSWORD = "maria", "Tr&nsit-91-quay"
AT_ONCE = 2
DELIVERED = "remove /var/lib/waagent/ready_unsent"
MARKER = "write /var/lib/waagent/provisioned"
CUT_OFF = "peer closed connection"
"""What a kill in the middle of a request looks like to the fabric."""
STARTING, READY = "NotReady/Provisioning", "Ready/"


@dataclass(frozen=True)
class Undisturbed:
    agent: Adapter
    effects: tuple[Effect, ...]
    image: dict[str, str]


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    agent = attempt.laid(tmp_path_factory.mktemp("agent"))
    with attempt.lab(FIRST_BOOT, agent) as lab:
        attempt.serve(lab)
        assert attempt.health(lab.journal.entries()) == (STARTING, READY)
        effects = attempt.effects(lab)
        delivered = next(number for number, effect in enumerate(effects, 1) if effect.text == DELIVERED)
        return Undisturbed(agent, effects[:delivered], image(lab.guest, USER, PASSWORD))


def tried(effect: Effect, wanted: Undisturbed) -> tuple[bool, tuple[str, ...]]:
    """Whether the agent got to the point, and what is then wrong in the end."""
    with attempt.lab(FIRST_BOOT, wanted.agent) as lab:
        reached = attempt.serve_until(lab, effect.point)
        begun = lab.journal.last
        attempt.serve(lab)
        wrong = list(differences(wanted.image, image(lab.guest, USER, PASSWORD)))
        reports = attempt.health(lab.journal.entries())
        if reports[-1:] != (READY,) or reports.count(READY) > 2 or set(reports) != {STARTING, READY}:
            wrong.append(f"the fabric heard {', '.join(reports)}")
        refusals = (entry.refusal for entry in lab.journal.since(begun))
        wrong += [f"the fabric refused: {reason}" for reason in refusals if reason and CUT_OFF not in reason]
        return reached, tuple(wrong)


def try_all(points: Iterable[Effect], wanted: Undisturbed) -> tuple[list[Effect], list[str]]:
    """The points that were not met with, and a line for everything wrong."""
    points = tuple(points)
    with ThreadPoolExecutor(AT_ONCE) as workers:
        results = tuple(workers.map(lambda effect: tried(effect, wanted), points))
    missed = [effect for effect, (reached, _) in zip(points, results, strict=True) if not reached]
    return missed, [f"{effect}: {text}" for effect, (_, wrong) in zip(points, results, strict=True) for text in wrong]


def check(points: tuple[Effect, ...], wanted: Undisturbed, capsys: pytest.CaptureFixture[str]) -> None:
    missed, wrong = try_all(points, wanted)
    with capsys.disabled():
        print(*wrong, sep="\n")
        print(f"\nkill points of first boot: {len(points) - len(missed)} tried of {len(wanted.effects)}, {len(wrong)} wrong")
    assert not wrong, "\n".join(wrong)
    # what the threads other than the boot's do until Ready depends on how fast each of them is
    assert [effect for effect in missed if effect.lane == "boot"] == []
    assert len(missed) <= len(points) // 10


def sample(effects: tuple[Effect, ...]) -> tuple[Effect, ...]:
    """Every fifth, the first and the last, and those around the marker."""
    marker = next(number for number, effect in enumerate(effects) if effect.text == MARKER)
    chosen = {*range(0, len(effects), 5), len(effects) - 1, *range(marker - 2, marker + 3)}
    return tuple(effects[number] for number in sorted(chosen))


@pytest.mark.slow
def test_after_a_kill_at_any_point_of_first_boot_the_machine_ends_as_if_undisturbed(
    wanted: Undisturbed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(wanted.effects) > 90
    check(wanted.effects, wanted, capsys)


def test_after_a_kill_at_some_points_of_first_boot_the_machine_ends_as_if_undisturbed(
    wanted: Undisturbed, capsys: pytest.CaptureFixture[str]
) -> None:
    check(sample(wanted.effects), wanted, capsys)
