"""The swap file on the mounted temporary disk: pure, from facts to actions (guest.md 4.3).

Only ever our own file is turned off. A file of the right size that carries mkswap's signature is whole: it got its name last.
"""

from __future__ import annotations

from waagent.guest import swap
from waagent.model.failure import SystemFailure
from waagent.resourcedisk.observe import SwapFacts
from waagent.system.action import Plan, Remove


def plan(mount_point: str, size_mb: int, facts: SwapFacts) -> Plan:
    """Have a swap file of exactly so many MiB in use. Errors: ``SystemFailure`` before anything is changed."""
    size = size_mb * swap.MEBIBYTE
    file = swap.path(mount_point)
    if size <= 0:
        raise SystemFailure("ResourceDisk.EnableSwap=y needs ResourceDisk.SwapSizeMB above 0")
    if not facts.plain:
        raise SystemFailure(f"{file} is no file")
    if facts.filesystem in swap.IMPOSSIBLE:
        raise SystemFailure(f"{mount_point} has {facts.filesystem}, on which there can be no swap file")
    leftovers = swap.give_up(mount_point) if facts.draft else ()
    active = any(one.path == file for one in facts.active)
    right = facts.size == size and (active or facts.whole)
    rights = swap.close_to_others(file) if facts.size is not None and facts.mode & 0o077 else ()
    if right:
        return (*rights, *leftovers, *(() if active else swap.turn_on(file)))
    old = facts.size or 0
    if facts.free + old < size + swap.RESERVE:
        raise SystemFailure(
            f"there is no room for a swap file of {size_mb} MB on {mount_point}: {facts.free // swap.MEBIBYTE} MB are free",
            hint="make ResourceDisk.SwapSizeMB smaller",
        )
    away: Plan = (Remove(file, why="have it in its new size"),) if facts.size is not None else ()
    return (
        *leftovers,
        *(swap.turn_off(file) if active else ()),
        *away,
        *swap.make(mount_point, size, facts.filesystem),
        *swap.turn_on(file),
    )
