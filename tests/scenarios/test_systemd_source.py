"""An install from source in the life of a machine with systemd: registered, booted, taken back, the tree as it was."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fabriclab.guests import assemble
from fabriclab.guests.root import RootUnavailable
from fabriclab.journal.journal import Journal
from fabriclab.scenario.lab import Lab, opened
from fabriclab.scenario.runner import Runner
from scenarios import labs, source_labs, systemd_labs
from scenarios.source_labs import PROGRAM, differences, tree
from scenarios.systemd_labs import IMAGE, do, machine, show

pytestmark = [*systemd_labs.on_systemd, pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("systemd-source")]

RULES = "iptables -t security -S OUTPUT"
NETWORK_SETUP = "/lib/systemd/system/walinuxagent-network-setup.service"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A machine with the modules and the program of a source tree, and nothing else of an agent."""
    used = assemble.on_systemd(source_labs.adapter(tmp_path_factory.mktemp("layer")), "bookworm")
    try:
        assemble.root_of(used)
    except RootUnavailable as problem:
        pytest.skip(f"no root with systemd: {problem}")
    scenario = labs.scenario_of(tmp_path_factory.mktemp("image"), IMAGE)
    with opened(scenario, used, Journal()) as made:
        Runner(made, lambda text: None).begin()
        yield made


@pytest.fixture(scope="module")
def before(lab: Lab) -> dict[str, str]:
    machine(lab).await_boot()
    return tree(lab)


def test_a_dry_run_changes_nothing(lab: Lab, before: dict[str, str]) -> None:
    said = do(lab, f"{PROGRAM} -register-service -dry-run")
    assert "write /lib/systemd/system/walinuxagent.service" in said
    assert differences(before, tree(lab)) == {}


def test_registered_it_is_enabled_and_does_nothing_yet(lab: Lab, before: dict[str, str]) -> None:
    said = do(lab, f"{PROGRAM} -register-service")
    assert "It was not started" in said
    assert show(lab, "LoadState", "UnitFileState", "ActiveState", "MainPID") == ["loaded", "enabled", "inactive", "0"]
    assert do(lab, "ls -d /var/lib/waagent /var/log/waagent.log 2>/dev/null || true") == ""
    registered = tree(lab)
    assert "write" not in do(lab, f"{PROGRAM} -register-service")
    assert differences(registered, tree(lab)) == {}


def test_taken_back_before_it_ever_ran_the_tree_is_as_it_was(lab: Lab, before: dict[str, str]) -> None:
    registered = tree(lab)
    do(lab, f"{PROGRAM} -uninstall")
    assert differences(before, tree(lab)) == {}
    do(lab, f"{PROGRAM} -register-service")
    assert differences(registered, tree(lab)) == {}


def test_the_unit_is_one_that_systemd_understands(lab: Lab, before: dict[str, str]) -> None:
    assert do(lab, "systemd-analyze verify walinuxagent.service 2>&1 | grep -i waagent.service || true") == ""


def test_at_the_next_boot_it_starts_and_provisions(lab: Lab, before: dict[str, str], tmp_path: Path) -> None:
    systemd_labs.first_boot_of_image(lab, tmp_path)


def test_registered_again_an_agent_that_runs_is_started_anew(lab: Lab, before: dict[str, str]) -> None:
    (first,) = show(lab, "MainPID")
    do(lab, f"{PROGRAM} -install", timeout=120)
    (second,) = show(lab, "MainPID")
    assert second not in ("0", first)
    labs.settled(lambda: show(lab, "StatusText"), lambda text: text == ["serving goal states"])


def test_taken_back_it_ends_and_what_was_laid_is_gone(lab: Lab, before: dict[str, str]) -> None:
    """Also the rules of the packet filter with their unit."""
    do(lab, "echo OS.EnableFirewall=y >>/etc/waagent.conf")
    do(lab, "systemctl restart walinuxagent", timeout=120)
    labs.await_log(lab, "that keep 168.63.129.16 for root are in place")
    assert "168.63.129.16" in do(lab, RULES)
    assert do(lab, f"test -e {NETWORK_SETUP}; echo $?") == "0\n"
    do(lab, f"{PROGRAM} -unregister-service", timeout=120)
    assert show(lab, "LoadState", "ActiveState") == ["not-found", "inactive"]
    assert "168.63.129.16" not in do(lab, RULES)
    assert do(lab, f"test -e {NETWORK_SETUP}; echo $?") == "1\n"
    # an edited configuration is its editor's
    assert do(lab, "tail -n 1 /etc/waagent.conf; rm /etc/waagent.conf") == "OS.EnableFirewall=y\n"
    after = tree(lab)
    # what provisioning did to the machine stays; of the agent's files nothing that was not there before
    new = [path for path in after if path not in before and any(name in path for name in ("waagent", "walinuxagent", "azure"))]
    kept = ("/var/lib/waagent", "/etc/sudoers.d/waagent", "/etc/ssh/sshd_config.d")
    assert [path for path in new if not path.startswith(kept)] == []
    assert set(before) - set(after) <= {path for path in before if "/ssh_host_" in path or "machine-id" in path}
