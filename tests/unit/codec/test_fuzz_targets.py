"""The fuzz targets still fit the code, and what fuzzing begins from are documents that are read."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _load() -> ModuleType:
    path = Path(__file__).resolve().parents[3] / "fuzz/targets.py"
    spec = importlib.util.spec_from_file_location("fuzz_targets", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


targets = _load()


@pytest.mark.parametrize("name", sorted(targets.TARGETS))
def test_the_first_example_of_a_target_is_read(name: str) -> None:
    target = targets.TARGETS[name]
    first, *_ = target.seeds()
    target.run(first)


@pytest.mark.parametrize("name", sorted(targets.TARGETS))
def test_every_beginning_of_the_examples_is_read_or_refused_by_name(name: str) -> None:
    target = targets.TARGETS[name]
    for seed in target.seeds():
        for length in range(0, len(seed), max(len(seed) // 24, 1)):
            try:
                target.run(seed[:length])
            except targets.Failure:
                pass
