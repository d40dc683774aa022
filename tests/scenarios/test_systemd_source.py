"""An install from source in the life of a machine with systemd: registered, booted, taken back, the tree as it was."""

import shutil
from collections.abc import Iterator
from pathlib import Path

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
from scenarios.systemd_labs import IMAGE, OVF, do, machine, show
from waagent.install import templates

pytestmark = [*systemd_labs.on_systemd, pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("systemd-source")]

PROGRAM = "/usr/bin/python3 -B /srv/waagent"
PASSED_OVER = ("/proc", "/run", "/tmp", "/var/tmp", "/var/log", "/var/lib/systemd")
TREE = " ".join(
    ["find / -xdev \\( -name __pycache__", *(f"-o -path {path}" for path in PASSED_OVER), "\\) -prune -o -print | sort"]
)
REFERENCE = """
[Unit]
Description=as the reference describes its unit
After=network-online.target
[Service]
Type=simple
ExecStart=/usr/bin/python3 -u /usr/sbin/waagent -daemon
Restart=always
RestartSec=5
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A machine with the modules and the program of a source tree, and nothing else of an agent."""
    layer = tmp_path_factory.mktemp("layer")
    modules = layer / "usr/lib/python3/dist-packages/waagent"
    shutil.copytree(labs.PROJECT / "src/waagent", modules, ignore=shutil.ignore_patterns("__pycache__"))
    (layer / "srv").mkdir()
    (layer / "srv/waagent").write_text(templates.script("bin/waagent", "/usr/bin/python3"))
    used = assemble.on_systemd(Adapter("source", layer / "adapter.toml", copy=".", command=("true",), unit=""), "bookworm")
    try:
        assemble.root_of(used)
    except RootUnavailable as problem:
        pytest.skip(f"no root with systemd: {problem}")
    scenario = labs.scenario_of(tmp_path_factory.mktemp("image"), IMAGE)
    with opened(scenario, used, Journal()) as made:
        Runner(made, lambda text: None).begin()
        yield made


@pytest.fixture(scope="module")
def before(lab: Lab) -> list[str]:
    machine(lab).await_boot()
    return do(lab, TREE).splitlines()


def test_a_dry_run_changes_nothing(lab: Lab, before: list[str]) -> None:
    said = do(lab, f"{PROGRAM} -register-service -dry-run")
    assert "write /lib/systemd/system/walinuxagent.service" in said
    assert do(lab, TREE).splitlines() == before


def test_registered_it_is_enabled_and_does_nothing_yet(lab: Lab, before: list[str]) -> None:
    said = do(lab, f"{PROGRAM} -register-service")
    assert "It was not started" in said
    assert show(lab, "LoadState", "UnitFileState", "ActiveState", "MainPID") == ["loaded", "enabled", "inactive", "0"]
    assert do(lab, "ls -d /var/lib/waagent /var/log/waagent.log 2>/dev/null || true") == ""
    assert "write" not in do(lab, f"{PROGRAM} -register-service")


def test_the_unit_is_one_that_systemd_understands_and_no_more_exposed_than_the_references(lab: Lab, before: list[str]) -> None:
    assert do(lab, "systemd-analyze verify walinuxagent.service 2>&1 | grep -i waagent.service || true") == ""
    do(lab, f"cat >/run/reference.service <<'END'\n{REFERENCE}\nEND")
    figures = [
        float(do(lab, f"systemd-analyze security --offline=true --no-pager {path} | tail -n 1").split(":")[1].split()[0])
        for path in ("/lib/systemd/system/walinuxagent.service", "/run/reference.service")
    ]
    print(f"systemd-analyze security: ours {figures[0]}, the reference's {figures[1]}")
    assert figures[0] <= figures[1]


def test_at_the_next_boot_it_starts_and_provisions(lab: Lab, before: list[str], tmp_path: Path) -> None:
    guest, seen = machine(lab), lab.journal.last
    guest.on_end = lambda again: None
    medium = labs.scenario_of(tmp_path, OVF).medium
    guest.insert(
        Disk("sr0", "provisioning.iso", read_only=True), dvd.make(medium.files(make_key_pair(), lambda name: "") or {})
    )
    do(lab, "systemctl reboot --no-block")
    guest.await_boots(2)
    labs.await_ready(lab, seen)
    labs.settled(lambda: show(lab, "StatusText"), lambda text: text == ["serving goal states"])
    assert do(lab, "hostname; id -un kofi") == "web-1\nkofi\n"


def test_registered_again_an_agent_that_runs_is_started_anew(lab: Lab, before: list[str]) -> None:
    (first,) = show(lab, "MainPID")
    do(lab, f"{PROGRAM} -install", timeout=120)
    (second,) = show(lab, "MainPID")
    assert second not in ("0", first)
    labs.settled(lambda: show(lab, "StatusText"), lambda text: text == ["serving goal states"])


def test_taken_back_it_ends_and_what_was_laid_is_gone(lab: Lab, before: list[str]) -> None:
    do(lab, f"{PROGRAM} -unregister-service", timeout=120)
    assert show(lab, "LoadState", "ActiveState") == ["not-found", "inactive"]
    laid = {"/usr/sbin/waagent", "/etc/waagent.conf", "/etc/logrotate.d/waagent.logrotate"}
    after = do(lab, TREE).splitlines()
    assert not laid & set(after)
    # what provisioning did to the machine stays; of the agent's files nothing that was not there before
    left = [line for line in after if line not in before and ("waagent" in line or "walinuxagent" in line or "azure" in line)]
    kept = ("/var/lib/waagent", "/etc/sudoers.d/waagent", "/etc/ssh/sshd_config.d")
    assert [line for line in left if not line.startswith(kept)] == []
    assert set(before) - set(after) <= {line for line in before if "/ssh_host_" in line or "machine-id" in line}
