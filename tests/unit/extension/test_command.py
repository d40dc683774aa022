"""Running commands of handlers: real shells in a temporary directory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from unit.extension.lab import NAME, Lab, goal, single
from unit.fakes import FrozenClock
from waagent.extension import command
from waagent.extension.command import CommandFailed, Order
from waagent.extension.journal import Journal, Stage
from waagent.extension.limits import Surroundings
from waagent.extension.place import Place
from waagent.extension.plan import Command
from waagent.extension.sequence import Ending
from waagent.system.port import Child, System
from waagent.system.real.commands import RealCommands

NOWHERE = Surroundings()


class Bench:
    """One handler directory with one script; ``run`` runs its install command."""

    def __init__(self, root: Path) -> None:
        self.lab = Lab(root)
        self.place = Place.of(self.lab.paths, NAME, "1.0.0")
        self.base = Path(self.place.base)
        self.base.mkdir()
        self.journal = Journal(self.lab.system, self.place)

    def script(self, text: str) -> None:
        path = self.base / "do"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def order(self, line: str = "do", which: Command = Command.INSTALL) -> Order:
        return Order(which.word, which, self.place, line, {"PATH": "/usr/bin:/bin", "A": "1"}, inherited={"B": "2"})

    def run(
        self,
        line: str = "do",
        *,
        which: Command = Command.INSTALL,
        surroundings: Surroundings = NOWHERE,
        system: System | None = None,
        tick: Callable[[], object] = lambda: None,
    ) -> command.Result:
        door = system or self.lab.system
        return command.run(door, self.order(line, which), Journal(door, self.place), surroundings, tick)

    def failure(self, result: command.Result, which: Command = Command.INSTALL) -> CommandFailed:
        with pytest.raises(CommandFailed) as caught:
            command.judge(self.lab.system, self.order(which=which), result)
        return caught.value


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def eventually(look: Callable[[], bool], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if look():
            return True
        threading.Event().wait(0.02)
    return False


def test_a_command_runs_in_its_directory_with_both_environments(bench: Bench) -> None:
    bench.script('echo "$PWD $A $B"; echo bad >&2')
    result = bench.run()
    assert result.exit_code == 0
    assert result.output == f"[stdout]\n{bench.base} 1 2\n\n\n[stderr]\nbad\n"


def test_a_manifest_line_is_a_shell_line_without_its_leading_slashes(bench: Bench) -> None:
    bench.script('echo "$@"')
    assert "[stdout]\na b c\n" in bench.run("//do a 'b c' && true").output


def test_an_exit_status_is_told_with_the_plain_command(bench: Bench) -> None:
    bench.script("exit 51")
    failure = bench.failure(bench.run())
    assert (failure.code, failure.exit_code) == (1007, 51)
    assert str(failure).startswith(f"[ExtensionOperationError] Non-zero exit code: 51, {bench.base}/do\n[stdout]\n")


@pytest.mark.parametrize(("line", "code"), [("missing", 127), ("", 126)])
def test_what_cannot_be_run_is_the_shells_status(bench: Bench, line: str, code: int) -> None:
    assert bench.run(line).exit_code == code


def test_a_command_killed_by_a_signal_is_128_and_more(bench: Bench) -> None:
    bench.script("kill -9 $$")
    assert bench.run().exit_code == 128 + 9


def test_a_detached_child_survives_and_holds_nobody_up(bench: Bench) -> None:
    bench.script("(sleep 30) & echo $! >pid")
    started = time.monotonic()
    assert bench.run().exit_code == 0
    assert time.monotonic() - started < 5
    pid = int((bench.base / "pid").read_text())
    os.kill(pid, 0)
    os.kill(pid, signal.SIGKILL)


class HastyClock(FrozenClock):
    """Every look at the time takes as long as the longest timeout."""

    def monotonic(self) -> float:
        self.advance(500)
        return super().monotonic()


def test_at_the_timeout_the_whole_group_is_killed(bench: Bench) -> None:
    bench.script("sleep 60 & echo $! >pid; sleep 60")
    hasty = replace(bench.lab.system, clock=HastyClock())
    result = bench.run(system=hasty)
    assert result.exit_code is None and not result.stuck
    failure = bench.failure(result)
    assert failure.code == 1011
    assert str(failure).startswith(f"[ExtensionError] Timeout(900): {bench.base}/do\n[stdout]\n")
    limited = bench.failure(replace(result, throttled=12.34))
    assert f"Timeout(900);CPUThrottledTime(12.3secs): {bench.base}/do\n" in str(limited)
    pid_file = bench.base / "pid"
    assert not pid_file.exists() or eventually(lambda: not running(int(pid_file.read_text())))


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_output_goes_to_files_that_have_no_name(bench: Bench) -> None:
    bench.script("ls -A >names; ls -l /proc/$$/fd/1")
    result = bench.run()
    assert (bench.base / "names").read_text().split() == [".operation", "do", "names"]
    assert f"{bench.base}/" in result.output and "(deleted)" in result.output


def test_a_program_that_ends_leaves_its_command_running(bench: Bench) -> None:
    bench.script("sleep 1.5; echo late >done")
    timer = threading.Timer(0.2, bench.lab.ending.set)
    timer.start()
    with pytest.raises(Ending):
        bench.run()
    bench.lab.ending.clear()
    found = bench.run()
    assert found.found and found.exit_code == 0
    assert (bench.base / "done").read_text() == "late\n"


def test_a_result_of_an_earlier_agent_is_taken_and_not_repeated(bench: Bench) -> None:
    bench.script("echo x >>runs; exit 9")
    first = bench.run()
    again = bench.run()
    assert (first.exit_code, again.exit_code, again.found) == (9, 9, True)
    assert (bench.base / "runs").read_text() == "x\n"


def test_an_enable_from_before_a_boot_does_not_count(bench: Bench) -> None:
    bench.script("echo x >>runs")
    order = bench.order(which=Command.ENABLE)
    journal = Journal(bench.lab.system, bench.place)
    command.run(bench.lab.system, order, journal, Surroundings(), lambda: None, once_per_boot=True)
    (record,) = (bench.base / ".operation").glob("*/order.json")
    record.write_text(record.read_text().replace('"boot": "', '"boot": "other'))
    command.run(bench.lab.system, order, journal, Surroundings(), lambda: None, once_per_boot=True)
    assert (bench.base / "runs").read_text() == "x\nx\n"


def test_a_command_that_was_lost_with_the_machine_runs_again(bench: Bench) -> None:
    bench.script("echo x >>runs")
    entry = bench.journal.open(key="install", word="install", version="1.0.0", extension=None, timeout=900)
    (Path(entry.directory) / "claim").write_text("999999999\n")
    assert bench.journal.stage(entry) is Stage.LOST
    result = bench.run()
    assert (result.exit_code, result.found) == (0, False)
    assert (bench.base / "runs").read_text() == "x\n"


def test_a_recycled_pid_is_not_taken_for_the_command(bench: Bench) -> None:
    entry = bench.journal.open(key="install", word="install", version="1.0.0", extension=None, timeout=900)
    (Path(entry.directory) / "claim").write_text(f"{os.getpid()}\n")
    assert bench.journal.stage(entry) is Stage.LOST


def test_a_record_that_is_gone_keeps_a_late_shell_from_running(bench: Bench) -> None:
    bench.script("echo x >>runs")
    entry = bench.journal.open(key="install", word="install", version="1.0.0", extension=None, timeout=900)
    assert bench.journal.drop(entry)
    late = subprocess.run(["/bin/sh", "-c", command.SHELL, "sh", entry.directory, f"{bench.base}/do", ""], check=False)
    assert late.returncode == 125
    assert not (bench.base / "runs").exists()


@pytest.fixture
def agent_process() -> Iterator[Callable[[Path], subprocess.Popen[bytes]]]:
    """Starts an agent in a process of its own, to be killed for real."""
    started: list[subprocess.Popen[bytes]] = []

    def start(root: Path) -> subprocess.Popen[bytes]:
        code = (
            "import sys; from pathlib import Path; from unit.extension.test_command import foreign; foreign(Path(sys.argv[1]))"
        )
        path = os.pathsep.join(path for path in sys.path if path)
        process = subprocess.Popen([sys.executable, "-c", code, str(root)], env={**os.environ, "PYTHONPATH": path})
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


SLOW = 'if [ "$1" = install ]; then echo begun >begun; sleep 1.5; echo "said on the way out"; exit 4; fi'


def foreign(root: Path) -> None:
    lab = Lab(root)
    lab.publish(behaviour=SLOW)
    lab.agent.process(goal(single()))


@pytest.mark.parametrize("comes_back", ["while it runs", "when it has ended"])
def test_an_agent_that_was_killed_finds_its_command_with_what_it_printed(
    tmp_path: Path, agent_process: Callable[[Path], subprocess.Popen[bytes]], comes_back: str
) -> None:
    process = agent_process(tmp_path)
    base = tmp_path / "lib" / f"{NAME}-1.0.0"
    assert eventually(lambda: (base / "begun").exists(), 20)
    process.kill()
    process.wait()
    if comes_back == "when it has ended":
        assert eventually(lambda: bool(list(base.glob(".operation/*/result"))))
    (tmp_path / "lib").rename(tmp_path / "kept")
    lab = Lab(tmp_path)
    lab.lib.rmdir()
    (tmp_path / "kept").rename(lab.lib)
    lab.publish(behaviour=SLOW)
    lab.agent.process(goal(single()), first_since_start=True)
    assert lab.calls == ["install 1.0.0 0"]
    assert lab.status()["code"] == 1007
    assert "said on the way out" in lab.status()["message"]


class Undying:
    """A child that is stuck in the kernel."""

    pid = 1
    killed = False

    def wait(self, timeout: float | None = None) -> int | None:
        return None

    def kill_group(self) -> None:
        self.killed = True


def test_a_process_that_does_not_die_is_reported_and_not_waited_for(bench: Bench) -> None:
    child = Undying()

    class Commands(RealCommands):
        def spawn(self, *arguments: object, **options: object) -> Child:
            return child  # type: ignore[return-value]

    system = replace(bench.lab.system, commands=Commands(), clock=HastyClock())
    result = bench.run(system=system)
    assert child.killed and result.stuck
    assert str(bench.failure(result)).endswith("\nThe process was killed and has not ended.")


def test_a_found_command_is_killed_at_its_own_timeout(bench: Bench) -> None:
    entry = bench.journal.open(key="install", word="install", version="1.0.0", extension=None, timeout=0.2)
    left = subprocess.Popen(["/bin/sh", "-c", "sleep 60; :", entry.directory], start_new_session=True)
    try:
        assert eventually(lambda: entry.token in Path(f"/proc/{left.pid}/cmdline").read_text())
        (Path(entry.directory) / "claim").write_text(f"{left.pid}\n")
        result = bench.run()
        assert result.found and result.exit_code is None
        assert left.wait(10) == -signal.SIGKILL
        assert bench.failure(result).code == 1011
    finally:
        left.kill()
        left.wait()


# scopes


def fake_scope(bench: Bench, text: str) -> Surroundings:
    tool = bench.lab.root / "systemd-run"
    tool.write_text(f"#!/bin/sh\n{text}\n")
    tool.chmod(0o755)
    return Surroundings((str(tool), "--scope"))


def test_a_command_runs_whole_in_its_scope(bench: Bench) -> None:
    bench.script("echo $SCOPE")
    result = bench.run("do && echo $SCOPE", surroundings=fake_scope(bench, 'shift; SCOPE=yes exec "$@"'))
    assert result.output.startswith("[stdout]\nyes\nyes\n")


def test_without_a_scope_the_command_runs_directly_and_once(bench: Bench) -> None:
    bench.script("echo x >>runs; echo own words >&2; exit 3")
    result = bench.run(surroundings=fake_scope(bench, "echo no bus >&2; exit 1"))
    assert result.exit_code == 3
    assert "no bus" not in result.output and "own words" in result.output
    assert (bench.base / "runs").read_text() == "x\n"


def test_a_command_that_fails_in_its_scope_does_not_run_again(bench: Bench) -> None:
    bench.script("echo x >>runs; exit 1")
    result = bench.run(surroundings=fake_scope(bench, 'shift; "$@"; exit 1'))
    assert result.exit_code == 1
    assert (bench.base / "runs").read_text() == "x\n"


def test_without_a_scope_the_command_leaves_the_agents_groups(bench: Bench) -> None:
    group = bench.lab.root / "cgroup.procs"
    bench.script("cat " + str(group) + "; echo $PPID")
    output = bench.run(surroundings=Surroundings(groups=(str(bench.lab.root / "missing/x"), str(group)))).output
    moved = output.splitlines()[1]
    assert moved.isdigit()
    assert group.read_text().strip() == moved


def test_noexec_is_named_where_a_program_cannot_be_run(bench: Bench) -> None:
    class Mounted(type(bench.lab.files)):  # type: ignore[misc]
        def read_if_there(self, path: str, limit: int = 0) -> bytes | None:
            return f"/dev/sda1 {bench.lab.root} ext4 rw,noexec 0 0\n".encode() if path == "/proc/mounts" else None

    system = replace(bench.lab.system, files=Mounted())
    with pytest.raises(CommandFailed, match="is mounted with noexec"):
        command.judge(system, bench.order(), command.Result(126, "", 0.0))
