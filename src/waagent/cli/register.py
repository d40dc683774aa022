"""``-register-service`` and ``-unregister-service``: the plan, the deed, and what was done (guest.md 8.5).

Registering never provisions: the service is enabled, and started only when it ran before. Exit status: 0 done.
"""

from __future__ import annotations

from collections.abc import Callable

from waagent.cli import manual, traces
from waagent.config.paths import Paths
from waagent.guest.profile import Guest, filled
from waagent.install import observe, plan
from waagent.install.placement import place
from waagent.model.failure import SystemFailure
from waagent.system import trace
from waagent.system.action import Plan
from waagent.system.apply import apply
from waagent.system.port import System

Say = Callable[[str], object]


def register(system: System, guest: Guest, python: str, *, force: bool, dry_run: bool, say: Say = print) -> int:
    """The whole verb. Errors: ``SystemFailure``, of the step that failed; every step may be done again."""
    placement = place(guest, systemd=_has_systemd(system), python=python, manual=manual.page())
    why = observe.modules_missing(system, python)
    if why:
        raise SystemFailure(
            f"{python} does not find this agent's modules when it is started as a service: {why}",
            hint=f"install them for this interpreter first: {python} -m pip install .",
        )
    facts = observe.observe(system, guest, placement)
    actions = plan.register(guest, placement, facts, force=force)
    if facts.lacking:
        say(f"Not installed, and needed by provisioning: {', '.join(facts.lacking)}")
    if not _done(system, actions, dry_run, say):
        return 0
    say(f"The service {placement.service} is registered: it is started at boot ({placement.init.value}).")
    if not facts.running and guest.service_control:
        start = " ".join(filled(guest.service_control, verb="start", name=guest.service_name))
        say(f"It was not started: that may provision this machine. `{start}` starts it now.")
    return 0


def unregister(system: System, guest: Guest, python: str, paths: Paths, *, dry_run: bool, say: Say = print) -> int:
    """The whole verb. Errors as of ``register``."""
    placement = place(guest, systemd=_has_systemd(system), python=python, manual=manual.page())
    facts = observe.observe(system, guest, placement)
    undone = traces.withdrawal(system, guest, paths)
    if not _done(system, plan.unregister(guest, placement, facts, undone), dry_run, say):
        return 0
    say(f"The service {placement.service} is not started at boot any more.")
    stays = plan.left(placement, facts)
    if stays:
        say(f"Left, because they are a package's or were changed by somebody: {', '.join(stays)}")
    return 0


def stage(system: System, guest: Guest, *, dry_run: bool, say: Say = print) -> int:
    """``-register-service --destdir``: the files alone, into a tree that is not a running machine."""
    placement = place(guest, systemd=True, manual=manual.page())
    facts = observe.observe(system, guest, placement, inert=True)
    if _done(system, plan.stage(placement, facts), dry_run, say):
        say(f"{len(placement.files)} files for {guest.family} ({placement.init.value}); nothing was run.")
    return 0


def _done(system: System, actions: Plan, dry_run: bool, say: Say) -> bool:
    for line in trace.lines(actions):
        say(line)
    if dry_run:
        say("Nothing was done (dry run).")
        return False
    apply(system, actions)
    return True


def _has_systemd(system: System) -> bool:
    return system.files.exists("/run/systemd/system") or system.commands.find("systemctl") is not None
