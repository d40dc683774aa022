"""What an operation on a handler works with: the door, the places, where packages come from, whom to tell.

One value, made once; nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from waagent.config.paths import Paths
from waagent.model.event import Operation
from waagent.model.extension import PackageVersion
from waagent.model.status import HandlerStatus
from waagent.system.port import System


class Source(Protocol):
    """Where version lists and packages come from (``fabric.package.Packages``); used by several threads at once."""

    def version_list(self, uris: Sequence[str], *, fast_track: bool = False) -> tuple[tuple[PackageVersion, ...], str]:
        """The versions, and the address of the list, which goes along with the download of a package."""
        ...

    def download(
        self,
        uris: Sequence[str],
        destination: str,
        accept: Callable[[str], object],
        manifest_uri: str | None = None,
        *,
        fast_track: bool = False,
    ) -> str: ...


def _nothing() -> None:
    """Told of a change, where nobody is."""


@dataclass(frozen=True)
class Equipment:
    """``tell`` takes telemetry, ``changed`` hears that the status may be worth an upload."""

    system: System
    paths: Paths
    source: Source
    wire_endpoint: Callable[[], str]
    tell: Callable[[Operation], object]
    changed: Callable[[], object] = _nothing
    inherited: Mapping[str, str] = field(default_factory=dict)
    """The agent's own environment, which goes to every command."""
    limited: bool = True
    """Limits of manifests apply (``CGroups.Enabled``)."""
    unsaved: dict[str, HandlerStatus] = field(default_factory=dict)
    """What a full or read-only disk did not take, by directory: it is reported all the same."""

    def event(self, operation: str, success: bool, message: str, *, name: str, version: str, seconds: float = 0.0) -> None:
        """Tell of something that was done with a handler."""
        now = self.system.clock.now()
        self.tell(Operation(operation, success, message, now, int(seconds * 1000), name, version))
