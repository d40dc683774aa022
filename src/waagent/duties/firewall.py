"""The packet filter that keeps the wire server for root, watched (extensions.md 8).

Observe, plan, run, and then see for oneself: rules are tried by connections before they are trusted, and taken back where
they cut what they must not, DNS or root. They are then left alone until the agent starts again. Odd: setting them is a
conversation, since the next step depends on what the connections say; each of its steps leaves DNS and root where they were.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from waagent.config.paths import Paths
from waagent.guest import firewall, firewalld, network_setup, reach
from waagent.guest.nftables import Nftables
from waagent.guest.profile import Guest
from waagent.guest.rules import Seen, State, Tool, Wanted
from waagent.model.event import Operation
from waagent.model.failure import CommandFailure, Failure, SystemFailure
from waagent.system.action import MakeDirectory, Plan
from waagent.system.apply import apply
from waagent.system.port import System

OPERATION = "Firewall"
LOUD, SILENCE = 3, 12 * 3600.0
"""So many messages are told, then none for so many seconds."""
OSTREE = "/run/ostree-booted"


class Objection(Failure):
    """Rules were set and taken back, because of what the connections said."""


class Misread(Failure):
    """Rules were set and taken back, because the tool does not show them as they were written."""


@dataclass(frozen=True)
class Firewall:
    """The steps. ``command`` starts this agent: interpreter, program, and arguments that every verb takes."""

    system: System
    guest: Guest
    paths: Paths
    command: tuple[str, ...]

    def tool_for(self, sought: Wanted, unusable: frozenset[str] = frozenset()) -> tuple[Tool, Seen]:
        """The first tool that works here, with what it shows of our rules. Errors: ``Failure`` with every cause."""
        causes: list[Failure] = []
        for tool in firewall.candidates(self.system):
            if tool.name in unusable:
                continue
            try:
                seen = tool.observe(self.system, sought)
                if seen.state is not State.COMPLETE:
                    apply(self.system, tool.probe(sought))
                return tool, seen
            except CommandFailure as failure:
                causes.append(failure)
        if causes:
            raise Failure("no tool of this machine can set the rules that keep the wire server for root", causes=causes)
        raise Failure(
            "the wire server cannot be kept for root: this machine has neither nft nor iptables, and no firewalld that runs"
        )

    def establish(self, tool: Tool, seen: Seen, sought: Wanted, *, unchecked: bool = False) -> None:
        """From what is seen to exactly our rules, tried. Errors: ``Objection``, ``Misread``, ``Failure``.

        ``unchecked``: set them also while the wire server is out of reach, as it is before there is a network.
        """
        system = self.system
        apply(system, tool.withdraw(seen))
        apply(system, firewall.remember(self.paths, sought.address))
        before = self._look(sought, guarded=False)
        if not before.wire_server and not unchecked:
            raise Failure("the rules that keep the wire server for root have to wait: nobody reaches it now")
        apply(system, tool.establish(sought, Seen()))
        taken_back = f"the rules of {tool.name} that keep the wire server for root were taken back"
        if tool.observe(system, sought).state is not State.COMPLETE:
            self.take_back(tool, sought)
            raise Misread(f"{taken_back}: they do not read as they were written")
        if not before.wire_server:
            return
        try:
            objection = reach.objection(before, self._look(sought, guarded=True))
        except Failure:
            self.take_back(tool, sought)
            raise
        if objection is not None:
            self.take_back(tool, sought)
            raise Objection(f"{taken_back}: {objection}")

    def holds(self, sought: Wanted) -> bool:
        """Whether rules that were found in place let through what they must."""
        seen = self._look(sought, guarded=True)
        return seen.wire_server and seen.dns

    def cut_off(self, sought: Wanted) -> bool:
        """Whether root gets no answer at all: no network is no reason to suspect a rule."""
        return self._look(sought, guarded=True).tries.get(f"root:{reach.WIRE_SERVER}") == reach.SILENT

    def take_back(self, tool: Tool, sought: Wanted) -> None:
        """The rules go, and nothing brings them back at the next boot."""
        apply(self.system, tool.withdraw(tool.observe(self.system, sought)))
        self.forget_boot(sought)
        apply(self.system, firewall.forget(self.paths))

    def keep_at_boot(self, tool: Tool, sought: Wanted) -> None:
        """By firewalld where that has a say over the tool, else by a unit; without systemd by the agent alone."""
        if not isinstance(tool, Nftables) and firewalld.runs(self.system):
            apply(self.system, firewalld.keep(sought, firewalld.permanent(self.system, sought)))
            apply(self.system, firewall.forget_boot(self.system, self.guest, self.paths))
            return
        self._forget_permanent(sought)
        if self.system.files.exists(network_setup.SYSTEMD):
            self._write_unit(sought)

    def forget_boot(self, sought: Wanted) -> None:
        self._forget_permanent(sought)
        apply(self.system, firewall.forget_boot(self.system, self.guest, self.paths))

    def _forget_permanent(self, sought: Wanted) -> None:
        kept = firewalld.permanent(self.system, sought)
        if kept.state is not State.NONE:
            apply(self.system, firewalld.forget(kept, running=firewalld.runs(self.system)))
            apply(self.system, firewalld.sweep(self.system, sought))

    def _write_unit(self, sought: Wanted) -> None:
        places = network_setup.places(self.guest, ostree=self.system.files.exists(OSTREE))
        for place in places:
            plan = network_setup.keep(self.guest, self.paths.network_setup, self.command, sought, place=place)
            try:
                apply(self.system, plan)
                return
            except SystemFailure:
                if place == places[-1]:
                    apply(self.system, firewall.forget_boot(self.system, self.guest, self.paths))
                    raise

    def _look(self, sought: Wanted, *, guarded: bool) -> reach.Reach:
        return reach.look(self.system, self.command[0], sought.address, guarded=guarded)


class Duty:
    """Keeps the rules as they should be, for as long as this agent lives."""

    def __init__(
        self, steps: Firewall, address: Callable[[], str], tell: Callable[[Operation], object], log_period: float = 86400.0
    ) -> None:
        self._steps = steps
        self._log_period = log_period
        self._logged_at: float | None = None
        self._system = steps.system
        self._address = address
        self._voice = Voice(steps.system, tell)
        self._tool: Tool | None = None
        self._unusable: set[str] = set()
        self._settled: str | None = None
        """The address whose rules were tried, and are kept at boot, by this process."""
        self._given_up = False

    def keep(self) -> None:
        """Look once and repair. What goes wrong is told and tried again the next time, except for an objection."""
        if self._given_up:
            return
        try:
            self._keep(firewall.wanted(self._system, self._steps.paths, self._address()))
        except Objection as objection:
            self._given_up = True
            self._voice.say(f"{objection.reason}; they are not tried again before the agent starts again", success=False)
        except Failure as failure:
            self._voice.say(str(failure), success=False)

    def _keep(self, sought: Wanted) -> None:
        steps = self._steps
        tool, seen = self._observed(sought)
        if seen.state is State.COMPLETE and self._settled == sought.address:
            self._log_rules(tool)
            return
        found = seen.state is State.COMPLETE and steps.holds(sought)
        if not found:
            tool = self._set(tool, seen, sought)
        self._tool = tool
        apply(self._system, firewall.others(self._system, tool, sought))
        apply(self._system, firewall.remember(steps.paths, sought.address))
        self._keep_at_boot(tool, sought)
        what = "are in place already" if found else "are in place again" if self._settled == sought.address else "are in place"
        self._settled = sought.address
        self._voice.say(f"the rules of {tool.name} that keep {sought.address} for root {what}", success=True)

    def _log_rules(self, tool: Tool) -> None:
        """What they are, and with nftables how often they have met somebody: once in a long while."""
        now = self._system.clock.monotonic()
        if self._logged_at is None or now >= self._logged_at + self._log_period:
            self._logged_at = now
            shown = self._system.commands.run(tool.listing(), timeout=30.0).stdout
            self._system.log.info(f"the rules of {tool.name}: {' '.join(shown.split())}")

    def _keep_at_boot(self, tool: Tool, sought: Wanted) -> None:
        """What cannot be kept for the next boot holds until then."""
        try:
            self._steps.keep_at_boot(tool, sought)
        except Failure as failure:
            self._voice.say(f"the rules that keep the wire server for root will not be set at boot: {failure}", success=False)

    def _observed(self, sought: Wanted) -> tuple[Tool, Seen]:
        if self._tool is not None:
            try:
                return self._tool, self._tool.observe(self._system, sought)
            except CommandFailure:
                self._tool = None  # it was there once: another may have taken its place
        return self._steps.tool_for(sought, frozenset(self._unusable))

    def _set(self, tool: Tool, seen: Seen, sought: Wanted) -> Tool:
        """With this tool, else with the first other one that shows what it was told."""
        while True:
            try:
                self._steps.establish(tool, seen, sought)
                return tool
            except Misread as misread:
                self._unusable.add(tool.name)
                self._voice.say(misread.reason, success=False)
            tool, seen = self._steps.tool_for(sought, frozenset(self._unusable))


class Voice:
    """Tells the log and the fabric: the first messages, then none for half a day; and nothing wrong twice in a row."""

    def __init__(self, system: System, tell: Callable[[Operation], object]) -> None:
        self._system = system
        self._tell = tell
        self._said = 0
        self._silent_until = 0.0
        self._complaint = ""

    def say(self, text: str, *, success: bool) -> None:
        now = self._system.clock.monotonic()
        if self._said >= LOUD and now >= self._silent_until:
            self._said, self._complaint = 0, ""
        if self._said >= LOUD or text == self._complaint:
            return
        self._complaint = "" if success else text
        self._said += 1
        self._silent_until = now + SILENCE
        (self._system.log.info if success else self._system.log.warning)(text)
        self._tell(Operation(OPERATION, success, text, self._system.clock.now()))


def unlock(steps: Firewall) -> None:
    """Before the wire server is found: rules that were set at boot go where root cannot reach it because of them, or may not.

    Odd: they were tried when they were new, but the kernel under them may be another. Finding the wire server sets them again.
    """
    system, paths = steps.system, steps.paths
    if not firewall.has_traces(system, steps.guest, paths):
        return
    sought = firewall.wanted(system, paths, firewall.remembered(system, paths) or firewall.KNOWN_ADDRESS)
    if not steps.cut_off(sought):
        return
    plan = firewall.rules_withdrawal(system, sought)
    if plan:
        system.log.warning(f"root gets no answer from {sought.address}: the rules that keep it for root go until it is found")
        apply(system, plan)


def withdraw(steps: Firewall) -> None:
    """``OS.EnableFirewall=n``: every trace goes, of this agent's and of the reference's."""
    system, paths = steps.system, steps.paths
    if not firewall.has_traces(system, steps.guest, paths):
        return
    sought = firewall.wanted(system, paths, firewall.KNOWN_ADDRESS)
    if firewalld.permanent(system, sought).state is not State.NONE and firewalld.runs(system):
        set_by_it = firewalld.Firewalld()
        _each(system, set_by_it.withdraw(set_by_it.observe(system, sought)))  # else it would go on counting on them
    plan = firewall.withdrawal(system, steps.guest, paths)
    if plan and _each(system, plan):
        system.log.info("OS.EnableFirewall=n: the rules that kept the wire server for root are taken away")


def _each(system: System, plan: Plan) -> bool:
    """Every action, whatever the others did; True when none failed. ``apply`` has told of each failure."""
    well = True
    for action in plan:
        try:
            apply(system, (action,))
        except Failure:
            well = False
    return well


def setup(steps: Firewall, address: str) -> str:
    """``-setup-firewall``: set the rules once; what to say of it. Errors: ``Failure``."""
    sought = firewall.wanted(steps.system, steps.paths, address)
    tool, seen = steps.tool_for(sought)
    if seen.state is State.COMPLETE:
        return f"the rules of {tool.name} that keep {address} for root are in place already"
    apply(steps.system, (MakeDirectory(steps.paths.lib, mode=0o700, why="have a place for a note"),))
    steps.establish(tool, seen, sought, unchecked=True)
    return f"the rules of {tool.name} that keep {address} for root are in place"
