"""`python setup.py install …`: the spellings of old, and what they call."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
ARGUMENTS = """\
import runpy, sys
setup = runpy.run_path(sys.argv[1], run_name="setup")
for command in setup["commands"](setup["parser"]().parse_args(sys.argv[2:])):
    print(*("CODE" if word.startswith("import") else "PYTHON" if word == sys.executable else word for word in command))
"""


def called(*arguments: str) -> list[str]:
    command = [sys.executable, "-B", "-c", ARGUMENTS, str(PROJECT / "setup.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout.replace(str(PROJECT), "HERE").splitlines()


@pytest.mark.parametrize(
    ("words", "calls"),
    [
        ("", ["PYTHON -m pip install HERE"]),
        ("--register-service", ["PYTHON -m pip install HERE", "PYTHON -c CODE -register-service"]),
        (
            "--register-service --force",
            ["PYTHON -m pip install HERE", "PYTHON -c CODE -register-service -force"],
        ),
        ("--prefix /opt --skip-data-files", ["PYTHON -m pip install --prefix /opt HERE"]),
        (
            "--root /tmp/x --lnx-distro=rhel --lnx-distro-version=9.4",
            [
                "PYTHON -m pip install --ignore-installed --no-deps --root /tmp/x HERE",
                "PYTHON -c CODE -register-service --destdir=/tmp/x --lnx-distro=rhel --lnx-distro-version=9.4",
            ],
        ),
    ],
)
def test_each_old_spelling_calls_pip_and_our_verb(words: str, calls: list[str]) -> None:
    assert called("install", *words.split()) == calls


def test_its_help_lists_the_options_of_old() -> None:
    command = [sys.executable, "-B", str(PROJECT / "setup.py"), "install", "--help"]
    text = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    for option in ("--register-service", "--force", "--root", "--prefix", "--lnx-distro", "--skip-data-files"):
        assert option in text


def test_another_system_without_a_root_of_its_own_is_refused() -> None:
    command = [sys.executable, "-B", str(PROJECT / "setup.py"), "install", "--lnx-distro=rhel"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert "--root" in done.stderr
