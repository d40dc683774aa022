"""What the tools of the packet filter have in common: how much of our rules they show, and what they are asked for.

The rules keep the wire server for root (extensions.md 8): new TCP connections to its address are root's alone, but TCP 53,
its DNS, is everybody's; UDP and connections that are open already are left alone.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

from waagent.system.action import Plan
from waagent.system.port import System

UID = 0
"""The agent's own."""
DNS = 53


class State(enum.Enum):
    NONE = "none"
    WRONG = "wrong"
    """Some of them, too many, or those of another address."""
    COMPLETE = "complete"


@dataclass(frozen=True)
class Seen:
    """Our rules as a tool shows them. ``found``: each as the tool writes it; ``alone``: nobody else has any beside them."""

    state: State = State.NONE
    found: tuple[str, ...] = ()
    alone: bool = False


@dataclass(frozen=True)
class Wanted:
    """The address to guard, and those that were guarded before: rules for them are ours too."""

    address: str
    before: tuple[str, ...] = ()

    @property
    def addresses(self) -> tuple[str, ...]:
        return (self.address, *(one for one in self.before if one != self.address))


class Tool(Protocol):
    """One way to set the rules. Plans may be applied again; one that is cut off never locks root or DNS out."""

    @property
    def name(self) -> str: ...

    def listing(self) -> tuple[str, ...]:
        """The command that shows the rules, for people."""
        ...

    def observe(self, system: System, wanted: Wanted) -> Seen:
        """Errors: ``CommandFailure`` when the tool does not work."""
        ...

    def probe(self, wanted: Wanted) -> Plan:
        """Fails where this machine's kernel does not take such rules; changes nothing that a packet meets."""
        ...

    def establish(self, wanted: Wanted, seen: Seen) -> Plan:
        """From what is seen to exactly our rules."""
        ...

    def withdraw(self, seen: Seen) -> Plan:
        """From what is seen to none of ours."""
        ...
