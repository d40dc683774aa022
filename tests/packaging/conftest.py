"""The programs of packaging/, loaded by path: their folder's name is that of a library."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

PROJECT = Path(__file__).resolve().parents[2]


def program(name: str, tree: Path = PROJECT) -> ModuleType:
    """packaging/<name>.py of a source tree."""
    specification = importlib.util.spec_from_file_location(f"packaged_{name}", tree / f"packaging/{name}.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def load() -> Callable[[str], ModuleType]:
    """Loads packaging/<name>.py of this source tree."""
    return program


@pytest.fixture(scope="session")
def load_files() -> Callable[[Path], ModuleType]:
    """Loads packaging/files.py of a source tree."""
    return lambda tree: program("files", tree)


@pytest.fixture(scope="session")
def files(load_files: Callable[[Path], ModuleType]) -> ModuleType:
    """The list of this source tree."""
    return load_files(PROJECT)
