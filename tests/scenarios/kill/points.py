"""Trying many kill points, two guests at a time, and saying what is wrong after each."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from scenarios.kill.attempt import Effect

AT_ONCE = 2

Try = Callable[[Effect], tuple[bool, tuple[str, ...]]]
"""Kills at a point and starts again: whether the point was met with, and what is wrong in the end."""


def try_all(points: tuple[Effect, ...], attempt: Try) -> tuple[tuple[Effect, ...], tuple[str, ...]]:
    """The points that were not met with, and a line for everything wrong."""
    with ThreadPoolExecutor(AT_ONCE) as workers:
        results = tuple(zip(points, workers.map(attempt, points), strict=True))
    missed = tuple(effect for effect, (reached, _) in results if not reached)
    return missed, tuple(f"{effect}: {text}" for effect, (_, wrong) in results for text in wrong)


def sample(effects: tuple[Effect, ...], around: str, every: int) -> tuple[Effect, ...]:
    """Each so-manieth, the first and the last, and those around the effect of this text."""
    middle = next(number for number, effect in enumerate(effects) if effect.text == around)
    chosen = {*range(0, len(effects), every), len(effects) - 1, *range(middle - 2, min(middle + 3, len(effects)))}
    return tuple(effects[number] for number in sorted(chosen))
