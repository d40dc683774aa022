"""Telling the fabric how provisioning stands (fabric.md 2.2): what happened to each report, in one place.

Odd: the host collects the KVP pool when a health report arrives, so KVP is written first (trap 23).
"""

from __future__ import annotations

from collections.abc import Callable

from waagent.fabric.wireserver import WireServer
from waagent.model.failure import DocumentFailure, ExchangeFailure, Failure
from waagent.model.goal_state import WireGoalState
from waagent.model.health import HealthReport
from waagent.system.port import System


def report(
    system: System,
    wire: WireServer,
    health: HealthReport,
    goal_state: Callable[[], WireGoalState],
    before: Callable[[HealthReport], object] = lambda health: None,
) -> Failure | None:
    """Send one report with the identities of the current goal state; the failure, logged, instead of an exception.

    ``goal_state`` gives the newest one; ``before`` writes the KVP records of this report.
    """
    text = f"{health.state}{'/' + health.substatus if health.substatus else ''}"
    before(health)
    try:
        wire.report_health(health, goal_state())
    except (ExchangeFailure, DocumentFailure) as failure:
        system.log.error(f"the health report {text} could not be sent: {failure}")
        return failure
    system.log.info(f"reported to the fabric: {text}")
    return None


def report_fingerprint(
    system: System, wire: WireServer, fingerprint: str, goal_state: Callable[[], WireGoalState]
) -> Failure | None:
    """Send the SSH host key's fingerprint (guest.md 2.13); it never fails provisioning."""
    try:
        wire.role_properties(goal_state(), fingerprint)
    except (ExchangeFailure, DocumentFailure) as failure:
        system.log.warning(f"the SSH host key's fingerprint could not be reported: {failure}")
        return failure
    return None


def fingerprint_text(listing: str) -> str | None:
    """The fingerprint in the output of ``ssh-keygen -lf``: its second word without prefix and colons, or None."""
    words = listing.split()
    if len(words) < 2:
        return None
    return words[1].removeprefix("MD5:").replace(":", "") or None
