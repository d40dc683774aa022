"""``-serialconsole``: the plan, the deed, and what was done (guest.md 6.4).

The kernel writes to every console that it is given; the last one is ``/dev/console``. Consoles that are there stay.
"""

from __future__ import annotations

from collections.abc import Callable

from waagent.guest.profile import Guest
from waagent.kernel.purpose import serial_console
from waagent.kernel.run import prepare
from waagent.model.failure import Failure
from waagent.system import trace
from waagent.system.apply import apply
from waagent.system.port import System

UNDO = "waagent -serialconsole -undo"


def run(system: System, guest: Guest, machine: str, *, undo: bool, dry_run: bool, say: Callable[[str], object] = print) -> int:
    """The whole verb. Errors: ``SystemFailure``, of the step that failed; what was done before it stays."""
    actions = prepare(system, guest, serial_console(machine), undo=undo)
    if not actions:
        say(
            "Nothing was added here, so that there is nothing to take back."
            if undo
            else "The kernel's boot messages go to the first serial port already; nothing was changed."
        )
        return 0
    for line in trace.lines(actions):
        say(line)
    if dry_run:
        say("Nothing was done (dry run).")
        return 0
    try:
        apply(system, actions)
    except Failure as failure:
        failure.hint += "" if undo else f"; {UNDO} takes back what was done"
        raise
    if undo:
        say("The boot options are as they were. This takes effect at the next boot.")
    else:
        say(f"From the next boot on the kernel's messages go to the first serial port. {UNDO} takes this back.")
    return 0
