"""The Debian package in the life of a machine with systemd: installed into an image, booted, upgraded, purged.

Odd: the upgrade is the same package under a higher version, because there is only one state of the sources.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fabriclab.guests import assemble
from fabriclab.guests.adapter import Adapter
from fabriclab.guests.root import RootUnavailable
from fabriclab.journal.journal import Journal
from fabriclab.scenario import inspection
from fabriclab.scenario.expected import Tree
from fabriclab.scenario.lab import Lab, opened
from fabriclab.scenario.runner import Runner
from scenarios import labs, systemd_labs
from scenarios.systemd_labs import IMAGE, UNIT, do, machine, show

pytestmark = [
    *systemd_labs.on_systemd,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("systemd-package"),
]

NEWER = "99.0.0"
QUIET = "export DEBIAN_FRONTEND=noninteractive;"


@dataclass(frozen=True)
class Packages:
    """`place`: a directory that is laid over the root, with both in /srv."""

    place: Path
    first: str
    second: str


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    tree = tmp_path_factory.mktemp("sources")
    for name in ("packaging", "src/waagent", "docs"):
        shutil.copytree(labs.PROJECT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Makefile", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(labs.PROJECT / name, tree / name)
    done = subprocess.run(["make", "--silent", "deb"], cwd=tree, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    first = tree / done.stdout.splitlines()[-1]
    place = tmp_path_factory.mktemp("layer")
    (place / "srv").mkdir()
    shutil.copy(first, place / "srv")
    unpacked = tree / "unpacked"
    subprocess.run(["dpkg-deb", "-R", str(first), str(unpacked)], check=True, timeout=60)
    control = unpacked / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*$", f"Version: {NEWER}", control.read_text()))
    second = f"waagent_{NEWER}_all.deb"
    subprocess.run(["dpkg-deb", "-b", str(unpacked), str(place / "srv" / second)], check=True, timeout=60, capture_output=True)
    return Packages(place, first.name, second)


@pytest.fixture(scope="module", params=["bookworm", "trixie", "sid"])
def lab(request: pytest.FixtureRequest, packages: Packages, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A machine without an agent; the tests go on from each other's state."""
    packaged = Adapter("packaged", packages.place / "adapter.toml", copy=".", command=("true",), unit="")
    used = assemble.on_systemd(packaged, request.param)
    try:
        assemble.root_of(used)
    except RootUnavailable as problem:
        pytest.skip(f"no root with systemd: {problem}")
    scenario = labs.scenario_of(tmp_path_factory.mktemp("image"), IMAGE)
    with opened(scenario, used, Journal()) as made:
        Runner(made, lambda text: None).begin()
        yield made


def test_installed_it_is_enabled_and_does_nothing_yet(lab: Lab, packages: Packages) -> None:
    do(lab, f"{QUIET} apt-get install --yes /srv/{packages.first}", timeout=300)
    assert show(lab, "LoadState", "UnitFileState", "ActiveState", "MainPID") == ["loaded", "enabled", "inactive", "0"]
    assert do(lab, "ls -d /var/lib/waagent /var/log/waagent.log 2>/dev/null || true") == ""
    assert machine(lab).await_boot() == "running"


def test_at_the_next_boot_it_starts_and_provisions(lab: Lab, tmp_path: Path) -> None:
    systemd_labs.first_boot_of_image(lab, tmp_path)
    assert machine(lab).await_boot() == "running"
    assert show(lab, "NeedDaemonReload") == ["no"]  # also after the agent has had its share of the CPU set


def test_an_upgrade_restarts_it_and_provisions_nothing_again(lab: Lab, packages: Packages) -> None:
    (before,), seen = show(lab, "MainPID"), lab.journal.last
    marker = do(lab, "stat -c %Y.%i /var/lib/waagent/provisioned /etc/ssh/ssh_host_rsa_key")
    do(lab, f"{QUIET} apt-get install --yes /srv/{packages.second}", timeout=300)
    assert f"Version: {NEWER}" in do(lab, "dpkg -s waagent")
    (after,) = show(lab, "MainPID")
    assert after not in ("0", before)
    labs.settled(lambda: show(lab, "StatusText"), lambda text: text == ["serving goal states"])
    assert show(lab, "ActiveState", "StatusText") == ["active", "serving goal states"]
    assert do(lab, "stat -c %Y.%i /var/lib/waagent/provisioned /etc/ssh/ssh_host_rsa_key") == marker
    assert not [entry.summary for entry in lab.journal.since(seen) if entry.facts.get("state") == "NotReady"]


def test_purged_it_ends_and_leaves_nothing_of_its_own(lab: Lab) -> None:
    do(lab, f"{QUIET} apt-get purge --yes waagent", timeout=300)
    assert show(lab, "LoadState", "ActiveState", "MainPID")[1:] == ["inactive", "0"]
    assert do(lab, "pgrep -f '[w]aagent' || true") == ""
    left = do(
        lab, "find / -xdev -path /srv -prune -o -path /proc -prune -o -name '*waagent*' -print -o -name '*walinuxagent*' -print"
    )
    assert [line for line in left.split() if line != "/etc/sudoers.d/waagent" and "sshd_config" not in line] == []
    assert do(lab, "id -un kofi") == "kofi\n"
    assert machine(lab).await_boot() == "running"
    assert do(lab, f"systemctl --failed --no-legend; systemctl list-units --all --no-legend {UNIT}") == ""


def test_what_purging_leaves_is_what_the_page_lists(lab: Lab) -> None:
    page = (labs.PROJECT / "docs/moving-over.md").read_text()
    listed = page.partition("```purged\n")[2].partition("```")[0].split()
    of_dpkg = (
        "/var/cache/apt/**",
        "/var/cache/debconf/**",
        "/var/lib/apt/**",
        "/var/lib/dpkg/**",
        "/var/log/apt/**",
        "/var/log/dpkg.log",
    )
    seen = inspection.compare(Tree(only=(*listed, *of_dpkg), among=tuple(listed)), machine(lab).changes())
    assert seen.held, seen.detail
