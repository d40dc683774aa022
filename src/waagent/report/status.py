"""What the status blob says, built purely (fabric.md 7.1).

Odd: the agent is always ``Ready`` while it runs; ``expectedVersion`` is our own running version, not the one asked for;
the update status is there only in RSM mode, the goal-state aggregate only after a goal state was processed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from waagent.config.sections import Config
from waagent.model.secret import redact
from waagent.model.status import GoalStateAggregate, HandlerReport, UpdateStatus, VmStatus

SUCCESS_MESSAGE = "GoalState executed successfully"
UNSUPPORTED_FEATURES = 2001


def build(
    *,
    agent_version: str,
    now: datetime,
    computer_name: str,
    os_name: str,
    os_version: str,
    handlers: Sequence[HandlerReport] = (),
    aggregate: GoalStateAggregate | None = None,
    update: UpdateStatus | None = None,
    features: tuple[tuple[str, str], ...] = (),
) -> VmStatus:
    """The whole status. Messages were redacted where they were made; the aggregate's is redacted here again."""
    return VmStatus(
        agent_version=agent_version,
        reported_at=now,
        computer_name=computer_name,
        os_name=os_name,
        os_version=os_version,
        handlers=tuple(handlers),
        aggregate=aggregate,
        update=update,
        supported_features=features,
    )


def supported_features(config: Config, *, fast_track_supported: bool) -> tuple[tuple[str, str], ...]:
    """What we advertise (fabric.md 7.1). Fast Track only while the host has it and it is switched on."""
    features = [("MultipleExtensionsPerHandler", "1.0")]
    if versioning_governed(config):
        features.append(("VersioningGovernance", "1.0"))
    if fast_track_supported and config.debug.enable_fast_track:
        features.append(("FastTrack", "1.0"))
    return tuple(features)


def versioning_governed(config: Config) -> bool:
    """Whether the service may choose our version: not when updates or the mechanism are switched off."""
    return updates_wanted(config) and config.debug.enable_ga_versioning


def updates_wanted(config: Config) -> bool:
    """``AutoUpdate.UpdateToLatestVersion``; without that line ``AutoUpdate.Enabled`` decides (guest.md 7.3)."""
    newer: bool | None = config.auto_update.update_to_latest_version
    return config.auto_update.enabled if newer is None else newer


def known_features(config: Config) -> frozenset[str]:
    """Names a goal state may require (fabric.md 4.6)."""
    names = {"MultipleExtensionsPerHandler"}
    if updates_wanted(config):
        names.add("VersioningGovernance")
    return frozenset(names)


def update_status(running_version: str, *, rsm_mode: bool, last_error: str | None = None) -> UpdateStatus | None:
    """The outcome of agent updates, only in RSM mode; ``last_error`` is the last one of this goal state."""
    if not rsm_mode:
        return None
    if last_error:
        return UpdateStatus(running_version, "Error", 1, redact(last_error))
    return UpdateStatus(running_version, "Success", 0)


def succeeded(now: datetime, in_svd_seq_no: str | int | None) -> GoalStateAggregate:
    """The aggregate of a goal state that was processed; single extensions may have failed all the same."""
    return GoalStateAggregate("Success", 0, SUCCESS_MESSAGE, now, in_svd_seq_no)


def failed(now: datetime, in_svd_seq_no: str | int | None, message: str) -> GoalStateAggregate:
    """The aggregate of a goal state whose processing broke off unexpectedly."""
    return GoalStateAggregate("Failed", -1, redact(message), now, in_svd_seq_no)


def unsupported(now: datetime, in_svd_seq_no: str | int | None, names: Sequence[str]) -> GoalStateAggregate:
    """The aggregate of a goal state that needs features we do not have; nothing of it was processed."""
    message = f"Failing GS {in_svd_seq_no} as Unsupported features found: {', '.join(sorted(names))}"
    return GoalStateAggregate("Failed", UNSUPPORTED_FEATURES, message, now, in_svd_seq_no)
