"""The Debian package, built and really installed by apt into guests on roots of Debian 12 and 13.

The guests reach no network: their roots have the dependencies already, which Debian's own apt has to find sufficient.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from fabriclab.guests import assemble, namespace
from fabriclab.guests.diff import Change
from fabriclab.guests.machine import Machine
from fabriclab.guests.root import DebianRoot, RootUnavailable, obtain
from fabriclab.guests.sandbox import Sandbox

pytestmark = [
    pytest.mark.slow,
    pytest.mark.guest,
    pytest.mark.registry,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.geteuid() != 0, reason="a sandbox guest and the build packages need root"),
]

PROJECT = Path(__file__).resolve().parents[2]
PACKAGE = "usr/lib/python3/dist-packages/waagent"
NEEDED = ("init-system-helpers", "lintian", "python3-defusedxml", "python3-urllib3", "systemd", "udev")
ROOTS = {
    # the last two are what Debian's own agent needs, to move over from it
    "bookworm": DebianRoot("bookworm", (*NEEDED, "python3-distro", "python3-pkg-resources")),
    "trixie": DebianRoot("trixie", (*NEEDED, "python3-crypt-r")),
}
RELEASES = {"bookworm": "12", "trixie": "13"}
PASSWORD = "from waagent.guest.accounts import hash_password as h; from waagent.model.secret import Secret; \
print(*(h(Secret('p'), i, 's' * 22).reveal()[:4] for i in ('1', '2a', '5', '6')))"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources: what is built and what is compared is one state, whoever edits meanwhile."""
    made = tmp_path_factory.mktemp("sources")
    for name in ("packaging", "src/waagent", "docs"):
        shutil.copytree(PROJECT / name, made / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Makefile", "pyproject.toml", "README.md"):
        shutil.copy(PROJECT / name, made / name)
    return made


@pytest.fixture(scope="module")
def deb(tree: Path) -> Path:
    return make_deb(tree)


@pytest.fixture(scope="module")
def files(tree: Path, load_files: Callable[[Path], ModuleType]) -> ModuleType:
    return load_files(tree)


def make_deb(tree: Path) -> Path:
    command = ["make", "--silent", "deb"]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1767225600"}
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=600, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return tree / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module", params=sorted(ROOTS))
def suite(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def guest(suite: str, deb: Path) -> Iterator[Sandbox]:
    yield from booted(suite, deb)


def booted(suite: str, *packages: Path) -> Iterator[Sandbox]:
    try:
        root = obtain(ROOTS[suite], assemble.cache() / "roots")
    except RootUnavailable as problem:
        pytest.skip(f"no root of {suite}: {problem}")
    with namespace.running((root,)) as fabric:
        made = Sandbox(fabric, Machine(hidden=()), root)
        made.prepare()
        place = made.agent_layer / "srv"
        place.mkdir()
        for package in packages:
            (place / package.name).write_bytes(package.read_bytes())
        made.start()
        yield made


def do(guest: Sandbox, command: str) -> str:
    done = guest.shell(f"export DEBIAN_FRONTEND=noninteractive; {command}", timeout=300)
    assert done.ok, f"{command}: {done.output}{done.errors}"
    return done.output


def install(guest: Sandbox, package: str = "/srv/waagent_3*_all.deb") -> str:
    return do(guest, f"apt-get install --yes --allow-downgrades {package}")


def added(changes: tuple[Change, ...]) -> set[str]:
    return {change.path.lstrip("/") for change in changes}


def agents(guest: Sandbox) -> list[str]:
    return [line for line in do(guest, "ps -eo args").splitlines() if "waagent" in line and "ps -eo" not in line]


def test_the_package_holds_what_the_list_says_and_nothing_else(deb: Path, files: ModuleType, tmp_path: Path) -> None:
    subprocess.run(["dpkg-deb", "-x", str(deb), str(tmp_path)], check=True, timeout=60)
    documents = {
        "usr/share/doc/waagent/changelog.gz",
        "usr/share/doc/waagent/configuration.md.gz",
        "usr/share/doc/waagent/copyright",
        "usr/share/lintian/overrides/waagent",
        "usr/share/man/man1/waagent.1.gz",
    }
    wanted = {file.place: file for file in (*files.data(), *files.modules())}
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if not path.is_dir()} == documents | set(wanted)
    for place, file in wanted.items():
        path = tmp_path / place
        if file.target:
            assert str(path.readlink()) == file.target
        else:
            assert (path.read_bytes(), path.stat().st_mode & 0o7777) == (file.content, file.mode), place


def test_two_builds_of_one_state_are_the_same(deb: Path, tree: Path) -> None:
    first = deb.read_bytes()
    assert make_deb(tree).read_bytes() == first


def test_apt_installs_it_and_nothing_is_started(guest: Sandbox, suite: str) -> None:
    told = install(guest)
    assert "Setting up waagent" in told
    assert agents(guest) == []
    assert guest.read("/var/lib/waagent/provisioned") is None
    lines = do(guest, "waagent -version").splitlines()
    assert lines[0].startswith("WALinuxAgent-") and lines[0].endswith(f"running on debian {RELEASES[suite]}")
    altered = do(guest, "dpkg --verify waagent").splitlines()
    assert [line for line in altered if "/usr/share/man" not in line] == []  # the roots leave manual pages out
    changed = {path for path in added(guest.changes()) if re.search("waagent|walinuxagent", path)}
    outside = {path for path in changed if not path.startswith(("usr/", "var/lib/dpkg/"))}
    assert outside - {"etc/logrotate.d/waagent.logrotate", "etc/waagent.conf"} == {
        "etc/systemd/system/multi-user.target.wants/walinuxagent.service",
        "var/lib/systemd/deb-systemd-helper-enabled/multi-user.target.wants/walinuxagent.service",
        "var/lib/systemd/deb-systemd-helper-enabled/walinuxagent.service.dsh-also",
    }


def test_the_modules_are_compiled_as_a_lab_guest_gets_them(guest: Sandbox, files: ModuleType) -> None:
    install(guest)
    sources = {file.place for file in files.modules() if file.place.endswith(".py")}
    compiled = {path for path in added(guest.changes()) if path.startswith(PACKAGE) and path.endswith(".pyc")}
    assert len(compiled) == len(sources) > 100


def test_the_libraries_that_it_depends_on_are_enough(guest: Sandbox) -> None:
    install(guest)
    assert do(guest, f'/usr/bin/python3 -W ignore -c "{PASSWORD}"').split() == ["$1$s", "$2a$", "$5$s", "$6$s"]
    do(guest, "cd / && /usr/bin/python3 -c 'import waagent.system.real.http, waagent.codec.ovf_env, waagent.fabric.wireserver'")
    assert "Provisioning.Enabled = True" in do(guest, "waagent -show-configuration")


def test_systemd_and_udev_understand_what_is_installed(guest: Sandbox, suite: str) -> None:
    install(guest)
    assert do(guest, "systemd-analyze verify --man=no walinuxagent.service 2>&1") == ""
    assert do(guest, "systemctl --root=/ is-enabled walinuxagent.service").strip() == "enabled"
    if suite == "trixie":  # older ones cannot check rules
        do(guest, "udevadm verify /usr/lib/udev/rules.d/*azure*.rules")


def test_lintian_has_nothing_to_say(guest: Sandbox) -> None:
    assert do(guest, "lintian --allow-root --fail-on error,warning /srv/waagent_3*_all.deb") == ""


def test_purging_leaves_nothing_of_ours_and_what_is_the_machines(guest: Sandbox) -> None:
    before = guest.changes()
    install(guest)
    made = "/var/lib/waagent/x /var/log/waagent.log /var/log/waagent.log-2026-01-01-1.gz /var/log/azure/x /run/waagent.pid"
    do(guest, f"mkdir -p /var/lib/waagent /var/log/azure; touch {made}; echo 'ann ALL=(ALL) ALL' >/etc/sudoers.d/waagent")
    do(guest, "apt-get purge --yes waagent")
    left = do(guest, "find / -xdev -path /srv -prune -o -name '*waagent*' -print -o -name '*walinuxagent*' -print").split()
    assert left == ["/etc/sudoers.d/waagent"]
    gone = [change for change in guest.changes() if change.path.lstrip("/").startswith(("usr/", "etc/"))]
    expected = {change.path for change in before} | {"/etc/sudoers.d/waagent"}
    assert [change for change in gone if f"/{change.path.lstrip('/')}" not in expected] == []


def test_a_disabled_service_stays_disabled_through_an_upgrade(guest: Sandbox) -> None:
    install(guest)
    do(guest, "systemctl --root=/ disable walinuxagent.service")
    do(guest, "apt-get install --yes --reinstall /srv/waagent_3*_all.deb")
    assert not guest.shell("systemctl --root=/ is-enabled walinuxagent.service").ok


def test_debians_agent_and_ours_take_each_others_place(deb: Path, tmp_path: Path) -> None:
    fetched = subprocess.run(["apt-get", "download", "waagent"], cwd=tmp_path, capture_output=True, timeout=120, check=False)
    if fetched.returncode != 0:
        pytest.skip("the registry of Debian packages is not reachable")
    (theirs,) = tmp_path.glob("waagent_*.deb")
    for guest in booted("bookworm", deb, theirs):
        install(guest, f"/srv/{theirs.name}")
        do(guest, "mkdir -p /var/lib/waagent && echo id >/var/lib/waagent/provisioned")
        install(guest)
        assert "Goal state agent: 3." in do(guest, "waagent -version")
        unit = do(guest, "cat /lib/systemd/system/walinuxagent.service")
        assert "Type=notify" in unit and "66-azure" in do(guest, "ls /lib/udev/rules.d")
        assert not guest.shell("ls /etc/init.d/walinuxagent /usr/lib/python3/dist-packages/azurelinuxagent").output
        install(guest, f"/srv/{theirs.name}")
        unit = do(guest, "cat /lib/systemd/system/walinuxagent.service && ls /etc/init.d/walinuxagent")
        assert "ExecStart" in unit and "Type=notify" not in unit
        assert guest.read("/var/lib/waagent/provisioned") == b"id\n"
        assert agents(guest) == []
