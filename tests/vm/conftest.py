"""The agent's Debian package, built once for the tests that install it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from scenarios import labs


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the sources, so that the tree stays as it is."""
    tree = tmp_path_factory.mktemp("sources")
    for name in ("packaging", "src/waagent", "docs"):
        shutil.copytree(labs.PROJECT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Makefile", "pyproject.toml", "README.md"):
        shutil.copy(labs.PROJECT / name, tree / name)
    done = subprocess.run(["make", "--silent", "deb"], cwd=tree, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    return tree / done.stdout.splitlines()[-1]
