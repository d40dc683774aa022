"""What a running agent has done to the machine beside provisioning it, and ``-unregister-service`` takes back (guest.md 8.5).

Rules of the packet filter and their unit, what stands beside the service's unit, rules for network names that were moved away,
and ``numa=off``. Odd: a console on the serial port stays: a person asked for it, and ``-serialconsole -undo`` takes it back.
"""

from __future__ import annotations

from waagent.config.paths import Paths
from waagent.duties import net_rules
from waagent.guest import firewall
from waagent.guest.profile import Guest
from waagent.kernel import observe as boot
from waagent.kernel import run as options
from waagent.kernel.purpose import NUMA
from waagent.provision import deprovision
from waagent.system.action import Plan, Remove
from waagent.system.port import System


def withdrawal(system: System, guest: Guest, paths: Paths) -> Plan:
    """The actions, none for what is not there. Errors: ``SystemFailure``, ``CommandFailure``."""
    files = system.files
    rules = firewall.withdrawal(system, guest, paths) if firewall.has_traces(system, guest, paths) else ()
    known = {step.path for step in rules if isinstance(step, Remove)}
    beside = (step for step in deprovision.units(guest, paths) if isinstance(step, Remove) and step.path not in known)
    numa = options.prepare(system, guest, NUMA, undo=True) if boot.observe(system, guest, NUMA.name).touched else ()
    units = (step for step in beside if files.facts(step.path) is not None)
    return (*rules, *units, *net_rules.restore(system, paths), *numa)
