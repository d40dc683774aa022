"""The init scripts, run by sh beside stand-ins for what their systems bring, with a stand-in agent that is a real process.

Each script is the one that the placement gives its system, with the directories of the machine put below a temporary one. They
are run by the shell of their system too, or by its closest kin: bash for Red Hat and SUSE, busybox for Alpine and OpenWrt, mksh
for OpenBSD.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from unit.fakes.init_systems import PREFIX, STAND_INS
from waagent.guest.detect import choose
from waagent.guest.profile import Identity
from waagent.install.placement import Placed, place

PROJECT = Path(__file__).resolve().parents[2]
SYSTEMS = {
    "redhat": Identity("centos", "6.10"),
    "suse": Identity("sles", "11.4"),
    "devuan": Identity("devuan", "5"),
    "debian7": Identity("debian", "7.11"),
    "openrc": Identity("alpine", "3.19"),
    "openwrt": Identity("openwrt", "23.05"),
    "freebsd": Identity("freebsd", "14.0"),
    "openbsd": Identity("openbsd", "7.4"),
}
AGENT = """\
#!/usr/bin/python3
import os, signal, subprocess, sys
here = os.path.abspath(sys.argv[0])
if sys.argv[1:] == ["-start"]:
    subprocess.Popen([sys.executable, here, "-daemon"], start_new_session=True,
                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
elif sys.argv[1:] == ["-daemon"]:
    with open("@ROOT@/pids", "a") as stream:
        stream.write("%d\\n" % os.getpid())
    with open("@ROOT@/var/run/waagent.pid", "w") as stream:
        stream.write(str(os.getpid()))
    signal.sigwait({signal.SIGTERM} if not os.path.exists("@ROOT@/deaf") else {signal.SIGUSR1})
else:
    sys.exit("unexpected arguments: %s" % sys.argv)
"""


class Script:
    """One script in its own tree."""

    def __init__(self, root: Path, name: str) -> None:
        self.root, self.name = root, name
        guest = choose(SYSTEMS[name])
        placement = place(guest, systemd=False, python="/usr/bin/python3")
        for place_, text in STAND_INS.items():
            self.put(place_, text.replace("@ROOT@", str(root)))
        (root / "var/run").mkdir(parents=True)
        (root / "run").mkdir()
        for file in placement.files:
            if not file.target:
                moved = re.sub(r"(?<![\w.:/])/(etc|var/run|run|usr/sbin|usr/local/sbin)/", rf"{root}/\1/", file.content)
                self.put(file.path.lstrip("/"), moved)
        self.program = root / placement.files[0].path.lstrip("/")
        self.put(placement.files[0].path.lstrip("/"), AGENT.replace("@ROOT@", str(root)))
        self.configuration = root / placement.files[1].path.lstrip("/")
        service = next(file for file in placement.files if "init.d/" in file.path or "/rc.d/" in file.path)
        self.path = root / service.path.lstrip("/")
        self.shell = service.content.splitlines()[0].removeprefix("#!")

    def put(self, place_: str, text: str) -> None:
        path = self.root / place_
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def do(self, verb: str, shell: tuple[str, ...] = ("/bin/sh",)) -> subprocess.CompletedProcess[str]:
        leading = [str(self.root / PREFIX[self.name])] if self.name in PREFIX else []
        command = [*shell, *leading, str(self.path), verb]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def agents(self) -> list[int]:
        """Those of the tree's own agents that live."""
        listed = self.root / "pids"
        pids = [int(line) for line in listed.read_text().split()] if listed.exists() else []
        return [pid for pid in pids if self.lives(pid)]

    def lives(self, pid: int) -> bool:
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False
        return str(self.program).encode() in command

    def settles(self, count: int) -> list[int]:
        """The agents, once there are so many and the pid file is written."""
        end = time.monotonic() + 10
        while True:
            found = self.agents()
            if len(found) == count or time.monotonic() > end:
                return found
            time.sleep(0.02)


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Callable[[str], Script]]:
    made: list[Script] = []

    def make(name: str) -> Script:
        made.append(Script(tmp_path, name))
        return made[-1]

    yield make
    for one in made:
        for pid in one.agents():
            os.kill(pid, 9)


@pytest.mark.parametrize("name", sorted(SYSTEMS))
def test_a_script_starts_tells_restarts_and_stops_the_agent(script: Callable[[str], Script], name: str) -> None:
    one = script(name)
    assert one.do("status").returncode != 0
    done = one.do("start")
    assert done.returncode == 0, done.stderr
    (first,) = one.settles(1)
    assert one.do("status").returncode == 0
    assert one.do("restart").returncode == 0
    one.settles(1)
    (second,) = one.settles(1)
    assert second != first
    done = one.do("stop")
    assert done.returncode == 0, done.stderr
    assert one.settles(0) == []
    assert one.do("status").returncode != 0


@pytest.fixture(scope="module")
def shells() -> None:
    """The shells of other systems."""
    if os.geteuid() != 0 and not all(shutil.which(name) for name in ("shellcheck", "busybox", "mksh", "ksh")):
        pytest.skip("shells of other systems are missing, and only root installs them")
    subprocess.run(["bash", str(PROJECT / "packaging/setup-debian.sh"), "scripts"], check=True, timeout=300)


SHELLS: dict[str, tuple[str, ...]] = {
    "redhat": ("bash", "--posix"),
    "suse": ("bash", "--posix"),
    "debian7": ("dash",),
    "devuan": ("busybox", "ash"),
    "openrc": ("busybox", "ash"),
    "openwrt": ("busybox", "ash"),
    "freebsd": ("busybox", "ash"),
    "openbsd": ("mksh",),
}


@pytest.mark.slow  # shells are installed
@pytest.mark.registry
@pytest.mark.parametrize("name", sorted(SYSTEMS))
def test_the_shell_of_its_system_does_the_same(script: Callable[[str], Script], shells: None, name: str) -> None:
    one, shell = script(name), SHELLS[name]
    assert one.do("start", shell).returncode == 0
    one.settles(1)
    assert one.do("status", shell).returncode == 0
    assert one.do("stop", shell).returncode == 0
    assert one.settles(0) == []
    assert one.do("status", shell).returncode != 0


@pytest.mark.slow
@pytest.mark.registry
@pytest.mark.parametrize("name", [*sorted(SYSTEMS), "upstart"])
def test_every_shell_reads_it_and_shellcheck_finds_nothing(shells: None, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(upstart_script() if name == "upstart" else service_of(name).content)
    for shell in ("dash", "busybox ash", "mksh", "ksh", "bash --posix"):
        done = subprocess.run([*shell.split(), "-n", str(path)], capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 0, f"{shell}: {done.stderr}"
    dialect = "ksh" if name == "openbsd" else "sh"
    # files of other systems that are read, and words that are for those: neither is here
    command = ["shellcheck", f"--shell={dialect}", "--exclude=SC1091,SC2034", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


def service_of(name: str) -> Placed:
    files = place(choose(SYSTEMS[name]), systemd=False, python="/usr/bin/python3").files
    return next(file for file in files if "init.d/" in file.path or "/rc.d/" in file.path)


def upstart_script() -> str:
    job = next(file for file in UPSTART.files if file.path == "/etc/init/walinuxagent.conf").content
    return "#!/bin/sh\n" + job.partition("pre-start script\n")[2].partition("end script")[0]


@pytest.mark.parametrize("name", sorted(SYSTEMS))
def test_an_unknown_word_ends_with_1(script: Callable[[str], Script], name: str) -> None:
    assert script(name).do("dance").returncode == 1


@pytest.mark.parametrize("name", ["redhat", "suse", "devuan"])
def test_an_unknown_word_gets_the_usage(script: Callable[[str], Script], name: str) -> None:
    done = script(name).do("dance")
    assert "Usage:" in done.stdout + done.stderr


@pytest.mark.parametrize("name", ["suse", "openwrt"])
def test_a_missing_program_ends_with_5_and_a_missing_configuration_with_6(script: Callable[[str], Script], name: str) -> None:
    one = script(name)
    one.configuration.unlink()
    assert one.do("start").returncode == 6
    one.program.unlink()
    assert one.do("start").returncode == 5


@pytest.mark.parametrize(
    ("name", "words"),
    [("redhat", ("reload", "report")), ("suse", ("reload", "force-reload", "probe", "try-restart"))],
)
def test_words_without_a_meaning_here_are_taken(script: Callable[[str], Script], name: str, words: tuple[str, ...]) -> None:
    one = script(name)
    assert [one.do(word).returncode for word in words] == [0] * len(words)
    assert one.agents() == []


def test_on_devuan_the_agent_is_switched_off_by_the_file_of_defaults(script: Callable[[str], Script]) -> None:
    one = script("devuan")
    (one.root / "etc/default/walinuxagent").write_text("WALINUXAGENT_ENABLED=0\n")
    assert one.do("start").returncode == 0
    assert one.settles(0) == []


def test_on_devuan_a_second_start_starts_nothing(script: Callable[[str], Script]) -> None:
    one = script("devuan")
    one.do("start")
    one.settles(1)
    one.do("start")
    assert len((one.root / "pids").read_text().split()) == 1


def test_on_devuan_another_run_of_the_program_is_left_alone(script: Callable[[str], Script]) -> None:
    one = script("devuan")
    one.put("usr/sbin/waagent", "#!/usr/bin/python3\nimport signal\nprint(flush=True)\nsignal.pause()\n")
    verb = subprocess.Popen(["/usr/bin/python3", str(one.program), "-collect-logs"], stdout=subprocess.PIPE)
    try:
        assert verb.stdout is not None
        verb.stdout.readline()
        assert one.do("stop").returncode == 0
        assert verb.poll() is None
    finally:
        verb.kill()
        verb.communicate()


@pytest.mark.slow  # each waits the ten seconds that an agent has to end
@pytest.mark.parametrize("name", ["devuan", "openwrt"])
def test_an_agent_that_does_not_end_is_killed(script: Callable[[str], Script], name: str) -> None:
    one = script(name)
    (one.root / "deaf").touch()
    ignoring = "import os, signal as s; s.signal(s.SIGTERM, s.SIG_IGN)\nimport os,"
    text = one.program.read_text().replace("import os,", ignoring, 1)
    one.program.write_text(text)
    one.do("start")
    one.settles(1)
    assert one.do("stop").returncode == 0
    assert one.settles(0) == []


UPSTART = place(choose(Identity("ubuntu", "14.04")), systemd=False)


def test_the_job_of_upstart_says_when_it_runs_and_what() -> None:
    """A strict reading in place of init-checkconf: upstart is in no Debian since 8."""
    job = next(file for file in UPSTART.files if file.path == "/etc/init/walinuxagent.conf").content
    script = re.search(r"^pre-start script\n(.*?)^end script$", job, re.MULTILINE | re.DOTALL)
    assert script is not None
    rest = job.replace(script[0], "").splitlines()
    assert [line for line in rest if line and not line.startswith("#")] == [
        'description "Azure Linux agent"',
        "start on runlevel [2345]",
        "stop on runlevel [!2345]",
        "respawn",
        "exec /usr/sbin/waagent -daemon",
    ]


@pytest.mark.parametrize(
    ("defaults", "program", "does"),
    [
        ("WALINUXAGENT_ENABLED=1\n", True, ["modprobe -b udf"]),
        ("WALINUXAGENT_ENABLED=0\n", True, ["stop"]),
        ("", True, ["stop"]),
        ("WALINUXAGENT_ENABLED=1\n", False, ["stop"]),
    ],
)
def test_before_upstart_starts_the_agent_it_looks_whether_it_may(
    tmp_path: Path, defaults: str, program: bool, does: list[str]
) -> None:
    job = next(file for file in UPSTART.files if file.path == "/etc/init/walinuxagent.conf").content
    text = job.partition("pre-start script\n")[2].partition("end script")[0]
    (tmp_path / "defaults").write_text(defaults)
    if program:
        (tmp_path / "waagent").write_text("")
        (tmp_path / "waagent").chmod(0o755)
    text = text.replace("/etc/default/walinuxagent", f"{tmp_path}/defaults").replace("/usr/sbin/waagent", f"{tmp_path}/waagent")
    shell = f'set -e\nstop() {{ echo stop; }}\nmodprobe() {{ echo "modprobe $*"; return 1; }}\n{text}'
    done = subprocess.run(["/bin/sh", "-c", shell], capture_output=True, text=True, timeout=10, check=False)
    assert (done.returncode, done.stdout.splitlines()) == (0, does), done.stderr
