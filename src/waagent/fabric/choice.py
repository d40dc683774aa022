"""Which extensions goal state is in force, decided purely (fabric.md 5.4 and 5.5).

Odd: creation times are 100 ns ticks beyond a double's precision, so they stay integers (trap 13); an empty goal state
counts as created at the minimum date (trap 14); an incarnation may repeat or go back (trap 2), so only "differs" matters.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from waagent.model.goal_state import (
    CertificateSummary,
    Channel,
    ExtensionsGoalState,
    Incarnation,
    Thumbprint,
    VmSettings,
)
from waagent.model.version import Version

MINIMUM_HOST_VERSION = "1.0.8.133"
_EPOCH = datetime(1, 1, 1, tzinfo=timezone.utc)
_TICKS_PER_MICROSECOND = 10


def choose(
    current: ExtensionsGoalState | None,
    wire: ExtensionsGoalState,
    settings: VmSettings | None,
    *,
    wire_changed: bool,
    settings_changed: bool,
) -> ExtensionsGoalState:
    """The goal state to use, by the five rules of fabric.md 5.5."""
    fast = settings.goal_state if settings is not None and settings.source is not Channel.FABRIC else None
    if wire_changed:
        candidate = fast if fast is not None and fast.created_on_ticks > wire.created_on_ticks else wire
    elif settings_changed and fast is not None:
        candidate = fast
    else:
        return current if current is not None else wire
    if current is None or candidate.created_on_ticks >= current.created_on_ticks:
        return candidate
    return current


def host_is_too_old(version: str) -> bool:
    """Whether a host plugin is below the version whose settings can be used; an unreadable version is."""
    parsed, floor = Version.parse(version), Version.parse(MINIMUM_HOST_VERSION)
    return parsed is None or floor is None or parsed < floor


def empty(incarnation: Incarnation) -> ExtensionsGoalState:
    """What a goal state without an ExtensionsConfig asks for: nothing (fabric.md 3.1)."""
    return ExtensionsGoalState(Channel.FABRIC, f"incarnation_{incarnation}", in_svd_seq_no=str(incarnation))


def timestamp(ticks: int) -> str:
    """The creation time as ``fast_track.json`` has it: six fraction digits and Z, so that text order is time order."""
    try:
        moment = _EPOCH + timedelta(microseconds=ticks // _TICKS_PER_MICROSECOND)
    except OverflowError:
        moment = _EPOCH
    return stamp(moment)


def stamp(moment: datetime) -> str:
    return f"{moment.year:04d}-{moment:%m-%dT%H:%M:%S.%f}Z"


def marked_outdated(wire: ExtensionsGoalState, last_fast_track: str | None) -> ExtensionsGoalState:
    """``wire``, marked when it is older than the last Fast Track goal state we acted on (fabric.md 5.4, trap 31)."""
    if last_fast_track is None:
        return wire
    return replace(wire, outdated=timestamp(wire.created_on_ticks) < last_fast_track)


def lacking_certificates(goal_state: ExtensionsGoalState, certificates: Iterable[CertificateSummary]) -> tuple[Thumbprint, ...]:
    """Thumbprints that protected settings refer to and that the certificate list does not have, sorted."""
    known = {each.thumbprint.upper() for each in certificates}
    wanted = {
        extension.certificate_thumbprint
        for handler in goal_state.handlers
        for extension in handler.extensions
        if extension.protected_settings is not None and extension.certificate_thumbprint
    }
    return tuple(sorted(Thumbprint(each) for each in wanted if each.upper() not in known))


def history_tag(incarnation: Incarnation, etag: str | None) -> str:
    """The tag of a history directory: ``<incarnation>``, or ``<incarnation>-<etag>`` with Fast Track settings."""
    return safe(incarnation) if etag is None else f"{safe(incarnation)}-{safe(etag)}"


def safe(text: str) -> str:
    """``text`` as part of a file name: quotes dropped, everything unusual replaced."""
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._") else "_" for letter in text.strip('"'))
    return kept[:64] or "none"
