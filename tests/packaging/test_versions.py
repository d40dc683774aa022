"""The release's version compares alike for the fabric (our agent), Python, dpkg and rpm, or it is refused."""

import itertools
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from packaging.version import Version as PythonVersion

from waagent import __version__
from waagent.model.version import Version

PROJECT = Path(__file__).resolve().parents[2]
ASCENDING = (
    "0.0.0.1",
    "2.2.45.0",
    "2.15.0.1",
    "2.15.0.9",
    "2.15.0.10",
    "3.0.0.0rc1",
    "3.0.0.0rc2",
    "3.0.0.0rc10",
    "3.0.0.0",
    "3.0.0.1rc1",
    "3.0.0.1",
    "3.0.1.0",
    "3.0.10.0",
    "3.1.0.0rc1",
    "3.1.0.0",
    "10.0.0.0",
)
PAIRS = tuple(itertools.combinations(ASCENDING, 2))
REFUSED = (
    "3.0",
    "3.0.0",
    "3.0.0.0.0",
    "3.0.00.0",
    "03.0.0.0",
    "3.0.0.0a1",
    "3.0.0.0-rc1",
    "3.0.0.0~rc1",
    "3.0.0.0rc0",
    "",
    "v3.0.0.0",
)


@pytest.fixture(scope="module")
def versions(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("versions")


def test_the_version_of_this_tree_is_one_of_a_release(versions: ModuleType) -> None:
    assert versions.current() == __version__ == versions.spelt(__version__)


@pytest.mark.parametrize("text", REFUSED)
def test_what_would_not_compare_alike_is_refused_in_every_spelling(versions: ModuleType, text: str) -> None:
    for spelling in versions.SPELLINGS:
        with pytest.raises(versions.Misspelt, match="four numbers"):
            versions.spelt(text, spelling)


def test_the_agent_compares_them_in_this_order(versions: ModuleType) -> None:
    for lower, higher in PAIRS:
        parsed = [Version.parse(versions.spelt(text)) for text in (lower, higher)]
        assert parsed[0] is not None and parsed[1] is not None
        assert parsed[0] < parsed[1] and parsed[0] != parsed[1], (lower, higher)


def test_python_compares_them_in_this_order_and_keeps_their_text(versions: ModuleType) -> None:
    for lower, higher in PAIRS:
        assert PythonVersion(versions.spelt(lower, "python")) < PythonVersion(versions.spelt(higher, "python"))
    assert [str(PythonVersion(text)) for text in ASCENDING] == list(ASCENDING)


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="this machine has no dpkg")
def test_dpkg_compares_them_in_this_order(versions: ModuleType) -> None:
    spelt = [versions.spelt(text, "debian") for text in ASCENDING]
    checks = [
        f"dpkg --compare-versions {lower} lt {higher} || echo {lower} {higher}" for lower, higher in itertools.pairwise(spelt)
    ]
    assert subprocess.run(["sh", "-c", "\n".join(checks)], capture_output=True, timeout=60, check=True).stdout == b""


@pytest.mark.slow
@pytest.mark.registry
@pytest.mark.timeout(600)
@pytest.mark.skipif(shutil.which("rpm") is None and os.geteuid() != 0, reason="rpm is installed by root")
def test_rpm_compares_them_in_this_order(versions: ModuleType) -> None:
    subprocess.run(["bash", str(PROJECT / "packaging/setup-debian.sh"), "rpm"], capture_output=True, timeout=500, check=True)
    spelt = [versions.spelt(text, "rpm") for text in ASCENDING]
    script = "".join(f'print(rpm.vercmp("{lower}", "{higher}"), " ")' for lower, higher in itertools.combinations(spelt, 2))
    command = ["rpm", "--eval", f"%{{lua: {script}}}"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert re.findall(r"-?\d+", said) == ["-1"] * len(PAIRS)


def test_the_table_would_show_where_they_disagree() -> None:
    """Why candidates are spelt otherwise for dpkg, and why there are always four numbers."""
    older = [["dpkg", "--compare-versions", *words] for words in (("3.0.0.0rc1", "gt", "3.0.0.0"), ("3.0.0", "lt", "3.0.0.0"))]
    assert Version.parse("3.0.0") == Version.parse("3.0.0.0")
    if shutil.which("dpkg"):
        assert [subprocess.run(command, timeout=30, check=False).returncode for command in older] == [0, 0]
