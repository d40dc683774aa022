from __future__ import annotations

import os
import select
import tempfile
import time
from pathlib import Path

import pytest

from waagent.model.failure import CommandFailure
from waagent.model.secret import Secret
from waagent.system.real import commands as module
from waagent.system.real.commands import RealCommands

COMMANDS = RealCommands()


def failure_of(*argv: str, **options: object) -> CommandFailure:
    with pytest.raises(CommandFailure) as caught:
        COMMANDS.run(argv, **options)  # type: ignore[arg-type]
    return caught.value


def is_alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until_dead(pid: int) -> bool:
    end = time.monotonic() + 5
    while is_alive(pid) and time.monotonic() < end:
        time.sleep(0.01)
    return not is_alive(pid)


def test_output_and_status_are_kept_apart() -> None:
    done = COMMANDS.run(["sh", "-c", "printf 'a\\377'; echo b >&2; exit 3"], ok=(3,))
    assert (done.exit_code, done.stdout, done.stdout_bytes, done.stderr) == (3, "a\\xff", b"a\xff", "b\n")


def test_the_environment_is_rebuilt_and_stdin_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAK", "1")
    done = COMMANDS.run(["sh", "-c", "cat; env | grep -v -E '^(PWD|_|SHLVL|OLDPWD)=' | sort; pwd"], environment={"A": "b"})
    assert done.stdout.splitlines() == ["A=b", "LANG=C.UTF-8", "LC_ALL=C.UTF-8", f"PATH={module.PATH}", "/"]


def test_every_command_gets_what_is_exported_and_is_looked_for_on_its_path(tmp_path: Path) -> None:
    (tmp_path / "onlyhere").write_text("#!/bin/sh\necho $OPENSSL_FIPS $OWN\n")
    (tmp_path / "onlyhere").chmod(0o755)
    commands = RealCommands(exports={"OPENSSL_FIPS": "1", "PATH": f"/usr/bin:/bin:{tmp_path}"})
    assert commands.find("onlyhere") == f"{tmp_path}/onlyhere"
    assert commands.run(["onlyhere"], environment={"OWN": "2"}).stdout == "1 2\n"
    assert COMMANDS.find("onlyhere") is None


def test_a_secret_reaches_stdin_only() -> None:
    done = COMMANDS.run(["sh", "-c", "tr a-z A-Z; ps -o args= -p $$"], stdin=Secret("hush"))
    assert done.stdout.startswith("HUSH")
    assert "hush" not in done.stdout + repr(done)


def test_more_input_and_output_than_a_pipe_holds_passes_through() -> None:
    text = os.urandom(3_000_000)
    assert COMMANDS.run(["cat"], stdin=text).stdout_bytes == text


def test_a_command_that_does_not_read_its_input_may_succeed() -> None:
    assert COMMANDS.run(["true"], stdin=b"x" * 1_000_000).exit_code == 0


def test_a_bad_status_names_command_status_and_last_line() -> None:
    failure = failure_of("sh", "-c", "echo first >&2; echo the cause >&2; exit 7")
    assert (failure.exit_code, failure.timed_out, failure.reason) == (7, False, "sh ended with status 7")
    assert failure.hint == "the cause"
    assert COMMANDS.run(["false"], ok=None).exit_code == 1
    assert failure_of("sh", "-c", "kill -9 $$").exit_code == -9


def test_a_missing_command_and_a_missing_directory_are_failures() -> None:
    assert failure_of("no-such-program").reason == "no-such-program is not installed"
    assert "cannot start" in failure_of("/no/such/program").reason
    assert "cannot start" in failure_of("true", directory="/no/such/directory").reason
    assert COMMANDS.find("no-such-program") is None
    assert (COMMANDS.find("sh") or "").endswith("/sh")


def test_the_whole_group_dies_at_the_deadline(tmp_path: Path) -> None:
    began = time.monotonic()
    failure = failure_of("sh", "-c", f"sleep 60 & echo $! > {tmp_path}/pid; echo so far; wait", timeout=0.4)
    assert time.monotonic() - began < 3
    assert (failure.timed_out, failure.exit_code, failure.stdout) == (True, None, "so far\n")
    assert wait_until_dead(int((tmp_path / "pid").read_text()))


def test_a_background_process_that_keeps_the_output_open_does_not_hold_us_up() -> None:
    began = time.monotonic()
    done = COMMANDS.run(["sh", "-c", "echo started; sleep 60 & echo $!"])
    assert time.monotonic() - began < 5
    word, pid = done.stdout.split()
    assert (word, is_alive(int(pid))) == ("started", True)
    os.kill(int(pid), 9)


def test_endless_output_is_cut() -> None:
    commands = RealCommands(output_limit=100_000)
    with pytest.raises(CommandFailure) as caught:
        commands.run(["yes"], timeout=0.3)
    assert (caught.value.timed_out, len(caught.value.stdout)) == (True, 100_000)
    done = commands.run(["head", "-c", "1000000", "/dev/zero"])
    assert len(done.stdout_bytes) == 100_000


def test_a_child_runs_on_its_own_with_exactly_its_environment(tmp_path: Path) -> None:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        argv = ["sh", "-c", "env | grep -v -E '^(PWD|_|SHLVL|OLDPWD)='; pwd; ps -o sid= -p $$; echo $$; echo bad >&2; exit 4"]
        child = COMMANDS.spawn(argv, directory=str(tmp_path), environment={"PATH": module.PATH}, stdout=out, stderr=err)
        assert select.select([child], [], [], 10)[0]
        assert (child.poll(), child.wait()) == (4, 4)
        out.seek(0)
        err.seek(0)
        path, directory, session, pid = out.read().decode().split()
        assert (path, directory) == (f"PATH={module.PATH}", str(tmp_path))
        assert int(session) == int(pid) == child.pid
        assert err.read() == b"bad\n"


@pytest.mark.parametrize("pidfd", [True, False])
def test_waiting_for_a_child_ends_with_the_child_or_in_time(pidfd: bool, tmp_path: Path) -> None:
    commands = COMMANDS if pidfd else RealCommands(pidfd_open=None)
    with open(tmp_path / "out", "wb") as out:
        # the background process holds every inherited descriptor, and must not delay the news
        argv = ["sh", "-c", "sleep 60 & exec sleep 0.3"]
        child = commands.spawn(argv, directory="/", environment=module.ENVIRONMENT, stdout=out, stderr=out)
    assert child.poll() is None
    assert child.wait(0.05) is None
    assert child.wait(10) == 0
    assert child.poll() == 0
    assert select.select([child], [], [], 0)[0]
    child.kill_group()
    child.kill_group()


def test_a_killed_group_is_reported_with_its_signal(tmp_path: Path) -> None:
    with open(tmp_path / "out", "wb") as out:
        child = COMMANDS.spawn(["sleep", "60"], directory="/", environment=module.ENVIRONMENT, stdout=out, stderr=out)
    child.kill_group()
    assert child.wait(10) == -9


def test_a_relative_program_is_found_in_the_directory(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/run.sh").write_text("#!/bin/sh\necho here\n")
    (tmp_path / "bin/run.sh").chmod(0o755)
    assert COMMANDS.run(["bin/run.sh"], directory=str(tmp_path)).stdout == "here\n"


def test_nothing_is_left_open_and_no_zombie_stays() -> None:
    COMMANDS.run(["true"])
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        COMMANDS.run(["true"], stdin=b"x")
        failure_of("sleep", "60", timeout=0.05)
    assert len(os.listdir("/proc/self/fd")) == before
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    if children.exists():
        assert not [pid for pid in children.read_text().split() if not is_alive(int(pid))]
