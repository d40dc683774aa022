"""The wire server kept for root on real machines: by each tool, at boot, against what breaks, and taken away again.

Roots with the tools are Debian 12's, made once; a test takes away the ones it does not want.
"""

from pathlib import Path

import pytest

from fabriclab.guests import adapter, assemble, cgroups
from fabriclab.guests.adapter import Adapter
from fabriclab.guests.root import RootUnavailable
from fabriclab.journal.journal import Journal
from fabriclab.scenario import document, execution
from fabriclab.scenario.lab import Lab
from fabriclab.scenario.outcome import Result
from scenarios import labs, systemd_labs
from scenarios.kill import attempt

pytestmark = [*labs.in_a_guest, pytest.mark.registry, pytest.mark.xdist_group("firewall")]

CONNECT = "python3 -c \"import socket, sys; socket.create_connection(('168.63.129.16', int(sys.argv[1])), 1)\""
STRANGER = f"runuser -u nobody -- {CONNECT}"
TABLE = "table ip walinuxagent"
IN_PLACE = "that keep 168.63.129.16 for root are in place"
ALONE = "rm /usr/sbin/nft"
SCENARIO = """
[machine]
packages = ["nftables"]

[configuration]
"OS.EnableFirewall" = {enabled}
"OS.EnableFirewallPeriod" = {period}
"Provisioning.SshHostKeyPairType" = "ed25519"

[ovf]
hostname = "web-1"
username = "kofi"
ssh_keys = ["generated"]

[[step]]
do = "run"
command = '''{before}'''

[[step]]
id = "moved"
at = 100000
do = "move-wire-server"
address = "168.63.129.17"
"""


def played(name: str, used: Adapter | None = None) -> Result:
    scenario = document.find(name)
    found = used or adapter.find("ours")
    obtain(found, scenario.machine.packages)
    return execution.execute(scenario, found, Journal(), lambda event: None, lambda text: None)


def obtain(used: Adapter, packages: tuple[str, ...]) -> None:
    try:
        assemble.root_of(assemble.with_packages(used, packages))
    except RootUnavailable as problem:
        pytest.skip(f"no root with a packet filter: {problem}")


def scenario(place: Path, before: str = "true", *, enabled: bool = True, period: int = 1) -> document.Scenario:
    obtain(adapter.find("ours"), ("nftables",))
    return labs.scenario_of(place, SCENARIO.format(before=before, enabled=str(enabled).lower(), period=period))


def do(lab: Lab, command: str) -> str:
    done = lab.guest.shell(command)
    assert done.ok, f"{command}: {done.output}{done.errors}"
    return done.output


def assert_guarded(lab: Lab) -> None:
    do(lab, f"{CONNECT} 80; {CONNECT} 32526; {STRANGER} 53")
    assert not lab.guest.shell(f"{STRANGER} 80 || {STRANGER} 32526").ok


@pytest.mark.parametrize(
    "name", ["firewall", "firewall-off-again", "firewall-broken-tool", "firewall-iptables", "firewall-no-tool"]
)
def test_a_scenario_of_the_library_holds(name: str) -> None:
    assert labs.not_held(played(name)) == []


@pytest.mark.parametrize(
    "name",
    [
        "firewall-after-reboot",
        pytest.param("firewall-firewalld", marks=pytest.mark.slow),
        pytest.param("firewall-beside-firewalld", marks=pytest.mark.slow),
    ],
)
@pytest.mark.skipif(not cgroups.hierarchies(), reason="this machine gives nobody control groups to write to")
def test_a_scenario_for_systemd_holds(name: str) -> None:
    assert labs.not_held(played(name, systemd_labs.adapter_of())) == []


def test_the_old_kind_of_iptables_gets_the_same_rules_and_loses_them_again(tmp_path: Path) -> None:
    before = f"{ALONE}; update-alternatives --set iptables /usr/sbin/iptables-legacy"
    with labs.begun(scenario(tmp_path, before)) as lab:
        labs.await_log(lab, IN_PLACE)
        assert_guarded(lab)
        rules = do(lab, "iptables -t security -S OUTPUT").splitlines()
        assert [rule.rpartition(" ")[2] for rule in rules[1:]] == ["ACCEPT", "ACCEPT", "DROP"]
        labs.terminate(lab)
        do(lab, "sed -i s/^OS.EnableFirewall=y/OS.EnableFirewall=n/ /etc/waagent.conf")
        lab.service.start()
        labs.await_log(lab, "are taken away")
        assert do(lab, "iptables-save | grep -c '^-A' || true").strip() == "0"


def test_without_iptables_restore_the_rules_come_one_by_one(tmp_path: Path) -> None:
    with labs.begun(scenario(tmp_path, f"{ALONE} /usr/sbin/iptables-restore")) as lab:
        labs.await_log(lab, IN_PLACE)
        assert_guarded(lab)
        assert "WAAGENT-PROBE" not in do(lab, "iptables -t security -S")


@pytest.mark.parametrize("before", ["true", ALONE], ids=["nft", "iptables"])
def test_rules_that_go_are_back_as_soon_as_the_kernel_tells(before: str, tmp_path: Path) -> None:
    with labs.begun(scenario(tmp_path, before, period=3000)) as lab:
        labs.await_log(lab, IN_PLACE)
        do(lab, f"nft delete {TABLE} || iptables -t security -D OUTPUT 1")
        labs.await_log(lab, f"{IN_PLACE} again")
        assert_guarded(lab)


def test_the_rules_follow_the_wire_server_at_once(tmp_path: Path) -> None:
    with labs.begun(scenario(tmp_path, period=3000)) as lab:
        labs.await_log(lab, IN_PLACE)
        labs.do(lab, "moved")
        do(lab, "ip route replace 168.63.129.17 via 10.77.0.1")
        labs.await_log(lab, "that keep 168.63.129.17 for root are in place", patience=90.0)
        assert "168.63.129.16" not in do(lab, f"nft list {TABLE}")


def test_the_verb_sets_the_rules_whatever_the_configuration_says_but_not_for_the_boot(tmp_path: Path) -> None:
    with labs.begun(scenario(tmp_path, enabled=False)) as lab:
        labs.await_ready(lab)
        assert labs.agent(lab, "-setup-firewall=168.63.129.16", "-if-enabled").output == ""
        assert TABLE not in do(lab, "nft list tables")
        done = labs.agent(lab, "-setup-firewall=168.63.129.16")
        assert done.ok and done.output.strip().endswith("are in place"), done.output + done.errors
        assert_guarded(lab)
        done = labs.agent(lab, "-setup-firewall=999.1.1.1")
        assert done.status == 1 and "nft ended with status 1" in done.errors


def test_deprovisioning_leaves_no_rule(tmp_path: Path) -> None:
    with labs.begun(scenario(tmp_path)) as lab:
        labs.await_log(lab, IN_PLACE)
        labs.terminate(lab)
        done = labs.agent(lab, "-deprovision", "-force")
        assert done.ok, done.output + done.errors
        assert do(lab, "nft list ruleset") == "" and lab.guest.read("/var/lib/waagent/guarded_address") is None


@pytest.mark.parametrize("before", ["true", ALONE], ids=["nft", "iptables"])
def test_purging_the_package_leaves_no_rule(before: str, tmp_path: Path) -> None:
    script = (labs.PROJECT / "packaging/deb/debian/postrm").read_text().replace("#DEBHELPER#", "")
    with labs.begun(scenario(tmp_path, before)) as lab:
        labs.await_log(lab, IN_PLACE)
        labs.terminate(lab)
        do(lab, f"rm /usr/sbin/waagent; cat >/run/postrm <<'END'\n{script}\nEND\nsh /run/postrm purge")
        assert do(lab, "iptables-save | grep '^-A' || true; ls -d /var/lib/waagent 2>/dev/null || true") == ""
        do(lab, f"{STRANGER} 80")


def test_a_machine_that_never_had_rules_is_asked_nothing(tmp_path: Path) -> None:
    spy = "cp /usr/bin/true /usr/sbin/spy; for tool in nft iptables; do printf '#!/bin/sh\\necho $0 >>/run/asked\\n' "
    before = f"{spy}>/usr/sbin/$tool-spy; chmod 755 /usr/sbin/$tool-spy; mv /usr/sbin/$tool-spy /usr/sbin/$tool; done"
    with labs.begun(scenario(tmp_path, before, enabled=False)) as lab:
        labs.await_entry(lab, lambda entry: entry.kind == "status", "the first status")
        labs.terminate(lab)
        assert lab.guest.read("/run/asked") is None


@pytest.mark.parametrize(
    "before",
    [
        pytest.param("true", id="nft", marks=pytest.mark.slow),
        pytest.param(ALONE, id="iptables", marks=pytest.mark.slow),
        pytest.param(f"{ALONE} /usr/sbin/iptables-restore", id="alone"),
    ],
)
def test_killed_after_any_of_its_effects_root_and_dns_get_through_and_the_next_start_completes(
    before: str, tmp_path: Path
) -> None:
    counted = assemble.with_packages(attempt.laid(tmp_path / "agent"), ("nftables",))
    killed = 0
    with attempt.lab(scenario(tmp_path, before), counted) as lab:
        do(lab, before)
        while not setup(lab, counted, f"MainThread:{killed + 1}"):
            do(lab, f"{CONNECT} 80 && {CONNECT} 32526 && {STRANGER} 53")
            assert setup(lab, counted, ""), labs.log(lab)
            assert not lab.guest.shell(f"{STRANGER} 80").ok
            killed += 1
            do(lab, f"nft delete {TABLE} 2>/dev/null || iptables -t security -F OUTPUT; rm -f /var/lib/waagent/guarded_address")
        assert_guarded(lab)
    assert killed > 5


def setup(lab: Lab, counted: Adapter, point: str) -> bool:
    """Sets the rules by the verb; False when it was killed at the point."""
    settings = [f"{name}={value}" for name, value in {**counted.environment, "KILL_AT": point}.items()]
    done = lab.guest.run(["env", *settings, *counted.command[:-1], "-setup-firewall=168.63.129.16"], timeout=60)
    assert done.ok or done.status == -9 or done.status == 137, done.output + done.errors
    return done.ok
