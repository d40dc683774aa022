"""What the lab refuses, before it makes anything: one sentence with file, key and reason, and exit status 2."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scenarios import labs

pytestmark = labs.in_a_guest

EXPECT = '[[expect]]\nhealth = "Ready"\n'
WRONG = [
    ("color = 1\n" + EXPECT, "color", "unknown"),
    ("[ovf]\nusernam = 'x'\n" + EXPECT, "ovf.usernam", "username"),
    ("[machine]\ndmi = 'other'\n" + EXPECT, "machine.dmi", "azure"),
    ("[fabric.switches]\nno_such_switch = true\n" + EXPECT, "switches", "no_such_switch"),
    ("[[step]]\ndo = 'dance'\n" + EXPECT, "step[1].do", "dance"),
    ("[[step]]\ndo = 'publish'\n[[step.extension]]\nsample = 'none'\nname = 'A.B'\n" + EXPECT, "sample", "good"),
    ("[[step]]\nat = 'nowhere'\ndo = 'reboot'\n" + EXPECT, "step[1].at", "nowhere"),
    ("[[fault]]\neffect = 'melt'\n" + EXPECT, "fault", "melt"),
    ("[[expect]]\nhealth = 'Redy'\n", "expect[1].health", "Ready"),
    ("[[expect]]\nfile = 'relative'\n", "expect[1].file", "/"),
    ("[[expect]]\nfile = '/x'\nmode = '999'\n", "expect[1].mode", "octal"),
    ("[[expect]]\nfile = '/x'\nmatches = '('\n", "expect[1].matches", "regular expression"),
    ("[[expect]]\nwithin = 5\n", "expect[1]", "exactly one of"),
    ("name = 'nothing expected'\n", "expect", "at least one"),
    ("not toml at all\n", "", "line 1"),
]


def fabriclab(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "fabriclab.cli.main", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=labs.environment(),
    )


def refused(done: "subprocess.CompletedProcess[str]") -> str:
    """Its one sentence."""
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("fabriclab: ")
    return line


@pytest.mark.parametrize(("text", "key", "reason"), WRONG, ids=[key or "no-toml" for _, key, _ in WRONG])
def test_a_wrong_scenario_is_refused_with_file_key_and_reason(tmp_path: Path, text: str, key: str, reason: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    line = refused(fabriclab("run", str(path)))
    assert f"{path}: " in line
    assert key in line
    assert reason in line.replace(str(path), "")


def test_a_scenario_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    assert "first-boot" in refused(fabriclab("run", "frist-boot"))
    assert str(tmp_path / "none.toml") in refused(fabriclab("run", str(tmp_path / "none.toml")))


def test_an_unknown_agent_is_refused_with_those_that_are_known() -> None:
    line = refused(fabriclab("run", "first-boot", "--agent", "theirs"))
    assert "theirs: no such agent" in line
    assert "debian, ours" in line


def test_a_directory_that_is_no_agent_is_refused(tmp_path: Path) -> None:
    assert "usr/sbin/waagent" in refused(fabriclab("run", "first-boot", "--agent", str(tmp_path)))


def test_a_wrong_adapter_is_refused_with_file_key_and_reason(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[start]\ncommand = ["true"]\n[lay]\nrunn = ["x"]\n')
    line = refused(fabriclab("run", "first-boot", "--agent", str(path)))
    assert f"{path}: lay.runn: unknown key" in line


def test_an_adapter_whose_files_cannot_be_laid_is_refused_with_the_programs_last_words(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[start]\ncommand = ["true"]\n[lay]\nrun = ["sh", "-c", "echo no such layer >&2; exit 3"]\n')
    done = fabriclab("run", "first-boot", "--agent", str(path))
    assert done.returncode == 2
    assert "exit status 3: no such layer" in done.stderr


def test_an_expectation_that_does_not_hold_ends_the_run_with_1_and_says_what_was_seen(tmp_path: Path) -> None:
    path = tmp_path / "fails.toml"
    path.write_text('starts_agent = false\n[[expect]]\nhostname = "other"\nwithin = 0.2\n')
    done = fabriclab("run", str(path))
    assert done.returncode == 1
    assert "NOT" in done.stdout
    assert "guest" in done.stdout
    assert "1 of 1 expectations did not hold." in done.stdout


def test_a_machine_whose_sshd_does_not_run_refuses_nobody(tmp_path: Path) -> None:
    path = tmp_path / "silent.toml"
    path.write_text(
        'starts_agent = false\n[machine.files]\n"/etc/ssh/sshd_config" = "Nonsense yes\\n"\n'
        '[[expect]]\nlogin = "root"\nby = "password"\npassword = "x"\nrefused = true\nwithin = 0.5\n'
    )
    done = fabriclab("run", str(path))
    assert done.returncode == 1
    assert "Connection refused" in done.stdout


def test_an_agent_that_ends_at_once_fails_the_run_quickly(tmp_path: Path) -> None:
    path = tmp_path / "ends.toml"
    path.write_text('[start]\ncommand = ["/bin/false"]\n')
    begun = time.monotonic()
    done = fabriclab("run", "first-boot", "--agent", str(path))
    assert time.monotonic() - begun < 30, "the deadlines of what a dead agent cannot say were waited for"
    assert done.returncode == 1
    assert "agent ended with status 1" in done.stdout


def test_a_shell_without_a_lab_to_enter_says_so() -> None:
    done = fabriclab("shell", "--lab", str(os.getpid()), "guest", "true")
    assert done.returncode == 1
    assert done.stderr == f"fabriclab: No lab has the process id {os.getpid()}.\n"
