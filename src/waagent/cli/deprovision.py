"""``-deprovision`` and ``-deprovision+user``: print the plan, ask once, do all of it, look again (guest.md 3.1).

Tools match ``WARNING!`` and ``(y/n)``. The end of standard input is a no. Exit status: 0 done, 1 declined or something
failed; what is left on purpose is said and is no failure.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.guest.profile import Guest
from waagent.provision import deprovision
from waagent.system import trace
from waagent.system.port import System

QUESTION = "Do you want to proceed (y/n)"


def run(
    system: System,
    guest: Guest,
    config: Config,
    paths: Paths,
    *,
    with_user: bool,
    force: bool,
    dry_run: bool,
    ask: Callable[[str], str] = input,
    say: Callable[[str], object] = print,
) -> int:
    """The whole verb; ``ask`` raises EOFError at the end of standard input."""
    facts = deprovision.observe(system, guest, config, paths)
    todo = deprovision.plan(config, guest, paths, facts, with_user=with_user)
    for warning in todo.warnings:
        say(warning)
    for line in trace.lines(todo.actions):
        say(line)
    if dry_run:
        say("Nothing was done (dry run).")
        return 0
    if not force and not _agreed(ask):
        say("Nothing was done.")
        return 1
    previous = signal.signal(signal.SIGINT, lambda *_: say("Deprovisioning cannot be interrupted; it goes on."))
    try:
        failures = deprovision.run(system, todo.actions)
    finally:
        signal.signal(signal.SIGINT, previous)
    for failure in failures:
        print(f"FAILED: {failure}", file=sys.stderr)
    left = deprovision.leftovers(system, guest, config, paths, facts, with_user=with_user)
    for each in left:
        say(f"{'Left on purpose' if each.expected else 'STILL THERE'}: {each.text}")
    failed = bool(failures) or any(not each.expected for each in left)
    say("Deprovisioning is incomplete." if failed else "This machine is deprovisioned.")
    return 1 if failed else 0


def _agreed(ask: Callable[[str], str]) -> bool:
    try:
        return ask(f"{QUESTION} ").strip()[:1].lower() == "y"
    except (EOFError, KeyboardInterrupt):
        return False
