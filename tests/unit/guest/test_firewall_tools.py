"""What nftables, iptables and firewalld show of our rules, the unit's script, and what connections say."""

from __future__ import annotations

import json
import sys

import pytest

from unit.fakes import MemoryFiles, ScriptedCommands
from unit.fakes import system as fake_system
from unit.fakes.packet_filter import ADDRESS, shown_rule, shown_table
from waagent.guest import firewalld, iptables, network_setup, nftables, reach
from waagent.guest.reach import Reach
from waagent.guest.rules import State, Wanted
from waagent.system.real.commands import RealCommands

WANTED = Wanted(ADDRESS, ("192.0.2.16",))
SHOWN = [f"-A OUTPUT {shown_rule(rule)}" for rule in iptables.rules_for(ADDRESS)]
POLICY = "-P OUTPUT ACCEPT"


def without(text: str, what: object) -> str:
    document = json.loads(text)
    for row in document["nftables"]:
        if "rule" in row:
            row["rule"]["expr"] = [one for one in row["rule"]["expr"] if one != what]
    return json.dumps(document)


def test_a_table_of_nftables_with_the_one_rule_is_complete() -> None:
    assert nftables.parse(shown_table(ADDRESS), ADDRESS).state is State.COMPLETE


@pytest.mark.parametrize(
    "text",
    [
        shown_table("192.0.2.16"),
        shown_table(ADDRESS, hook="input"),
        shown_table(ADDRESS, policy="drop"),
        shown_table(ADDRESS, type=None, hook=None),
        without(shown_table(ADDRESS), {"drop": None}),
        shown_table(ADDRESS).replace('"right": 53', '"right": 54'),
        shown_table(ADDRESS).replace('"right": 0', '"right": 1000'),
        shown_table(ADDRESS).replace('"op": "!=", "left": {"meta"', '"op": "==", "left": {"meta"'),
        shown_table(ADDRESS)[:-2] + ', {"rule": {"chain": "output", "expr": []}}]}',
        '{"nftables": [{"table": {"name": "walinuxagent"}}]}',
        '{"nftables": 7}',
        "not JSON",
        "",
    ],
)
def test_any_other_table_of_nftables_is_wrong(text: str) -> None:
    assert nftables.parse(text, ADDRESS).state is State.WRONG


def test_counters_and_connection_states_are_not_looked_at() -> None:
    text = shown_table(ADDRESS).replace('"packets": 0', '"packets": 17').replace('["invalid", "new"]', '{"set": ["new"]}')
    assert nftables.parse(text, ADDRESS).state is State.COMPLETE


def test_the_three_rules_of_iptables_are_complete_wherever_foreign_ones_are() -> None:
    seen = iptables.parse("\n".join([POLICY, "-A OUTPUT -p udp -j ACCEPT", *SHOWN, "-A INPUT -j DROP"]), WANTED)
    assert seen.state is State.COMPLETE and not seen.alone and len(seen.found) == 3


@pytest.mark.parametrize("rule", ["-A OUTPUT -d 203.0.113.1/32 -p tcp -m owner --uid-owner 0 -j ACCEPT", "-A INPUT -j DROP"])
def test_rules_that_only_look_like_ours_are_nobodys_business(rule: str) -> None:
    assert iptables.parse(f"{POLICY}\n{rule}", WANTED).state is State.NONE


def test_rules_for_an_address_that_was_guarded_before_are_ours() -> None:
    seen = iptables.parse("\n".join([POLICY, *(line.replace(ADDRESS, "192.0.2.16") for line in SHOWN)]), WANTED)
    assert seen.state is State.WRONG and len(seen.found) == 3


def test_a_chain_with_another_policy_is_not_ours_to_delete() -> None:
    assert iptables.parse("\n".join([POLICY, *SHOWN]), WANTED).alone
    assert not iptables.parse("\n".join(["-P OUTPUT DROP", *SHOWN]), WANTED).alone


@pytest.mark.parametrize(
    ("told", "wait", "restore"),
    [
        ("iptables v1.4.7", (), ("iptables-restore", "--noflush")),
        ("iptables v1.4.21", ("-w",), ("iptables-restore", "--noflush")),
        ("iptables v1.6.2", ("-w",), ("iptables-restore", "-w", "--noflush")),
        ("iptables v1.8.9 (nf_tables)", ("-w",), ("iptables-restore", "-w", "--noflush")),
        ("something else", (), ("iptables-restore", "--noflush")),
    ],
)
def test_iptables_is_told_to_wait_for_others_where_it_knows_how(
    told: str, wait: tuple[str, ...], restore: tuple[str, ...]
) -> None:
    made = iptables.of("iptables", told, "iptables-restore")
    assert made.wait == wait and made.restore == restore


def test_permanent_rules_of_firewalld_are_read_from_its_file() -> None:
    text = "".join(f'  <passthrough ipv="ipv4">{line}</passthrough>\n' for line in firewalld.lines(ADDRESS))
    files = MemoryFiles({firewalld.DIRECT: f'<?xml version="1.0" encoding="utf-8"?>\n<direct>\n{text}</direct>\n'})
    assert firewalld.permanent(fake_system(files=files), WANTED).state is State.COMPLETE
    assert firewalld.permanent(fake_system(), WANTED).state is State.NONE


def test_an_inserted_rule_of_an_old_version_is_ours_and_wrong() -> None:
    line = firewalld.lines(ADDRESS)[0].replace("-A OUTPUT", "-I OUTPUT")
    assert firewalld.parse((line, "-t filter -A INPUT -j DROP"), WANTED) == firewalld.Seen(State.WRONG, (line,))


def test_a_firewalld_that_does_not_answer_counts_as_not_running() -> None:
    commands = ScriptedCommands(["firewall-cmd"]).on("firewall-cmd", "--state", timed_out=True)
    assert not firewalld.runs(fake_system(commands=commands))


def test_the_address_of_a_script_is_found_in_ours_and_in_the_references() -> None:
    script = network_setup.script_text(("/usr/bin/python3", "/usr/sbin/waagent", "-configuration-path:/x"), ADDRESS)
    assert network_setup.address_in(script) == ADDRESS
    assert network_setup.address_in('args = "--setup-firewall=192.0.2.16"') == "192.0.2.16"
    assert network_setup.address_in("") is None and network_setup.address_in(None) is None


FREE = {"root:80": "connected", "root:32526": "refused", "other:80": "connected", "other:53": "connected"}


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ({**FREE, "other:80": "silent"}, None),
        ({**FREE, "other:80": "refused"}, None),
        ({**FREE, "other:80": "silent", "root:80": "silent"}, "root cannot reach the wire server"),
        ({**FREE, "other:80": "silent", "root:32526": "unreachable"}, "root cannot reach the host plugin"),
        ({**FREE, "other:80": "silent", "other:53": "silent"}, "other users cannot reach DNS over TCP"),
        (FREE, "other users still reach the wire server"),
    ],
)
def test_only_what_got_an_answer_before_can_be_missed_after(after: dict[str, str], expected: str | None) -> None:
    assert reach.objection(Reach(FREE), Reach(after)) == expected
    assert reach.objection(Reach({}), Reach({**after, "other:80": "silent"})) is None


def test_the_program_that_tries_connections_says_what_became_of_each() -> None:
    # an address of this machine's own on which nobody listens: every port refuses at once
    found = reach.look(fake_system(commands=RealCommands()), sys.executable, "127.213.77.1", guarded=True)
    assert set(found.tries) == {"root:80", "root:32526", "other:80", "other:53"}
    assert found.tries["root:80"] == "refused" and found.tries["other:80"] in ("refused", "untried")
