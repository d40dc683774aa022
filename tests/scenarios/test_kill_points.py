"""First boot and deprovisioning, killed after each of their effects and started again, end as if they had not been disturbed.

The points are those of an undisturbed run: every call through the agent's door that changes something, in each of its
threads; of first boot until the fabric has Ready. All of them are tried by ``make test-slow``, a sample by ``make test``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from fabriclab.guests.adapter import Adapter
from fabriclab.scenario import document
from scenarios import labs
from scenarios.kill import attempt
from scenarios.kill.attempt import Effect
from scenarios.kill.image import differences, image
from scenarios.kill.points import Try, sample, try_all

pytestmark = [*labs.in_a_guest, pytest.mark.timeout(1200), pytest.mark.xdist_group("kill points")]

FIRST_BOOT = document.load(attempt.HERE / "first-boot.toml")
USER, PASSWORD = "maria", "Tr&nsit-91-quay"
DELIVERED = "remove /var/lib/waagent/ready_unsent"
MARKER = "write /var/lib/waagent/provisioned"
USER_GOES = "run userdel -f -r maria"
CUT_OFF = "peer closed connection"
"""What a kill in the middle of a request looks like to the fabric."""
STARTING, READY = "NotReady/Provisioning", "Ready/"


@dataclass(frozen=True)
class Undisturbed:
    """A run that nobody killed, by an agent that is the same for all others whatever happens to the sources meanwhile."""

    agent: Adapter
    effects: tuple[Effect, ...]
    strokes: tuple[Effect, ...]
    """What the effects consist of: single changes of the file system."""
    image: dict[str, str]


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Adapter:
    return attempt.laid(Path(tmp_path_factory.mktemp("agent")))


@pytest.fixture(scope="module")
def booted(agent: Adapter) -> Undisturbed:
    with attempt.lab(FIRST_BOOT, agent) as lab:
        attempt.serve(lab)
        assert attempt.health(lab.journal.entries()) == (STARTING, READY)
        effects = attempt.effects(lab)
        strokes = until(attempt.strokes(lab), "os.remove ready_unsent")
        return Undisturbed(agent, until(effects, DELIVERED), strokes, image(lab.guest, USER, PASSWORD))


def until(effects: tuple[Effect, ...], last: str) -> tuple[Effect, ...]:
    return effects[: 1 + next(number for number, effect in enumerate(effects) if effect.text == last)]


@pytest.fixture(scope="module")
def deprovisioned(agent: Adapter) -> Undisturbed:
    with attempt.lab(FIRST_BOOT, agent) as lab:
        attempt.serve(lab)
        attempt.forget_effects(lab)
        done = attempt.deprovision(lab)
        assert done.ok, done.output + done.errors
        return Undisturbed(agent, attempt.effects(lab), attempt.strokes(lab), image(lab.guest, USER, PASSWORD))


def boot_again(effect: Effect, wanted: Undisturbed) -> tuple[bool, tuple[str, ...]]:
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


def deprovision_again(effect: Effect, wanted: Undisturbed) -> tuple[bool, tuple[str, ...]]:
    with attempt.lab(FIRST_BOOT, wanted.agent) as lab:
        attempt.serve(lab)
        killed = attempt.deprovision(lab, effect.point)
        done = attempt.deprovision(lab)
        wrong = list(differences(wanted.image, image(lab.guest, USER, PASSWORD)))
        if not done.ok:
            wrong.append(f"status {done.status}: {done.errors}")
        return killed.status == -9, tuple(wrong)


def check(what: str, points: tuple[Effect, ...], again: Try, among: int, capsys: pytest.CaptureFixture[str]) -> None:
    missed, wrong = try_all(points, again)
    with capsys.disabled():
        print(f"\nkill points of {what}: {len(points) - len(missed)} tried of {among}, {len(wrong)} wrong")
    assert not wrong, "\n".join(wrong)
    # what the threads beside these do until Ready depends on how fast each of them is
    assert [effect for effect in missed if effect.lane in ("boot", "MainThread")] == []
    assert len(missed) <= len(points) // 10


@pytest.mark.long
def test_after_a_kill_at_any_point_of_first_boot_the_machine_ends_as_if_undisturbed(
    booted: Undisturbed, capsys: pytest.CaptureFixture[str]
) -> None:
    points = booted.effects
    assert len(points) > 90
    check("first boot", points, lambda effect: boot_again(effect, booted), len(points), capsys)


@pytest.mark.long
def test_after_a_kill_in_the_middle_of_any_change_of_first_boot_the_machine_ends_as_if_undisturbed(
    booted: Undisturbed, capsys: pytest.CaptureFixture[str]
) -> None:
    points = booted.strokes
    assert len(points) > 150
    check("first boot, within its effects", points, lambda effect: boot_again(effect, booted), len(points), capsys)


def test_after_a_kill_at_some_points_of_first_boot_the_machine_ends_as_if_undisturbed(
    booted: Undisturbed, capsys: pytest.CaptureFixture[str]
) -> None:
    points = sample(booted.effects, MARKER, 5)
    check("first boot", points, lambda effect: boot_again(effect, booted), len(booted.effects), capsys)


@pytest.mark.long
def test_after_a_kill_at_any_point_of_deprovisioning_the_next_run_completes_it(
    deprovisioned: Undisturbed, capsys: pytest.CaptureFixture[str]
) -> None:
    points = (*deprovisioned.effects, *deprovisioned.strokes)
    assert len(points) > 70
    check("deprovisioning", points, lambda effect: deprovision_again(effect, deprovisioned), len(points), capsys)


def test_after_a_kill_at_some_points_of_deprovisioning_the_next_run_completes_it(
    deprovisioned: Undisturbed, capsys: pytest.CaptureFixture[str]
) -> None:
    points = sample(deprovisioned.effects, USER_GOES, 8)
    again: Try = lambda effect: deprovision_again(effect, deprovisioned)  # noqa: E731
    check("deprovisioning", points, again, len(deprovisioned.effects), capsys)
