"""The provisioning report in the host's key-value pool (fabric.md 12, guest.md 2.14).

The host reads the pool when a health report arrives, so this is written before it (trap 23). Only where the pool's
directory is there: without the daemon of Hyper-V nobody would read it. A pool left from before this boot is emptied once.
"""

from __future__ import annotations

import re

from waagent.codec import kvp_pool, provisioning_report
from waagent.model.failure import Failure
from waagent.model.health import HealthReport
from waagent.system.port import System

DIRECTORIES = ("/var/lib/hyperv", "/var/opt/hyperv")
POOL = ".kvp_pool_1"
_BOOT_TIME = re.compile(rb"^btime (\d+)$", re.MULTILINE)


def write(system: System, health: HealthReport, *, agent_version: str, vm_id: str) -> None:
    """Write the record of a final report; a starting one has none. A problem is only logged."""
    if health.substatus == "Provisioning":
        return
    directory = next((place for place in DIRECTORIES if system.files.exists(place)), None)
    if directory is None:
        return
    text = provisioning_report.render(
        agent=f"WALinuxAgent/{agent_version}",
        vm_id=vm_id.lower(),
        now=system.clock.now(),
        reason=health.description if health.state != "Ready" else None,
    )
    try:
        records = kvp_pool.render(kvp_pool.split(provisioning_report.KEY, text))
        system.files.append_shared(f"{directory}/{POOL}", records, stale_before=boot_time(system))
    except Failure as failure:
        system.log.warning(f"the key-value pool: {failure.reason}")


def boot_time(system: System) -> float | None:
    """When this machine was booted, in seconds since 1970; None where it does not say."""
    match = _BOOT_TIME.search(system.files.read_if_there("/proc/stat") or b"")
    return float(match[1]) if match else None
