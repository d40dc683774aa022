"""What the tests of moving over share: machines that Debian's own agent serves, both packages in /srv, and what has to stay.

Odd: the lab writes settings into waagent.conf, so that to dpkg an administrator has edited it; KEEP is how one who asks
no questions says that it is to stay.
"""

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fabriclab.guests import adapter, assemble
from fabriclab.guests.adapter import Adapter
from fabriclab.guests.process import Completed
from fabriclab.guests.root import RootUnavailable
from fabriclab.journal.entry import Entry
from fabriclab.scenario import hearing
from fabriclab.scenario.expected import Handler
from fabriclab.scenario.lab import Lab
from scenarios import labs
from scenarios.systemd_labs import do, show

KEEP = "-o Dpkg::Options::=--force-confold"
OURS, DEBIANS = "/srv/waagent_3*_all.deb", "/srv/waagent_2*_all.deb"
STATE = "/var/lib/waagent"
_THUMBPRINT = "?" * 40
CERTIFICATES = f"{STATE}/{_THUMBPRINT}.crt {STATE}/{_THUMBPRINT}.prv {STATE}/Certificates.pem"
IDENTITY = (
    "/etc/hostname /etc/hosts /etc/passwd /etc/shadow /etc/group /etc/sudoers.d/waagent /etc/ssh/ssh_host_*_key "
    f"/etc/ssh/sshd_config /home/kofi/.ssh/authorized_keys {STATE}/provisioned {STATE}/ovf-env.xml"
)
"""What a machine was given once, and what says that it was."""


@dataclass(frozen=True)
class Packages:
    """`place`: a directory that is laid over the root, with the packages in /srv."""

    place: Path

    def adapter(self, agent: Adapter) -> Adapter:
        """The same agent in a root that has the packages."""
        return replace(agent, source=self.place / "adapter.toml", copy=".")


def packages(factory: pytest.TempPathFactory, suite: str) -> Packages:
    """Ours, and Debian's own of this suite; skips where that cannot be had."""
    found = Packages(factory.mktemp("layer"))
    place = found.place / "srv"
    place.mkdir()
    shutil.copy(built(factory), place)
    fetch(suite, place, factory.mktemp("apt"))
    return found


def built(factory: pytest.TempPathFactory) -> Path:
    """Our package, built of a copy of the sources, once for all tests of a worker."""
    kept = factory.getbasetemp() / "moving-over"
    if kept.exists():
        return next(kept.glob("*.deb"))
    tree = factory.mktemp("sources")
    for name in ("packaging", "src/waagent", "docs"):
        shutil.copytree(labs.PROJECT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Makefile", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(labs.PROJECT / name, tree / name)
    done = subprocess.run(["make", "--silent", "deb"], cwd=tree, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    kept.mkdir()
    return Path(shutil.copy(tree / next(line for line in done.stdout.splitlines() if line.endswith("_all.deb")), kept))


def fetch(suite: str, place: Path, state: Path) -> None:
    """Debian's package of a suite into `place`, by apt with lists of its own."""
    question = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    source = subprocess.run(question, capture_output=True, text=True, timeout=60, check=False)
    archive = next((line.strip() for line in source.stdout.splitlines() if "security" not in line), "")
    (state / "lists/partial").mkdir(parents=True)
    (state / "cache/archives/partial").mkdir(parents=True)
    (state / "sources.list").write_text(f"deb {archive} {suite} main\n")
    options = {
        "Dir::Etc::SourceList": str(state / "sources.list"),
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": str(state / "lists"),
        "Dir::Cache": str(state / "cache"),
        "Acquire::Check-Valid-Until": "false",
        "APT::Sandbox::User": "root",
    }
    said = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    for words in (["update"], ["download", "waagent"]):
        done = subprocess.run(["apt-get", *said, *words], cwd=place, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode != 0:
            pytest.skip(f"Debian's package of {suite} cannot be had: {done.stderr.strip()[-300:]}")


def debian(suite: str) -> Adapter:
    """Debian's agent as systemd starts it, in a root of the suite."""
    found = assemble.on_systemd(adapter.find("debian"), suite)
    try:
        assemble.root_of(found)
    except RootUnavailable as problem:
        pytest.skip(f"no root with Debian's agent: {problem}")
    return found


def nothing_yet(suite: str) -> Adapter:
    """A machine without an agent, until somebody installs one."""
    return assemble.on_systemd(Adapter("packaged", Path("adapter.toml"), copy=".", command=("true",), unit=""), suite)


def apt(lab: Lab, words: str, options: str = KEEP) -> str:
    """apt-get as a script calls it, that nobody answers."""
    return do(lab, f"export DEBIAN_FRONTEND=noninteractive; apt-get --yes {options} {words} </dev/null 2>&1", timeout=300)


def tried(lab: Lab, command: str) -> Completed:
    return lab.guest.shell(f"export DEBIAN_FRONTEND=noninteractive; {command}", timeout=300)


def install(lab: Lab, package: str, options: str = KEEP) -> str:
    return apt(lab, f"install --allow-downgrades {package}", options)


def sums(lab: Lab, paths: str) -> dict[str, str]:
    """Path → digest of the files that fit; each pattern has to fit one."""
    lines = do(lab, f"sha256sum {paths}").splitlines()
    return {line.split(maxsplit=1)[1]: line.split()[0] for line in lines}


def handler_files(lab: Lab) -> dict[str, str]:
    """What the agent and the extensions keep of handlers: states, settings, counters, and what was unpacked."""
    kept = "-path '*/status/*' -o -path '*/.operation*' -o -name HandlerEnvironment.json -o -name HandlerStatus"
    return sums(lab, f"$(find {STATE}/Lab.*-*/ -type f ! \\( {kept} \\))")


def statuses(lab: Lab) -> dict[str, str]:
    """What each extension has written into its status file, without the time."""
    names = do(lab, f"ls {STATE}/Lab.*/status/*.status").split()
    return {name: re.sub(r'"[0-9T:-]+Z"', "TIME", (lab.guest.read(name) or b"").decode()) for name in names}


def commands(lab: Lab, handler: str) -> list[str]:
    """`command sequence version [instance]` of each command that a sample handler has run, in order."""
    text = (lab.guest.read(f"/var/log/azure/{handler}/commands.log") or b"").decode()
    return [" ".join(line.split(";")[1:]) for line in text.splitlines()]


def await_commands(lab: Lab, wanted: Mapping[str, list[str]]) -> None:
    """Until these are all the commands that each handler has run."""

    def ran() -> Mapping[str, list[str]]:
        return {name: commands(lab, name) for name in wanted}

    found = labs.settled(ran, lambda found: found == wanted, labs.PATIENCE)
    assert found == wanted, f"{found} instead of {wanted}"


def says(name: str, sequence: int, instance: str | None = None, version: str | None = None) -> Handler:
    return Handler(name, status="Ready", extension="success", sequence=sequence, instance=instance, version=version)


def await_all(lab: Lab, after: int, *wanted: Handler, by: str = "") -> Entry:
    """One status that says all of it; `by`: how the version of the agent begins that says so."""

    def fits(entry: Entry) -> bool:
        writers = [blob["aggregateStatus"]["guestAgentStatus"]["version"] for _, blob in hearing.blobs([entry])]
        said = all(hearing.hear(one, [entry]).held is True for one in wanted)
        return said and all(writer.startswith(by) for writer in writers)

    return labs.await_entry(lab, fits, f"a status with {wanted}", after, patience=90)


def reported(lab: Lab, after: int) -> list[tuple[str, set[str]]]:
    """Of each status since then: the agent's version, and name, status and status of the extension of each handler."""
    found = []
    for _, blob in hearing.blobs(lab.journal.since(after)):
        aggregate = blob["aggregateStatus"]
        told = {
            f"{part['handlerName']} {part['status']} {hearing.settings_status(part).get('status')}"
            for part in hearing.handlers(blob)
        }
        found.append((aggregate["guestAgentStatus"]["version"], told))
    return found


def health(lab: Lab, after: int) -> list[str]:
    return [hearing.health_text(entry.facts) for entry in lab.journal.since(after) if entry.kind == hearing.HEALTH]


def running(lab: Lab) -> list[str]:
    """Command lines of agents. Odd: a process that one of them is making has its maker's for a moment."""
    lines = do(lab, "ps -eo args").splitlines()
    return [line for line in lines if "/usr/sbin/waagent" in line and "ps -eo" not in line]


def version(lab: Lab) -> str:
    """Status and version of the package."""
    return do(lab, "dpkg-query -W -f '${db:Status-Abbrev}${Version}' waagent")


def await_ours(lab: Lab) -> None:
    serving = labs.settled(lambda: show(lab, "StatusText"), lambda text: text == ["serving goal states"], labs.PATIENCE)
    assert serving == ["serving goal states"], labs.log(lab)
    alone = ["/usr/bin/python3 -u /usr/sbin/waagent -daemon"]
    assert labs.settled(lambda: running(lab), lambda lines: lines == alone) == alone


def await_debians(lab: Lab) -> None:
    """Its daemon, and the process that serves goal states."""
    words = ["-daemon", "-run-exthandlers"]

    def found() -> list[str]:
        return [line.split()[-1] for line in running(lab)]

    assert labs.settled(found, lambda lines: lines == words, labs.PATIENCE) == words, labs.log(lab)


def unit_is_current(lab: Lab) -> bool:
    """Whether systemd holds the text of the unit that is on the disk."""
    return show(lab, "NeedDaemonReload") == ["no"]
