"""nftables: one table of our own, so that nothing of anybody else's is read or written (extensions.md 8.2).

Every change is one transaction of the kernel: a table is added (which does nothing when it is there), deleted and made anew
at once, so that there is no moment with half of it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from waagent.guest.rules import DNS, UID, Seen, State, Wanted
from waagent.system.action import Plan, Run
from waagent.system.port import System

TABLE = "walinuxagent"
CHAIN = "output"
_PROGRAM = "nft"
_FRESH = f"table ip {TABLE}\ndelete table ip {TABLE}\n"


@dataclass(frozen=True)
class Nftables:
    """The firewall as one table of nftables."""

    name: str = "nftables"

    def listing(self) -> tuple[str, ...]:
        return (_PROGRAM, "list", "table", "ip", TABLE)

    def observe(self, system: System, wanted: Wanted) -> Seen:
        """Status 1 is a missing table as well as a kernel without nftables: the probe tells which."""
        shown = system.commands.run((_PROGRAM, "--json", "list", "table", "ip", TABLE), timeout=20.0, ok=(0, 1))
        return Seen() if shown.exit_code else parse(shown.stdout, wanted.address)

    def probe(self, wanted: Wanted) -> Plan:
        """The kernel is given the whole transaction and told not to carry it out."""
        check = (_PROGRAM, "-c", "-f", "-")
        return (
            Run(check, stdin=ruleset(wanted.address).encode(), timeout=20.0, why="see whether the kernel takes such rules"),
        )

    def establish(self, wanted: Wanted, seen: Seen) -> Plan:
        return (self._apply(ruleset(wanted.address), "keep the wire server for root"),)

    def withdraw(self, seen: Seen) -> Plan:
        return () if seen.state is State.NONE else (self._apply(_FRESH, "take our packet filter away"),)

    def _apply(self, text: str, why: str) -> Run:
        return Run((_PROGRAM, "-f", "-"), stdin=text.encode(), timeout=20.0, why=why)


def ruleset(address: str) -> str:
    """The transaction that leaves exactly our table."""
    rule = f"ip daddr {address} tcp dport != {DNS} skuid != {UID} ct state invalid,new counter drop"
    return (
        f"{_FRESH}table ip {TABLE} {{\n"
        f"\tchain {CHAIN} {{\n\t\ttype filter hook output priority 0; policy accept;\n\t\t{rule}\n\t}}\n}}\n"
    )


def parse(text: str, address: str) -> Seen:
    """What ``nft --json list table`` says of our table. A table that cannot be understood is a wrong one."""
    try:
        rows = json.loads(text)["nftables"]
        chains = [row["chain"] for row in rows if "chain" in row]
        rules = [row["rule"] for row in rows if "rule" in row]
        whole = len(rules) == 1 and _hooked(chains, rules[0]) and _guards(rules[0]["expr"], address)
    except (ValueError, KeyError, TypeError, AttributeError):
        whole = False
    return Seen(State.COMPLETE if whole else State.WRONG)


def _hooked(chains: list[dict[str, Any]], rule: dict[str, Any]) -> bool:
    chain = next((one for one in chains if one["name"] == rule["chain"]), {})
    return chain.get("hook") == "output" and chain.get("type") == "filter" and chain.get("policy") == "accept"


def _guards(expressions: list[Any], address: str) -> bool:
    """Connection states and counter are not looked at: versions write them differently."""
    matches = [one["match"] for one in expressions if isinstance(one, dict) and "match" in one]
    tests = [(match["op"], match["left"], match["right"]) for match in matches]
    return (
        ("==", {"payload": {"protocol": "ip", "field": "daddr"}}, address) in tests
        and ("!=", {"payload": {"protocol": "tcp", "field": "dport"}}, DNS) in tests
        and ("!=", {"meta": {"key": "skuid"}}, UID) in tests
        and {"drop": None} in expressions
    )
