"""The lab works from its wheel alone: it lays the agent that is installed beside it, and keeps out of others' projects."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SCENARIO = '[ovf]\nhostname = "web-1"\nusername = "kofi"\n[[expect]]\nhealth = "Ready"\nwithin = 60\n'

pytestmark = [
    pytest.mark.guest,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="a sandbox guest with drives needs root"),
]


def test_a_guest_is_provisioned_by_the_agent_of_the_wheel(tmp_path: Path) -> None:
    """Installed below a project that is somebody's own, as a virtual environment is."""
    mine, home, dist = tmp_path / "mine", tmp_path / "home", tmp_path / "dist"
    for place in (mine, home):
        place.mkdir()
    (mine / "pyproject.toml").write_text("[project]\nname = 'mine'\n")
    (mine / "scenario.toml").write_text(SCENARIO)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(dist), str(PROJECT)]
    subprocess.run(build, check=True, capture_output=True, timeout=100)
    installed = mine / "packages"
    with zipfile.ZipFile(next(dist.glob("*.whl"))) as wheel:
        wheel.extractall(installed)
    environment = {**os.environ, "PYTHONPATH": str(installed), "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    run = [sys.executable, "-m", "fabriclab.cli.main", "run", "scenario.toml", "--keep"]
    done = subprocess.run(run, capture_output=True, text=True, env=environment, cwd=mine, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path.name for path in mine.iterdir()) == ["packages", "pyproject.toml", "scenario.toml"]
    cache = home / ".cache/fabriclab"
    assert f"Kept: {cache}/kept/" in done.stdout
    (laid,) = (cache / "laid").glob("*/usr/lib/python3/dist-packages/waagent/__init__.py")
    assert laid.read_bytes() == (PROJECT / "src/waagent/__init__.py").read_bytes()
