"""Debian's own waagent in the same lab: the proof that the emulator is the fabric and not our agent's mirror.

Its root is made once from the distribution's registry and kept; only where that cannot be had, and the registry does not answer
its own client either, is there nothing to test.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fabriclab.guests.root import RootUnavailable
from fabriclab.scenario import document
from fabriclab.scenario.outcome import Result
from scenarios import labs

pytestmark = [*labs.in_a_guest, pytest.mark.registry, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    try:
        return labs.run(document.find("first-boot"), "debian")
    except RootUnavailable as problem:
        if registry_answers(tmp_path_factory.mktemp("registry")):
            raise
        pytest.skip(f"the distribution's registry cannot be reached: {problem}")


def registry_answers(place: Path) -> bool:
    """Whether the registry gives the package to its ordinary client."""
    done = subprocess.run(["apt-get", "download", "waagent"], cwd=place, capture_output=True, timeout=120, check=False)
    return done.returncode == 0


def test_debians_agent_gets_through_the_first_boot(result: Result) -> None:
    """Every expectation that is the fabric's or the extension contract's; those on files are our agent's own."""
    contract = (
        "health report",
        "status blob",
        "Lab.Good",
        "ssh log-in",
        "user maria",
        "the agent runs",
        "the handler's commands",
    )
    decided = [verdict for verdict in result.verdicts if verdict.text.startswith(contract)]
    assert len(decided) >= 7
    assert [f"{verdict.text}: {verdict.detail}" for verdict in decided if not verdict.held] == []


def test_debians_agent_reports_ready_and_the_extensions_success(result: Result) -> None:
    assert {"agent start → Ready", "goal state published → success in the status blob"} <= set(result.times)
    assert result.agent == "debian"


def test_no_request_of_debians_agent_is_refused(result: Result) -> None:
    assert [verdict.detail for verdict in result.verdicts if "refuse" in verdict.text and not verdict.held] == []


def test_two_agents_are_compared_side_by_side(tmp_path: Path) -> None:
    """Every expectation of first boot holds for both, and what differs is told."""
    output = tmp_path / "compared.json"
    command = [sys.executable, "-m", "fabriclab.cli.main", "compare", "ours", "debian", "first-boot", "--json", str(output)]
    environment = {**os.environ, "PYTHONPATH": str(labs.PROJECT / "src")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=labs.PROJECT, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "first-boot: timelines" in done.stdout and "files, where they differ" in done.stdout
    found = json.loads(output.read_text())
    assert found["agents"] == ["ours", "debian"]
    assert any(pair["name"] == "/home/maria/.ssh/authorized_keys" for pair in found["files"])
    assert [run["ok"] for run in found["runs"]] == [True, True]
