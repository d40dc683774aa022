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

from scenarios.kill import attempt
from scenarios.kill.attempt import Effect
from scenarios.kill.image import image

pytestmark = [
    pytest.mark.guest,
    pytest.mark.skipif(os.geteuid() != 0, reason="a sandbox guest needs root"),
    pytest.mark.timeout(1200),
]

FIRST_BOOT = attempt.HERE / "first-boot.toml"
USER, PASSWORD = "maria", "Tr&nsit-91-quay"
AT_ONCE = 2
DELIVERED = "remove /var/lib/waagent/ready_unsent"
MARKER = "write /var/lib/waagent/provisioned"
STARTING, READY = "NotReady/Provisioning", "Ready/"


@dataclass(frozen=True)
class Undisturbed:
    effects: tuple[Effect, ...]
    image: dict[str, str]


def undisturbed() -> Undisturbed:
    with attempt.lab(FIRST_BOOT) as lab:
        attempt.serve(lab)
        assert attempt.health(lab.journal.entries()) == (STARTING, READY)
        effects = attempt.effects(lab)
        delivered = next(number for number, effect in enumerate(effects, 1) if effect.text == DELIVERED)
        return Undisturbed(effects[:delivered], image(lab.guest, USER, PASSWORD))


def differences(wanted: dict[str, str], found: dict[str, str]) -> Iterable[str]:
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            yield f"{name}: {found.get(name, 'as before the boot')}, undisturbed {wanted.get(name, 'as before the boot')}"


def tried(effect: Effect, wanted: Undisturbed) -> tuple[bool, tuple[str, ...]]:
    """Whether the agent got to the point, and what is then wrong in the end."""
    with attempt.lab(FIRST_BOOT) as lab:
        reached = attempt.serve_until(lab, effect.point)
        attempt.serve(lab)
        wrong = list(differences(wanted.image, image(lab.guest, USER, PASSWORD)))
        reports = attempt.health(lab.journal.entries())
        if reports[-1:] != (READY,) or reports.count(READY) > 2 or set(reports) != {STARTING, READY}:
            wrong.append(f"the fabric heard {', '.join(reports)}")
        refused = [entry.refusal for entry in lab.journal.entries() if entry.refusal]
        wrong += [f"the fabric refused: {reason}" for reason in refused]
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
    capsys: pytest.CaptureFixture[str],
) -> None:
    wanted = undisturbed()
    assert len(wanted.effects) > 90
    check(wanted.effects, wanted, capsys)


def test_after_a_kill_at_some_points_of_first_boot_the_machine_ends_as_if_undisturbed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    wanted = undisturbed()
    check(sample(wanted.effects), wanted, capsys)
