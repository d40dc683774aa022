"""The packet filter that keeps the wire server for root: set, tried, repaired and taken back."""

from __future__ import annotations

import pytest

from unit.duties.guarded_machines import FOREIGN, LINK, NOTE, RULES, SCRIPT, UNIT, Machine, guarded, without_nft
from unit.fakes.packet_filter import ADDRESS, ALL, PacketFilter
from waagent.duties import firewall
from waagent.model.failure import CommandFailure

# -- setting


def test_nftables_is_taken_where_it_is_there_and_the_rules_are_tried_before_and_after() -> None:
    machine = Machine()
    machine.duty.keep()
    assert machine.filter.table == ADDRESS and machine.filter.rules == []
    assert machine.filter.connections == 2 and guarded(machine)
    assert machine.texts == [f"the rules of nftables that keep {ADDRESS} for root are in place"]
    assert machine.told[0].operation == "Firewall" and machine.told[0].success


def test_iptables_is_taken_without_nft() -> None:
    machine = without_nft()
    machine.duty.keep()
    assert machine.filter.rules == RULES and machine.filter.chains == {} and guarded(machine)


def test_iptables_is_taken_where_the_kernel_takes_no_rules_of_nft() -> None:
    machine = Machine()
    machine.filter.refused.add("nft")
    machine.duty.keep()
    assert machine.filter.table is None and machine.filter.rules == RULES


@pytest.mark.parametrize("version", ["iptables v1.4.7", "iptables v1.4.21", "iptables v1.8.9 (legacy)"])
def test_old_versions_of_iptables_get_the_same_rules(version: str) -> None:
    machine = without_nft(version=version)
    machine.filter.installed.discard("iptables-restore")
    machine.duty.keep()
    assert machine.filter.rules == RULES
    waits = any("-w" in line.split() for line in machine.filter.lines)
    assert waits is (version != "iptables v1.4.7")


def test_without_any_tool_one_sentence_is_said_once_and_the_tool_is_used_as_soon_as_it_is_there() -> None:
    machine = Machine(PacketFilter(()))
    machine.duty.keep()
    machine.duty.keep()
    assert machine.texts == [
        "the wire server cannot be kept for root: this machine has neither nft nor iptables, and no firewalld that runs"
    ]
    assert not machine.told[0].success and machine.files.changes == []
    machine.filter.installed.add("nft")
    machine.duty.keep()
    assert guarded(machine)


def test_every_cause_is_told_where_no_tool_works() -> None:
    machine = Machine()
    machine.filter.refused |= {"nft", "iptables"}
    machine.duty.keep()
    assert "nft ended with status 1" in machine.texts[0] and "iptables-restore ended with status 1" in machine.texts[0]
    assert machine.filter.rules == [] and machine.filter.table is None


def test_nothing_is_set_while_nobody_reaches_the_wire_server() -> None:
    machine = Machine()
    machine.filter.down = True
    machine.duty.keep()
    assert machine.filter.table is None and "have to wait" in machine.texts[0]
    machine.filter.down = False
    machine.duty.keep()
    assert guarded(machine)


@pytest.mark.parametrize("address", ["wire.example", "168.63.129.16; flush ruleset", "fe80::1", ""])
def test_what_is_no_ipv4_address_never_reaches_a_tool(address: str) -> None:
    machine = Machine(address=address)
    machine.duty.keep()
    assert machine.filter.lines == [] and "is no IPv4 address" in machine.texts[0]


# -- watching


def test_what_is_in_order_costs_one_look() -> None:
    machine = Machine()
    machine.duty.keep()
    machine.duty.keep()
    machine.filter.lines.clear()
    machine.duty.keep()
    assert machine.filter.lines == ["nft --json list table ip walinuxagent"] and len(machine.told) == 1


def test_once_a_day_the_rules_are_written_into_the_log() -> None:
    machine = Machine()
    for _ in range(4):
        machine.duty.keep()
    shown = ("info", f"the rules of nftables: table ip walinuxagent {{ {ADDRESS} }}")
    assert machine.log.lines.count(shown) == 1
    machine.clock.advance(86400)
    machine.duty.keep()
    assert machine.log.lines.count(shown) == 2


def test_rules_that_went_are_back_with_the_next_look() -> None:
    machine = Machine()
    machine.duty.keep()
    machine.filter.table = None
    machine.duty.keep()
    assert guarded(machine) and machine.texts[-1].endswith("are in place again")


@pytest.mark.parametrize(
    "wrong",
    [RULES[:2], RULES[1:], [RULES[2], RULES[0], RULES[1]], [*RULES, RULES[2]], [RULES[2].replace("DROP", "ACCEPT"), *RULES]],
    ids=["no prohibition", "no DNS", "wrong order", "twice", "the reference's old rule"],
)
def test_partial_and_wrong_rules_are_replaced_and_foreign_ones_stay(wrong: list[str]) -> None:
    machine = without_nft()
    machine.filter.rules = [FOREIGN, *wrong]
    machine.duty.keep()
    assert machine.filter.rules == [FOREIGN, *RULES]


def test_rules_that_were_set_at_boot_are_tried_and_left_alone() -> None:
    machine = Machine()
    machine.filter.table = ADDRESS
    machine.duty.keep()
    assert "nft -f -" not in machine.filter.lines and machine.filter.connections == 1
    assert machine.texts[-1].endswith("are in place already")


def test_the_rules_follow_the_wire_server_to_another_address() -> None:
    machine = without_nft()
    machine.duty.keep()
    machine.address = "168.63.129.17"
    machine.duty.keep()
    assert machine.filter.rules == [rule.replace(".16/", ".17/") for rule in RULES]
    assert machine.files.text(NOTE) == "168.63.129.17\n" and "setup-firewall=168.63.129.17" in machine.files.text(SCRIPT)


def test_an_address_guarded_by_an_earlier_start_is_let_go() -> None:
    machine = without_nft()
    machine.files.put(NOTE, "192.0.2.16\n")
    machine.filter.rules = [rule.replace(ADDRESS, "192.0.2.16") for rule in RULES]
    machine.duty.keep()
    assert machine.filter.rules == RULES


def test_rules_in_another_tool_go_once_the_first_tool_has_them() -> None:
    machine = Machine()
    machine.filter.rules = [FOREIGN, *RULES]
    machine.duty.keep()
    assert machine.filter.table == ADDRESS and machine.filter.rules == [FOREIGN]


def test_three_messages_are_told_and_then_none_for_half_a_day() -> None:
    machine = Machine()
    for _ in range(6):
        machine.filter.table = None
        machine.duty.keep()
    assert len(machine.told) == 3 and guarded(machine)
    machine.clock.advance(12 * 3600)
    machine.filter.table = None
    machine.duty.keep()
    assert len(machine.told) == 4


# -- taking back


@pytest.mark.parametrize(
    ("cut", "why"),
    [
        ("root:80", "root cannot reach the wire server"),
        ("root:32526", "root cannot reach the host plugin"),
        ("other:53", "other users cannot reach DNS over TCP"),
    ],
)
@pytest.mark.parametrize("installed", [ALL, ALL - {"nft"}], ids=["nftables", "iptables"])
def test_rules_that_cut_too_much_are_taken_back_and_not_tried_again(cut: str, why: str, installed: frozenset[str]) -> None:
    machine = Machine(PacketFilter(installed))
    machine.filter.cut.add(cut)
    machine.duty.keep()
    assert machine.filter.table is None and machine.filter.rules == []
    assert machine.texts[-1].endswith(f"{why}; they are not tried again before the agent starts again")
    assert not any(machine.files.exists(path) for path in (UNIT, LINK, SCRIPT, NOTE))
    machine.filter.cut.clear()
    machine.filter.lines.clear()
    machine.duty.keep()
    assert machine.filter.lines == [] and len(machine.told) == 1
    machine.started().keep()
    assert guarded(machine)


def test_rules_that_keep_nobody_out_are_taken_back() -> None:
    machine = without_nft()
    machine.filter.rules = [f"-d {ADDRESS}/32 -j ACCEPT"]
    machine.duty.keep()
    assert machine.filter.rules == [f"-d {ADDRESS}/32 -j ACCEPT"]
    assert "other users still reach the wire server" in machine.texts[-1]


def test_rules_that_cannot_be_tried_do_not_stay() -> None:
    machine = Machine()

    def fail(line: str) -> None:
        if line.startswith("python3") and machine.filter.table:
            raise CommandFailure("python3 did not end within 13 s")

    machine.filter.before = fail
    machine.duty.keep()
    assert machine.filter.table is None and machine.texts == ["python3 did not end within 13 s"]


def test_a_tool_that_does_not_show_what_it_was_told_gives_way_to_the_next() -> None:
    machine = Machine()
    machine.filter.deaf.add("nft")
    machine.duty.keep()
    assert "they do not read as they were written" in machine.texts[0]
    assert machine.filter.rules == RULES and guarded(machine)


def test_rules_found_at_the_start_that_cut_root_off_are_set_anew() -> None:
    machine = Machine()
    machine.filter.table = ADDRESS
    machine.filter.cut.add("root:80")
    machine.filter.before = lambda line: machine.filter.cut.clear() if line == "nft -f -" else None
    machine.duty.keep()
    assert guarded(machine)


def test_before_the_wire_server_is_found_rules_that_silence_it_for_root_go() -> None:
    machine = Machine()
    machine.files.put(NOTE, f"{ADDRESS}\n")
    machine.filter.table = ADDRESS
    firewall.unlock(machine.steps)
    assert machine.filter.table == ADDRESS
    machine.filter.cut.add("root:80")
    firewall.unlock(machine.steps)
    assert machine.filter.table is None
