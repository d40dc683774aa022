"""Options and fixtures for all tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regenerate-golden", action="store_true", help="write tests/golden anew; review the diff")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, Any], None]:
    """Compare a value with the JSON file of that name below tests/golden, or write the file anew."""
    regenerate = bool(request.config.getoption("--regenerate-golden"))

    def compare(name: str, value: Any) -> None:
        path = GOLDEN / f"{name}.json"
        if regenerate:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        assert path.exists(), f"{path} is missing: run pytest --regenerate-golden and review it"
        assert value == json.loads(path.read_text(encoding="utf-8"))

    return compare
