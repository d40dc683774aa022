"""The plugin as the tests of an extension's author use it: a pytest of its own, in a directory of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.guest,
    pytest.mark.skipif(os.geteuid() != 0, reason="a sandbox guest with drives needs root"),
]


def run(place: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    (place / "test_mine.py").write_text(text)
    (place / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "fabriclab.testing.plugin", "-p", "no:cacheprovider", *options, "."]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "src"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(command, capture_output=True, text=True, cwd=place, env=environment, timeout=110, check=False)


def documented() -> str:
    """The five lines of the documentation."""
    page = (PROJECT / "docs/extension-authors.md").read_text()
    return page.partition("```python\n")[2].partition("```")[0]


def test_the_five_lines_of_the_documentation_work(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        documented().replace('"my-handler"', '"good"').replace("/tmp/greeting", "/var/log/azure/Lab.Good/commands.log"),
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_a_whole_life_with_faults_and_a_reboot(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        """
import pytest


@pytest.mark.fabriclab(configuration={"Logs.Verbose": "y"})
def test_life(fabric, guest):
    assert "verbose" in guest.read("/etc/waagent.conf").decode().lower()
    fabric.do("fault", effect="status", code=503, service="blob", first=2)
    name = fabric.publish("good", public={"message": "one"}, protected={"secret": "hidden-one"}, wait="success")
    assert any(one.exchange.status == 503 for one in fabric.requests("blob"))
    fabric.publish("good", public={"message": "two"}, wait="success")
    assert fabric.status(name)["runtimeSettingsStatus"]["sequenceNumber"] == 1
    guest.reboot()
    assert guest.agent_is_running
    assert guest.run(["grep", "-r", "hidden-one", "/var/log"]).status == 1
    fabric.remove(name)
    fabric.wait_until_gone(name)
    assert not guest.run(f"ls -d /var/lib/waagent/{name}-*").ok
    assert any(change.path == "/var/lib/waagent/provisioned" for change in guest.changes())
""",
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_what_does_not_come_is_told_with_the_labs_story(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        """
def test_fails(fabric):
    fabric.publish("failing", wait="success", within=8)
""",
    )
    assert done.returncode == 1
    assert "Lab.Failing reports success: not seen" in done.stdout
    assert "published Lab.Failing" in done.stdout and "reported Ready" in done.stdout


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ("guest='moon'", 'guest "moon" is none of sandbox, systemd'),
        ("gest='sandbox'", "gest: no key; there are agent, guest"),
    ],
)
def test_a_mistake_in_the_mark_is_named(tmp_path: Path, mark: str, said: str) -> None:
    done = run(tmp_path, f"import pytest\n\n@pytest.mark.fabriclab({mark})\ndef test_it(fabric):\n    pass\n")
    assert done.returncode != 0
    assert said in done.stdout + done.stderr


def test_nothing_of_the_lab_is_loaded_for_tests_that_do_not_name_it(tmp_path: Path) -> None:
    text = "import sys\n\ndef test_it():\n    assert 'fabriclab.scenario' not in sys.modules\n"
    done = run(tmp_path, text)
    assert done.returncode == 0, done.stdout


def test_a_misspelt_wish_is_told_at_once_and_a_failure_with_the_newest_status(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        """
import pytest


def test_wishes(fabric):
    with pytest.raises(ValueError, match="sucess.* is none of"):
        fabric.publish("good", wait="sucess")
    assert fabric.status("Lab.Good") is None
    with pytest.raises(ValueError, match="No.Such: no such extension is wanted"):
        fabric.remove("No.Such")
    with pytest.raises(AssertionError, match="The newest status of Lab.Failing: .*exit code"):
        fabric.publish("failing", wait="success", within=15)
""",
    )
    assert done.returncode == 0, done.stdout
