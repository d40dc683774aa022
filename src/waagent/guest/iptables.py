"""iptables: three rules of the table ``security``, chain OUTPUT, in this order (extensions.md 8.1).

With ``iptables-restore`` old rules go and new ones come in one change; without it they come one by one, the permissions
first, and go with the prohibition first. Odd: rules are told to be ours by what they say, since they carry no mark; so only
addresses are looked at that the agent guards, or has guarded.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from waagent.guest.rules import DNS, UID, Seen, State, Wanted
from waagent.model.failure import CommandFailure
from waagent.system.action import Plan, Run
from waagent.system.port import System

TABLE, CHAIN, SCRATCH = "security", "OUTPUT", "WAAGENT-PROBE"
LEGACY_TABLES = "/proc/net/ip_tables_names"
"""Which tables the old kind of the kernel's iptables has; asking the program would make them."""
_WAITS, _RESTORE_WAITS = (1, 4, 21), (1, 6, 2)
_DROP = ("-j", "DROP")


@dataclass(frozen=True)
class Iptables:
    """``wait``: arguments that have it wait for others. ``restore`` empty: there is no such program."""

    program: str = "iptables"
    wait: tuple[str, ...] = ("-w",)
    restore: tuple[str, ...] = ("iptables-restore", "-w", "--noflush")
    nf_tables: bool = True
    """It keeps its rules in nftables, where a chain that it made can be deleted."""

    @property
    def name(self) -> str:
        return self.program

    def listing(self) -> tuple[str, ...]:
        return self._command("-S", CHAIN)

    def observe(self, system: System, wanted: Wanted) -> Seen:
        return parse(system.commands.run(self._command("-S"), timeout=20.0).stdout, wanted)

    def probe(self, wanted: Wanted) -> Plan:
        """The rules in a chain that no packet passes; what a killed probe left is flushed by the next."""
        why = "see whether the kernel takes such rules"
        rules = [f"-A {SCRATCH} {rule}" for rule in rules_for(wanted.address)]
        clear = [f"-F {SCRATCH}", f"-X {SCRATCH}"]
        if self.restore:
            return (self._restore([f":{SCRATCH} - [0:0]", *rules], why), self._restore(clear, why))
        made = Run(self._command("-N", SCRATCH), ok=(0, 1), timeout=20.0, why=why)
        return (made, *(Run(self._command(*line.split()), timeout=20.0, why=why) for line in (clear[0], *rules, *clear)))

    def establish(self, wanted: Wanted, seen: Seen) -> Plan:
        why = "keep the wire server for root"
        return self._change(seen.found, [f"-A {CHAIN} {rule}" for rule in rules_for(wanted.address)], why)

    def withdraw(self, seen: Seen) -> Plan:
        why = "take our packet filter away"
        plan = self._change(seen.found, [], why) if seen.found else ()
        if plan and seen.alone and self.nf_tables:
            # as it was before the first rule made it; one that somebody has filled meanwhile refuses
            return (*plan, Run(self._command("-X", CHAIN), ok=(0, 1), timeout=20.0, optional=True, why=why))
        return plan

    def _change(self, old: tuple[str, ...], new: list[str], why: str) -> Plan:
        gone = [f"-D {CHAIN} {rule}" for rule in sorted(old, key=_prohibitions_first)]
        if self.restore:
            return (self._restore([*gone, *new], why),)
        return tuple(Run(self._command(*shlex.split(line)), timeout=20.0, why=why) for line in (*gone, *new))

    def _command(self, *words: str) -> tuple[str, ...]:
        return (self.program, *self.wait, "-t", TABLE, *words)

    def _restore(self, lines: list[str], why: str) -> Run:
        text = "\n".join((f"*{TABLE}", *lines, "COMMIT", ""))
        return Run(self.restore, stdin=text.encode(), timeout=20.0, why=why)


def rules_for(address: str) -> tuple[str, str, str]:
    """Everything but table and chain, in order: DNS for everybody, all for root, nothing new for the others."""
    return (
        f"-d {address} -p tcp --destination-port {DNS} -j ACCEPT",
        f"-d {address} -p tcp -m owner --uid-owner {UID} -j ACCEPT",
        f"-d {address} -p tcp -m conntrack --ctstate INVALID,NEW -j DROP",
    )


def parse(text: str, wanted: Wanted) -> Seen:
    """What ``iptables -S`` says of the table."""
    shown = text.splitlines()
    lines = [line.removeprefix(f"-A {CHAIN} ") for line in shown if line.startswith(f"-A {CHAIN} ")]
    ours = {rule for address in wanted.addresses for rule in (*_as_shown(address), _old(address))}
    found = tuple(line for line in lines if _normal(line) in ours)
    alone = len(found) == len(lines) and f"-P {CHAIN} ACCEPT" in shown
    if not found:
        return Seen(alone=alone)
    whole = tuple(_normal(line) for line in found) == _as_shown(wanted.address)
    return Seen(State.COMPLETE if whole else State.WRONG, found, alone)


def _as_shown(address: str) -> tuple[str, str, str]:
    dns, root, others = rules_for(f"{address}/32")
    return dns.replace("--destination-port", "-m tcp --dport"), root, others


def _old(address: str) -> str:
    """An early version of the reference let new connections pass in place of dropping them."""
    return f"{_as_shown(address)[2].removesuffix('DROP')}ACCEPT"


def _normal(line: str) -> str:
    return " ".join(line.split())


def _prohibitions_first(rule: str) -> bool:
    return tuple(rule.split()[-2:]) != _DROP


def find(system: System, program: str = "iptables") -> Iptables | None:
    """The program as it is installed here, or None."""
    if system.commands.find(program) is None:
        return None
    try:
        told = system.commands.run((program, "--version"), timeout=20.0).stdout
    except CommandFailure:
        return None
    restore = f"{program}-restore"
    return of(program, told, restore if system.commands.find(restore) else "")


def of(program: str, told: str, restore: str) -> Iptables:
    """``told`` is its answer to ``--version``, such as ``iptables v1.8.9 (nf_tables)``."""
    match = re.search(r"v(\d+(?:\.\d+)*)", told)
    version = tuple(int(part) for part in match[1].split(".")) if match else ()
    nf_tables = "nf_tables" in told
    patient = ("-w",) if nf_tables or version >= _RESTORE_WAITS else ()
    return Iptables(
        program,
        ("-w",) if nf_tables or version >= _WAITS else (),
        (restore, *patient, "--noflush") if restore else (),
        nf_tables,
    )
