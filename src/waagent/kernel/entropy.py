"""Entropy that Hyper-V hands to its guests in an ACPI table, mixed into the kernel's pool (guest.md 6.2).

Layout: an ACPI header of 36 bytes, then 64 bytes of entropy; the whole table is written, which mixes it in and credits
nothing. Odd: newer kernels do this by themselves, most machines have no such table, and no error here matters, so that
this is no plan of actions: it is done first of all, before any key is made, and only the verbose log hears of it.
"""

from __future__ import annotations

from waagent.model.failure import SystemFailure
from waagent.system.port import System

TABLE = "/sys/firmware/acpi/tables/OEM0"
POOL = "/dev/random"
LIMIT = 1024 * 1024


def seed(system: System) -> None:
    """Mix the table into the pool where there is one."""
    try:
        table = system.files.read_if_there(TABLE, LIMIT)
        if table:
            system.files.write_through(POOL, table)
            system.log.verbose(f"{len(table)} bytes of {TABLE} were mixed into {POOL}")
    except SystemFailure as failure:
        system.log.verbose(f"no entropy from the host: {failure.reason}")
