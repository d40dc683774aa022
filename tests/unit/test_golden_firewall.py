"""What each tool is told to keep the wire server for root, and who sets the rules at boot on each family, as JSON to review.

Each file names the rows of the contract that it pins: extensions.md 8.1 (iptables), 8.2 (nftables), 8.4 (boot).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from unit.fakes.packet_filter import shown_rule, shown_table
from unit.test_golden_plans import Sample, shown
from waagent.guest import firewalld, iptables, network_setup, nftables
from waagent.guest.rules import Seen, Tool, Wanted
from waagent.system.action import Plan

ADDRESS, BEFORE = "168.63.129.16", "168.63.129.17"
WANTED = Wanted(ADDRESS, (BEFORE,))
COMMAND = ("/usr/bin/python3", "/usr/sbin/waagent")
IPTABLES = {
    "iptables-nft": ("iptables v1.8.9 (nf_tables)", "iptables-restore"),
    "iptables-legacy": ("iptables v1.8.7 (legacy)", "iptables-restore"),
    "iptables-old": ("iptables v1.4.21", "iptables-restore"),
    "iptables-oldest": ("iptables v1.4.7", "iptables-restore"),
    "iptables-alone": ("iptables v1.8.9 (nf_tables)", ""),
}
TOOLS: dict[str, Tool] = {
    "nftables": nftables.Nftables(),
    **{name: iptables.of("iptables", *told) for name, told in IPTABLES.items()},
    "firewalld": firewalld.Firewalld(),
}
WITH_UNITS = ("debian", "ubuntu16", "ubuntu18", "rhel7", "rhel8.6", "suse", "flatcar", "azurelinux", "default")


def states(name: str) -> dict[str, Seen]:
    """None of our rules, some and those of another address, and all of them."""
    if name == "nftables":
        return {
            "nothing": Seen(),
            "wrong": nftables.parse(shown_table(BEFORE), ADDRESS),
            "complete": nftables.parse(shown_table(ADDRESS), ADDRESS),
        }
    if name == "firewalld":
        lines = firewalld.lines(ADDRESS)
        return {
            "nothing": Seen(),
            "wrong": firewalld.parse((lines[0].replace("-A", "-I"), firewalld.lines(BEFORE)[2]), WANTED),
            "complete": firewalld.parse(lines, WANTED),
        }
    rules = [f"-A OUTPUT {shown_rule(rule)}" for rule in iptables.rules_for(ADDRESS)]
    stale = f"-A OUTPUT {shown_rule(iptables.rules_for(BEFORE)[2])}"
    foreign = "-A OUTPUT -d 198.51.100.9/32 -p tcp -j DROP"
    policy = "-P OUTPUT ACCEPT"
    return {
        "nothing": iptables.parse("\n".join((policy, foreign)), WANTED),
        "wrong": iptables.parse("\n".join((policy, foreign, rules[1], stale)), WANTED),
        "complete": iptables.parse("\n".join((policy, *rules)), WANTED),
    }


def plan(actions: Plan) -> Any:
    return json.loads(json.dumps([shown(action) for action in actions]))


@pytest.mark.parametrize("name", TOOLS)
def test_what_a_tool_is_told_is_the_reviewed_thing(name: str, golden: Callable[[str, Any], None]) -> None:
    tool, seen = TOOLS[name], states(name)
    value = {
        "pins": "extensions.md 8.2" if name == "nftables" else "extensions.md 8.1",
        "probe": plan(tool.probe(WANTED)),
        "set": plan(tool.establish(WANTED, seen["nothing"])),
        "repair": plan(tool.establish(WANTED, seen["wrong"])),
        "withdraw": plan(tool.withdraw(seen["complete"])),
    }
    assert tool.withdraw(seen["nothing"]) == ()
    golden(f"firewall/{name}", value)


def test_firewalld_keeps_the_rules_for_the_next_boot(golden: Callable[[str, Any], None]) -> None:
    seen = states("firewalld")
    value = {
        "pins": "extensions.md 8.4, firewalld",
        "keep": plan(firewalld.keep(WANTED, seen["nothing"])),
        "repair": plan(firewalld.keep(WANTED, seen["wrong"])),
        "forget": plan(firewalld.forget(seen["complete"], running=True)),
        "forget, not running": plan(firewalld.forget(seen["complete"], running=False)),
    }
    assert firewalld.keep(WANTED, seen["complete"]) == ()
    golden("firewall/firewalld-at-boot", value)


@pytest.mark.parametrize("ostree", [False, True], ids=["", "ostree"])
@pytest.mark.parametrize("name", WITH_UNITS)
def test_the_unit_that_sets_the_rules_at_boot_is_the_reviewed_one(
    name: str, ostree: bool, golden: Callable[[str, Any], None]
) -> None:
    if ostree and name != "rhel8.6":
        return
    sample = Sample(name, "password")
    place = network_setup.places(sample.guest, ostree=ostree)[0]
    script = sample.paths.network_setup
    value = {
        "pins": "extensions.md 8.4, guest.md 10.2",
        "keep": plan(network_setup.keep(sample.guest, script, COMMAND, WANTED, place=place)),
        "forget": plan(network_setup.forget(sample.guest, script)),
    }
    golden(f"firewall/unit-{name}{'-ostree' if ostree else ''}", value)
