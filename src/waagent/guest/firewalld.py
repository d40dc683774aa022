"""firewalld: the three rules of iptables as its direct rules (extensions.md 8.4).

Its permanent rules are read from its file, since asking its program costs a third of a second; they are changed by the
program only, with the daemon or without it. As a tool of its own it is the last resort: it needs iptables itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from waagent.guest import iptables
from waagent.guest.rules import Seen, State, Wanted
from waagent.model.failure import CommandFailure
from waagent.system.action import Plan, Remove, Run
from waagent.system.port import System

DIRECT = "/etc/firewalld/direct.xml"
_FILES = (DIRECT, f"{DIRECT}.old")
_PROGRAM, _OFFLINE = "firewall-cmd", "firewall-offline-cmd"
_PASSTHROUGH = re.compile(r"<passthrough\s+ipv=[\"']ipv4[\"']\s*>([^<]*)</passthrough>")
_ELEMENT = re.compile(r"<(?!/|\?|!|direct\b)")
_PREFIX = f"-t {iptables.TABLE}"


@dataclass(frozen=True)
class Firewalld:
    """Rules that hold until firewalld ends; the permanent ones bring them back."""

    name: str = "firewalld"

    def listing(self) -> tuple[str, ...]:
        return (_PROGRAM, "--direct", "--get-passthroughs", "ipv4")

    def observe(self, system: System, wanted: Wanted) -> Seen:
        shown = system.commands.run((_PROGRAM, "--direct", "--get-passthroughs", "ipv4"), timeout=30.0).stdout
        return parse(tuple(shown.splitlines()), wanted)

    def probe(self, wanted: Wanted) -> Plan:
        return (Run((_PROGRAM, "--state"), timeout=30.0, why="see whether firewalld runs"),)

    def establish(self, wanted: Wanted, seen: Seen) -> Plan:
        added = tuple(_run((_PROGRAM, "--direct", "--add-passthrough"), rule, _KEEP) for rule in lines(wanted.address))
        return (*self.withdraw(seen), *added)

    def withdraw(self, seen: Seen) -> Plan:
        return tuple(_run((_PROGRAM, "--direct", "--remove-passthrough"), rule, _DROP) for rule in reversed(seen.found))


_KEEP, _DROP = "keep the wire server for root", "take our packet filter away"


def runs(system: System) -> bool:
    """Whether firewalld serves; one that is half up and does not answer counts as not running."""
    if system.commands.find(_PROGRAM) is None:
        return False
    try:
        system.commands.run((_PROGRAM, "--state"), timeout=30.0)
    except CommandFailure:
        return False
    return True


def permanent(system: System, wanted: Wanted) -> Seen:
    """Our rules among those that firewalld sets at each start."""
    content = (system.files.read_if_there(DIRECT, 4 * 1024 * 1024) or b"").decode("utf-8", "replace")
    return parse(tuple(_unescaped(text) for text in _PASSTHROUGH.findall(content)), wanted)


def keep(wanted: Wanted, seen: Seen) -> Plan:
    """The permanent rules; those that hold now are not touched."""
    if seen.state is State.COMPLETE:
        return ()
    prefix = (_PROGRAM, "--permanent", "--direct", "--passthrough")
    return (
        *forget(seen, running=True),
        *(_run(prefix, rule, "have firewalld set them at boot") for rule in lines(wanted.address)),
    )


def forget(seen: Seen, *, running: bool) -> Plan:
    program = (_PROGRAM, "--permanent") if running else (_OFFLINE,)
    return tuple(_run((*program, "--direct", "--remove-passthrough"), rule, _DROP) for rule in reversed(seen.found))


def sweep(system: System, wanted: Wanted) -> Plan:
    """Once our rules have gone: firewalld leaves an empty file and its predecessor. They go where nobody else wrote in them."""
    left = ((system.files.read_if_there(path) or b"").decode("utf-8", "replace") for path in _FILES)
    ours = _shapes(wanted)
    if any(_ELEMENT.search(_PASSTHROUGH.sub(lambda one: "" if _shape(one[1]) in ours else one[0], text)) for text in left):
        return ()
    return tuple(Remove(path, why="leave no trace of our packet filter") for path in _FILES)


def lines(address: str) -> tuple[str, ...]:
    return tuple(f"{_PREFIX} -A {iptables.CHAIN} {rule}" for rule in iptables.rules_for(address))


def parse(shown: tuple[str, ...], wanted: Wanted) -> Seen:
    """Our rules among the arguments of passthroughs, with ``-I`` or ``-A``."""
    shapes = _shapes(wanted)
    found = tuple(line.strip() for line in shown if _shape(line) in shapes)
    if not found:
        return Seen()
    whole = found == lines(wanted.address)
    return Seen(State.COMPLETE if whole else State.WRONG, found)


def _shapes(wanted: Wanted) -> tuple[str, ...]:
    return tuple(_shape(line) for address in wanted.addresses for line in lines(address))


def _shape(line: str) -> str:
    """A rule with neither the way it is put in nor the order of its spelling: an old version inserted one of them."""
    words = _unescaped(line).split()
    return " ".join(word for word in words if word not in ("-A", "-I", "-w"))


def _unescaped(text: str) -> str:
    import html  # half a megabyte of names of characters, which nearly no machine needs

    return html.unescape(text)


def _run(prefix: tuple[str, ...], rule: str, why: str) -> Run:
    return Run((*prefix, "ipv4", *rule.split()), timeout=30.0, why=why)
