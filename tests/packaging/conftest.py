"""The list of packaging/files.py, loaded by path: its folder's name is that of a library."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def load_files() -> Callable[[Path], ModuleType]:
    """Loads packaging/files.py of a source tree."""

    def load(tree: Path) -> ModuleType:
        specification = importlib.util.spec_from_file_location("packaged_files", tree / "packaging/files.py")
        assert specification is not None and specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        sys.modules[specification.name] = module
        specification.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def files(load_files: Callable[[Path], ModuleType]) -> ModuleType:
    """The list of this source tree."""
    return load_files(PROJECT)
