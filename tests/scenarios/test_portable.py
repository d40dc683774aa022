"""The portable archive in the life of machines that have no Python: Debian 11, and one that has no `openssl` either; and the
image for systemd-sysext.

The archives have to be built (`make portable`); without them a test fails, it does not skip.
"""

import platform
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fabriclab.guests import adapter, assemble
from fabriclab.guests.adapter import Adapter
from fabriclab.guests.root import RootUnavailable
from fabriclab.journal.journal import Journal
from fabriclab.scenario.lab import Lab, opened
from fabriclab.scenario.runner import Runner
from scenarios import labs, systemd_labs
from scenarios.systemd_labs import IMAGE, OVF, do, machine, show

pytestmark = [*systemd_labs.on_systemd, pytest.mark.long, pytest.mark.timeout(1200), pytest.mark.xdist_group("portable")]

ADAPTER = labs.PROJECT / "packaging/portable/adapter.toml"
PYTHON = "/opt/waagent/bin/python"
NO_PYTHON = "ls /usr/bin/python* /usr/local/bin/python* /bin/python* 2>/dev/null || true"
PURGE = (
    "dpkg --purge --force-depends $(dpkg-query -W -f='${Package} ${db:Status-Abbrev}\\n' | "
    "awk '$2 == \"ii\" && $1 ~ /^(lib)?python3/ {print $1}')"
)


def built(suffix: str) -> Path:
    found = sorted((labs.PROJECT / "dist").glob(f"waagent-*{suffix}"))
    assert found, f"dist has no waagent-*{suffix}: run `make portable`"
    return found[-1]


@pytest.fixture(scope="module")
def archive() -> Path:
    return built(f"-linux-{platform.machine()}.tar.xz")


def made(used: Adapter) -> Adapter:
    try:
        assemble.root_of(used)
    except RootUnavailable as problem:
        pytest.skip(f"no root for it: {problem}")
    return used


@pytest.mark.parametrize("without", [(), ("usr/bin/openssl",)], ids=["without Python", "without Python and openssl"])
def test_a_machine_without_python_is_provisioned_and_runs_an_extension(
    archive: Path, without: tuple[str, ...], tmp_path: Path
) -> None:
    used = made(adapter.find(str(ADAPTER)))
    used = replace(used, lay=(*used.lay, *without))
    with opened(labs.scenario_of(tmp_path, labs.GOOD), used, Journal()) as lab:
        Runner(lab, lambda text: None).begin()
        labs.await_ready(lab)
        labs.do(lab, "good")
        labs.await_entry(lab, labs.says("Lab.Good", "Ready", "success"), "the extension reports success")
        assert do(lab, "hostname; id -un kofi") == "web-1\nkofi\n"
        assert do(lab, NO_PYTHON) == ""
        assert do(lab, "command -v openssl || true") == ("" if without else "/usr/bin/openssl\n")
        command = do(lab, "tr '\\0' ' ' <\"/proc/$(cat /run/waagent.pid)/cmdline\"")
        assert command.split() == [PYTHON, "-u", "/usr/sbin/waagent", "-daemon"]
        libraries = "awk '{print $6}' \"/proc/$(cat /run/waagent.pid)/maps\" | grep '[.]so' || true"
        assert do(lab, libraries) == "", "it has opened libraries of the system"


@pytest.fixture(scope="module")
def lab(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A Debian 11 machine with the archive and nothing else of an agent."""
    layer = tmp_path_factory.mktemp("layer")
    (layer / "srv").mkdir()
    shutil.copy(archive, layer / "srv/waagent.tar.xz")
    used = Adapter("archive", layer / "adapter.toml", copy=".", command=("true",), unit="", packages=("usrmerge", "xz-utils"))
    used = made(assemble.on_systemd(used, "bullseye"))
    with opened(labs.scenario_of(tmp_path_factory.mktemp("image"), IMAGE), used, Journal()) as opened_lab:
        Runner(opened_lab, lambda text: None).begin()
        machine(opened_lab).await_boot()
        yield opened_lab


def test_unpacked_and_registered_its_own_interpreter_is_what_the_service_runs(lab: Lab) -> None:
    do(lab, PURGE, timeout=300)
    assert do(lab, NO_PYTHON) == ""
    do(lab, "tar -C / -xf /srv/waagent.tar.xz", timeout=120)
    said = do(lab, "/opt/waagent/bin/waagent -register-service")
    assert "It was not started" in said
    assert show(lab, "LoadState", "UnitFileState", "ActiveState") == ["loaded", "enabled", "inactive"]
    assert f"ExecStart={PYTHON} -u /usr/sbin/waagent -daemon" in do(lab, "cat /lib/systemd/system/walinuxagent.service")
    assert "Python: 3.13." in do(lab, "waagent -version")
    assert "write" not in do(lab, "waagent -register-service"), "done again it changes nothing"


def test_at_the_next_boot_it_starts_and_provisions(lab: Lab, tmp_path: Path) -> None:
    systemd_labs.first_boot_of_image(lab, tmp_path)


def test_taken_back_nothing_starts_it_any_more(lab: Lab) -> None:
    do(lab, "waagent -unregister-service", timeout=120)
    assert show(lab, "LoadState", "ActiveState") == ["not-found", "inactive"]
    do(lab, "rm -r /opt/waagent; test ! -e /usr/sbin/waagent")


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_the_image_is_merged_by_systemd_sysext_and_the_agent_provisions(suite: str, tmp_path: Path) -> None:
    layer = tmp_path / "layer"
    image = built(f"-{ {'x86_64': 'x86-64', 'aarch64': 'arm64'}[platform.machine()] }.raw")
    extension = layer / "var/lib/extensions/waagent"
    extension.parent.mkdir(parents=True)
    # a directory in the place of the file: a guest in namespaces has no loop device to give
    subprocess.run(["unsquashfs", "-quiet", "-no-progress", "-dest", extension, image], check=True, timeout=60)
    used = made(assemble.on_systemd(Adapter("image", layer / "adapter.toml", copy=".", command=("true",), unit=""), suite))
    with opened(labs.scenario_of(tmp_path, f"starts_agent = false\n{OVF}"), used, Journal()) as lab:
        Runner(lab, lambda text: None).begin()
        machine(lab).await_boot()
        do(lab, "rm -f /usr/bin/python3*; test ! -e /etc/waagent.conf")
        do(lab, "mount --make-rshared /")  # as systemd has it where it is not in a container
        do(lab, "systemd-sysext merge", timeout=120)
        assert "waagent" in do(lab, "systemd-sysext status --no-pager")
        # what a boot does once the image is there
        do(lab, "systemctl daemon-reload; systemd-tmpfiles --create waagent.conf; test -s /etc/waagent.conf")
        assert show(lab, "LoadState", unit="waagent.service") == ["loaded"]
        do(lab, "systemctl start --no-block multi-user.target waagent.service")
        labs.await_ready(lab)
        assert do(lab, "hostname; id -un kofi") == "web-1\nkofi\n"
        assert show(lab, "ActiveState", "NRestarts", unit="waagent.service") == ["active", "0"]
        do(lab, "systemctl stop waagent.service; systemd-sysext unmerge", timeout=120)
        do(lab, "test ! -e /usr/sbin/waagent")
