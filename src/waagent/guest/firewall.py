"""The packet filter's tools on this machine: nftables, else iptables, else firewalld; and what there is of our rules.

``withdrawal`` finds everything that this agent, or the reference before it, has left in any of them. Whether there can be
anything is told by files: a machine without rules of ours is asked nothing, for asking loads modules into its kernel.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from waagent.config.paths import Paths
from waagent.guest import firewalld, iptables, network_setup
from waagent.guest.iptables import Iptables
from waagent.guest.nftables import Nftables
from waagent.guest.profile import Guest
from waagent.guest.rules import State, Tool, Wanted
from waagent.model.failure import CommandFailure, Failure
from waagent.system.action import Plan, Remove, WriteFile
from waagent.system.port import System

KNOWN_ADDRESS = "168.63.129.16"
_IPV4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}", re.ASCII)
_OLD_KIND = "iptables-legacy"


def candidates(system: System) -> Iterator[Tool]:
    """The tools installed here, best first; each is looked for only when those before it will not do."""
    if system.commands.find("nft") is not None:
        yield Nftables()
    found = iptables.find(system)
    if found is not None:
        yield found
    if firewalld.runs(system):
        yield firewalld.Firewalld()


def wanted(system: System, paths: Paths, address: str) -> Wanted:
    """The address, and those that rules of ours may still be for. Errors: ``Failure`` for what is no IPv4 address."""
    if not _IPV4.fullmatch(address):
        raise Failure(f"the address {address} cannot be kept for root: it is no IPv4 address")
    before = (remembered(system, paths), KNOWN_ADDRESS)
    return Wanted(address, tuple(dict.fromkeys(one for one in before if one is not None and one != address)))


def remember(paths: Paths, address: str) -> Plan:
    """Before the first rule: whoever takes rules away must know where to look."""
    return (WriteFile(paths.firewall, f"{address}\n".encode(), mode=0o600, why="remember which address is guarded"),)


def remembered(system: System, paths: Paths) -> str | None:
    """The address that was guarded last, from our own note or from a script that sets rules at boot."""
    note = _text(system, paths.firewall).strip()
    return note if _IPV4.fullmatch(note) else network_setup.address_in(_text(system, paths.network_setup))


def others(system: System, chosen: Tool, sought: Wanted) -> Plan:
    """Rules of ours in tools other than the one that has them now."""
    return tuple(
        action
        for tool in _with_rules(system)
        if tool.name != chosen.name
        for action in tool.withdraw(tool.observe(system, sought))
    )


def has_traces(system: System, guest: Guest, paths: Paths) -> bool:
    """Whether any file says that there may be rules of ours."""
    noted = (paths.firewall, *network_setup.traces(guest, paths.network_setup))
    if any(system.files.facts(path) is not None for path in noted) or _has_old_kind(system):
        return True
    return firewalld.permanent(system, wanted(system, paths, KNOWN_ADDRESS)).state is not State.NONE


def withdrawal(system: System, guest: Guest, paths: Paths) -> Plan:
    """What takes every trace away, as far as there is any; a tool that cannot be asked is passed over."""
    sought = wanted(system, paths, KNOWN_ADDRESS)
    actions = [*rules_withdrawal(system, sought)]
    kept = firewalld.permanent(system, sought)
    if kept.state is not State.NONE:
        actions += (*firewalld.forget(kept, running=firewalld.runs(system)), *firewalld.sweep(system, sought))
    files = (*forget_boot(system, guest, paths), *forget(paths))
    return (*actions, *(one for one in files if isinstance(one, Remove) and system.files.facts(one.path) is not None))


def forget_boot(system: System, guest: Guest, paths: Paths) -> Plan:
    """No unit and no script any more."""
    return network_setup.forget(guest, paths.network_setup, system.files.names(network_setup.WANTS))


def rules_withdrawal(system: System, sought: Wanted) -> Plan:
    """What takes away the rules that hold now."""
    actions: list[Plan] = []
    for tool in _with_rules(system):
        try:
            actions.append(tool.withdraw(tool.observe(system, sought)))
        except CommandFailure as failure:
            system.log.warning(f"{tool.name} cannot be asked for rules of ours: {failure.reason}")
    return tuple(action for plan in actions for action in plan)


def forget(paths: Paths) -> Plan:
    return (Remove(paths.firewall, why="nothing is guarded any more"),)


def _with_rules(system: System) -> Iterator[Tool]:
    """Every tool in which there may be rules of ours. The old kind of iptables makes a table when it is asked for one."""
    if system.commands.find("nft") is not None:
        yield Nftables()
    found = iptables.find(system)
    old = _has_old_kind(system)
    if found is not None and (found.nf_tables or old):
        yield found
    if found is not None and found.nf_tables and old:
        legacy: Iptables | None = iptables.find(system, _OLD_KIND)
        if legacy is not None:
            yield legacy


def _has_old_kind(system: System) -> bool:
    return iptables.TABLE in _text(system, iptables.LEGACY_TABLES).split()


def _text(system: System, path: str) -> str:
    return (system.files.read_if_there(path, 64 * 1024) or b"").decode("utf-8", "replace")
