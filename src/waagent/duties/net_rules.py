"""The udev rules that tie the name of a network card to its address are moved away (guest.md 5.5).

A machine that is made from a copy has another address: with such a rule its first card would be eth1. What is moved away is
kept beside the agent's state, the last copy of each. Odd: a link in the place of a rule is somebody's way to switch it off.
"""

from __future__ import annotations

from waagent.config.paths import Paths
from waagent.system.action import Action, MakeDirectory, Plan, Remove, WriteFile
from waagent.system.apply import apply
from waagent.system.port import Kind, System

RULES = ("/lib/udev/rules.d/75-persistent-net-generator.rules", "/etc/udev/rules.d/70-persistent-net.rules")
DIRECTORIES = tuple(path.rpartition("/")[0] for path in RULES)


def run(system: System, paths: Paths) -> None:
    """Look once."""
    found = observe(system)
    if found:
        system.log.info(f"moving away what ties network names to addresses: {', '.join(path for path, _, _ in found)}")
        apply(system, plan(paths, found))


def observe(system: System) -> tuple[tuple[str, int, bytes], ...]:
    """Path, mode and content of the rules there are."""
    found = []
    for path in RULES:
        facts = system.files.facts(path)
        if facts is not None and facts.kind is Kind.FILE:
            found.append((path, facts.mode, system.files.read(path)))
    return tuple(found)


def plan(paths: Paths, found: tuple[tuple[str, int, bytes], ...]) -> Plan:
    """Each is kept before it goes: the two places may be different file systems."""
    steps: list[WriteFile | Remove] = []
    for path, mode, content in found:
        name = path.rpartition("/")[2]
        steps.append(WriteFile(f"{paths.lib}/{name}", content, mode=mode, owner="root", why="keep a rule that is moved away"))
        steps.append(Remove(path, why="keep eth0 the name of the first network card"))
    return tuple(steps)


def restore(system: System, paths: Paths) -> Plan:
    """What was moved away goes back to where nothing has taken its place; the copies are kept until then."""
    steps: list[Action] = []
    why = "put back a rule that was moved away"
    for path in RULES:
        kept = f"{paths.lib}/{path.rpartition('/')[2]}"
        facts = system.files.facts(kept)
        if facts is not None and facts.kind is Kind.FILE and system.files.facts(path) is None:
            steps.append(MakeDirectory(path.rpartition("/")[0], why=why))
            steps += [WriteFile(path, system.files.read(kept), mode=facts.mode, owner="root", why=why), Remove(kept, why=why)]
    return tuple(steps)
