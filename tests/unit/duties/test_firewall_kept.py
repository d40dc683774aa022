"""The packet filter that keeps the wire server for root: kept at boot, taken away, set by the verb, and killed anywhere."""

from __future__ import annotations

import pytest

from unit.duties.guarded_machines import DIRECT, FOREIGN, LIB, LINK, NOTE, RULES, SCRIPT, UNIT, Machine, guarded, without_nft
from unit.fakes import MemoryFiles
from unit.fakes.packet_filter import ADDRESS, ALL, PacketFilter
from waagent.duties import firewall
from waagent.model.failure import Failure

# -- kept at boot


def test_a_unit_sets_the_rules_at_boot() -> None:
    machine = Machine()
    machine.duty.keep()
    unit = machine.files.text(UNIT)
    assert f"ExecStart=python3 {SCRIPT}\n" in unit and f"ConditionPathExists={SCRIPT}\n" in unit
    facts = machine.files.facts(LINK)
    assert facts is not None and facts.target == UNIT
    script = machine.files.text(SCRIPT)
    compile(script, SCRIPT, "exec")
    assert f"['python3', '/usr/sbin/waagent', '-setup-firewall={ADDRESS}', '-if-enabled']" in script


def test_without_systemd_nothing_is_written_for_the_next_boot() -> None:
    machine = Machine(files=MemoryFiles(LIB))
    machine.duty.keep()
    assert guarded(machine) and machine.files.changes == [NOTE]


def test_a_read_only_place_of_units_is_passed_over() -> None:
    machine = Machine()
    machine.files.break_at(UNIT, "Read-only file system")
    machine.duty.keep()
    facts = machine.files.facts(LINK)
    assert facts is not None and facts.target == "/etc/systemd/system/walinuxagent-network-setup.service"


def test_where_no_unit_can_be_written_the_rules_hold_and_it_is_told_once() -> None:
    machine = Machine()
    machine.files.break_at(LINK, "Read-only file system")
    machine.duty.keep()
    machine.duty.keep()
    assert guarded(machine)
    assert ["will not be set at boot" in text for text in machine.texts] == [True, False]


def test_firewalld_has_the_rules_of_iptables_at_boot() -> None:
    machine = Machine(PacketFilter({"iptables", "iptables-restore", "firewall-cmd"}))
    machine.filter.firewalld = True
    machine.files.put(UNIT, "of an earlier start")
    machine.duty.keep()
    assert [rule.rpartition(" ")[2] for rule in machine.filter.permanent] == ["ACCEPT", "ACCEPT", "DROP"]
    assert machine.filter.permanent[0] == f"-t security -A OUTPUT -d {ADDRESS} -p tcp --destination-port 53 -j ACCEPT"
    assert not machine.files.exists(UNIT) and not machine.files.exists(LINK)


def test_firewalld_is_left_alone_beside_a_table_of_our_own() -> None:
    machine = Machine(PacketFilter({"nft", "firewall-cmd"}))
    machine.filter.firewalld = True
    machine.duty.keep()
    assert machine.filter.permanent == [] and machine.files.exists(UNIT)


# -- taking away


def test_turned_off_every_trace_goes() -> None:
    for machine in (Machine(), without_nft()):
        before = machine.files.tree()
        machine.filter.rules = [FOREIGN]
        machine.duty.keep()
        assert guarded(machine)
        firewall.withdraw(machine.steps)
        assert machine.filter.table is None and machine.filter.rules == [FOREIGN]
        assert machine.files.tree() == before


def test_a_link_of_somebody_elses_keeps_its_directory() -> None:
    machine = Machine()
    other = LINK.replace("walinuxagent-network-setup", "networkd-dispatcher")
    machine.files.put_link(other, "/lib/systemd/system/networkd-dispatcher.service")
    machine.duty.keep()
    firewall.withdraw(machine.steps)
    assert machine.files.facts(other) is not None and machine.files.facts(LINK) is None


def test_turned_off_on_a_machine_that_never_had_rules_nothing_is_asked() -> None:
    machine = Machine()
    firewall.withdraw(machine.steps)
    firewall.unlock(machine.steps)
    assert machine.filter.lines == [] and machine.files.changes == []


def test_what_the_reference_left_goes_too() -> None:
    machine = without_nft()
    machine.files.put(SCRIPT, "… --setup-firewall=192.0.2.16 …").put(UNIT, "[Unit]")
    machine.filter.rules = [FOREIGN, *(rule.replace(ADDRESS, "192.0.2.16") for rule in RULES)]
    firewall.withdraw(machine.steps)
    assert machine.filter.rules == [FOREIGN]
    assert not machine.files.exists(SCRIPT) and not machine.files.exists(UNIT)


@pytest.mark.parametrize("running", [True, False])
def test_permanent_rules_of_firewalld_go_whether_it_runs_or_not(running: bool) -> None:
    machine = Machine(PacketFilter({"iptables", "iptables-restore", "firewall-cmd", "firewall-offline-cmd"}))
    machine.filter.firewalld = running
    rules = [f"-t security -A OUTPUT -d {ADDRESS} -p tcp -m owner --uid-owner 0 -j ACCEPT"]
    machine.filter.permanent = list(rules)
    machine.files.put(
        DIRECT, f'<?xml version="1.0"?>\n<direct>\n  <passthrough ipv="ipv4">{rules[0]}</passthrough>\n</direct>\n'
    )
    firewall.withdraw(machine.steps)
    assert machine.filter.permanent == [] and not machine.files.exists(DIRECT)


def test_a_file_of_firewalld_with_other_rules_stays() -> None:
    machine = Machine(PacketFilter({"iptables", "iptables-restore", "firewall-cmd"}))
    machine.filter.firewalld = True
    ours = f"-t security -I OUTPUT -d {ADDRESS} -p tcp --destination-port 53 -j ACCEPT"
    machine.filter.permanent = [ours]
    other = '<rule ipv="ipv4" table="filter" chain="INPUT" priority="0">-p tcp --dport 25 -j DROP</rule>'
    machine.files.put(DIRECT, f'<direct>{other}<passthrough ipv="ipv4">{ours}</passthrough></direct>')
    firewall.withdraw(machine.steps)
    assert machine.filter.permanent == [] and machine.files.exists(DIRECT)


# -- the verb


def test_the_verb_sets_the_rules_before_there_is_a_network() -> None:
    machine = Machine()
    machine.filter.down = True
    assert firewall.setup(machine.steps, ADDRESS).endswith("are in place")
    assert machine.filter.table == ADDRESS
    assert firewall.setup(machine.steps, ADDRESS).endswith("are in place already")


def test_the_verb_fails_with_the_reason() -> None:
    machine = Machine(PacketFilter(()))
    with pytest.raises(Failure, match="neither nft nor iptables"):
        firewall.setup(machine.steps, ADDRESS)


# -- killed anywhere


class Killed(BaseException):
    """The end of the process."""


@pytest.mark.parametrize("installed", [ALL, ALL - {"nft"}, {"iptables"}], ids=["nftables", "iptables", "without restore"])
@pytest.mark.parametrize("wrong", [[], [RULES[0], RULES[2]], [RULES[2], RULES[1]]], ids=["new", "partial", "disordered"])
def test_killed_before_any_command_root_and_dns_get_through_and_the_next_start_completes(
    installed: frozenset[str], wrong: list[str]
) -> None:
    count = 0
    while True:
        machine = Machine(PacketFilter(installed))
        machine.filter.rules = list(wrong) if "nft" not in installed else []
        left = count

        def die(line: str, machine: Machine = machine) -> None:
            nonlocal left
            if not left:
                raise Killed
            left -= 1

        machine.filter.before = die
        try:
            machine.duty.keep()
            firewall.withdraw(machine.steps)
            break
        except Killed:
            machine.filter.before = lambda line: None
        untouched = count == 0 or machine.filter.rules == wrong
        assert untouched or (machine.filter.reaches("root", 80) and machine.filter.reaches("other", 53)), machine.filter.lines
        machine.started().keep()
        assert guarded(machine) and machine.filter.chains == {}
        assert machine.filter.table == ADDRESS or machine.filter.rules == RULES
        count += 1
    assert count > 6
