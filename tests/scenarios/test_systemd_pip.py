"""An install from source by pip, as somebody types it on Debian 12: into an environment, system-wide, from a source archive.

The guest has Debian's pip and hatchling and no network; the sources are those of this tree.
"""

import shutil
import subprocess
from collections.abc import Iterator

import pytest

from fabriclab.guests import assemble, dvd
from fabriclab.guests.adapter import Adapter
from fabriclab.guests.login import make_key_pair
from fabriclab.guests.root import RootUnavailable
from fabriclab.guests.sandbox import Disk
from fabriclab.journal.journal import Journal
from fabriclab.scenario.lab import Lab, opened
from fabriclab.scenario.runner import Runner
from scenarios import labs, systemd_labs
from scenarios.source_labs import differences, tree
from scenarios.systemd_labs import IMAGE, do, machine, show

pytestmark = [*systemd_labs.on_systemd, pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("systemd-pip")]

PACKAGES = ("python3-hatchling", "python3-pip", "python3-venv")
OFFLINE = (
    "export PYTHONDONTWRITEBYTECODE=1 PIP_NO_INDEX=1 PIP_NO_BUILD_ISOLATION=0 PIP_NO_COMPILE=1 PIP_ROOT_USER_ACTION=ignore; "
)
CLOSED = OFFLINE + "cd /srv/source && "
OPEN = OFFLINE + "export PIP_BREAK_SYSTEM_PACKAGES=1; cd /srv/source && "
SETUP = "/usr/bin/python3 setup.py install"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    layer = tmp_path_factory.mktemp("layer")
    source = layer / "srv/source"
    tracked = [
        "git",
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
        "src",
        "pyproject.toml",
        "README.md",
        "setup.py",
        "LICENSE",
    ]
    listed = subprocess.run(tracked, cwd=labs.PROJECT, capture_output=True, text=True, timeout=30, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (labs.PROJECT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(labs.PROJECT / name, source / name)
    agent = Adapter("pip", layer / "adapter.toml", copy=".", command=("true",), unit="", packages=PACKAGES)
    used = assemble.on_systemd(agent, "bookworm")
    try:
        assemble.root_of(used)
    except RootUnavailable as problem:
        pytest.skip(f"no root with pip: {problem}")
    with opened(labs.scenario_of(tmp_path_factory.mktemp("image"), IMAGE), used, Journal()) as made:
        Runner(made, lambda text: None).begin()
        machine(made).await_boot()
        yield made


@pytest.fixture(scope="module")
def before(lab: Lab) -> dict[str, str]:
    return tree(lab)


def test_the_help_is_that_of_old(lab: Lab) -> None:
    said = do(lab, f"{CLOSED}{SETUP} --help")
    assert all(word in said for word in ("--register-service", "--force", "--root", "--prefix", "--lnx-distro"))


def test_where_the_systems_python_is_closed_it_says_what_to_do_and_does_nothing(lab: Lab, before: dict[str, str]) -> None:
    done = lab.guest.shell(f"{CLOSED}{SETUP} --register-service")
    assert done.status == 1
    assert "-m venv /opt/waagent && /opt/waagent/bin/python setup.py install --register-service" in done.errors
    assert differences(before, tree(lab)) == {}


def test_installed_system_wide_registered_again_and_taken_back(lab: Lab, before: dict[str, str]) -> None:
    said = do(lab, f"{OPEN}{SETUP} --register-service", timeout=120)
    assert "The service walinuxagent is registered" in said
    assert show(lab, "UnitFileState", "ActiveState") == ["enabled", "inactive"]
    assert do(lab, "sed -n s/^ExecStart=//p /lib/systemd/system/walinuxagent.service") == (
        "/usr/bin/python3 -u /usr/sbin/waagent -daemon\n"
    )
    installed = tree(lab)
    do(lab, f"{OPEN}{SETUP} --register-service", timeout=120)
    assert differences(installed, tree(lab)) == {}
    do(lab, f"{OPEN}{SETUP} --register-service --force", timeout=120)
    assert differences(installed, tree(lab)) == {}
    do(lab, "/usr/local/bin/waagent -unregister-service")
    do(lab, f"{OPEN}/usr/bin/python3 -m pip uninstall --quiet --yes waagent; mkdir -p /usr/local/bin")  # pip takes it too
    assert differences(before, tree(lab)) == {}


def test_staged_for_another_system_nothing_else_is_touched(lab: Lab, before: dict[str, str]) -> None:
    words = "--root /run/stage --prefix /usr --lnx-distro=rhel --lnx-distro-version=9.4"
    do(lab, f"{CLOSED}{SETUP} {words}", timeout=120)
    assert differences(before, tree(lab)) == {}
    staged = do(lab, "cd /run/stage && find . -type f | sort").split()
    assert {"./etc/waagent.conf", "./usr/sbin/waagent", "./usr/lib/systemd/system/waagent.service"} <= set(staged)
    assert {"./usr/lib/systemd/system/azure.slice", "./usr/share/man/man1/waagent.1.gz"} <= set(staged)
    assert any(name.endswith("/waagent/cli/main.py") for name in staged)
    assert "laid by" not in do(lab, "cat /run/stage/etc/waagent.conf /run/stage/usr/lib/systemd/system/waagent.service")


def test_from_a_source_archive_in_an_environment_it_provisions_the_machine(lab: Lab, before: dict[str, str]) -> None:
    do(lab, f"{CLOSED}/usr/bin/python3 -m hatchling build -t sdist -d /run/archive", timeout=120)
    do(lab, "/usr/bin/python3 -m venv --system-site-packages /opt/waagent", timeout=120)
    do(lab, f"{OFFLINE}/opt/waagent/bin/pip install --quiet /run/archive/waagent-*.tar.gz", timeout=120)
    environment = tree(lab)
    do(lab, "/opt/waagent/bin/waagent -register-service")
    registered = tree(lab)
    assert "write" not in do(lab, "/opt/waagent/bin/waagent -register-service")
    assert differences(registered, tree(lab)) == {}
    program = do(lab, "sed -n s/^ExecStart=//p /lib/systemd/system/walinuxagent.service")
    assert program.split()[0].startswith("/opt/waagent/bin/python")
    do(lab, "/opt/waagent/bin/waagent -unregister-service")
    assert differences(environment, tree(lab)) == {}
    do(lab, "/opt/waagent/bin/waagent -register-service")
    guest, seen = machine(lab), lab.journal.last
    guest.attach(Disk("sr0", "provisioning.iso", read_only=True), dvd.make(medium(lab)))
    do(lab, "systemctl start walinuxagent", timeout=60)
    labs.await_ready(lab, seen)
    assert do(lab, "hostname; id -un kofi") == "web-1\nkofi\n"
    do(lab, "/opt/waagent/bin/waagent -uninstall", timeout=120)
    assert show(lab, "LoadState", "ActiveState") == ["not-found", "inactive"]


def medium(lab: Lab) -> dict[str, bytes]:
    scenario = labs.scenario_of(lab.scenario.source.parent, systemd_labs.OVF)
    return scenario.medium.files(make_key_pair(), lambda name: "") or {}
