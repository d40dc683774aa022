"""Boot options given and taken back on this machine (guest.md 6.1, 6.4)."""

from __future__ import annotations

from waagent.guest import bootloader
from waagent.guest.profile import BootLoader, Guest
from waagent.kernel import observe, plan
from waagent.kernel.purpose import Purpose
from waagent.model.failure import SystemFailure
from waagent.system.action import Plan
from waagent.system.port import System


def prepare(system: System, guest: Guest, purpose: Purpose, *, undo: bool = False) -> Plan:
    """The plan for this machine, empty where it is as it should be. Errors: ``SystemFailure`` where no boot loader is known."""
    facts = observe.observe(system, guest, purpose.name)
    if facts.kind is None:
        raise SystemFailure("no boot loader is known here whose options could be edited", hint=_looked_for(guest))
    return plan.remove(facts, guest, purpose) if undo else plan.add(facts, guest, purpose)


def _looked_for(guest: Guest) -> str:
    if guest.boot_loader is BootLoader.UNKNOWN:
        return f"that of {guest.full_name or guest.id} is not known to this agent"
    if guest.boot_loader is BootLoader.OEM:
        return f"there is no place for {' or '.join(bootloader.OEM_FILES)}"
    files = ", ".join(bootloader.LEGACY_FILES)
    tools = f"update-grub, grub2-mkconfig, grub-mkconfig, update-extlinux, grubby with {bootloader.ENTRIES}"
    return f"looked for {tools}, and {files}"
