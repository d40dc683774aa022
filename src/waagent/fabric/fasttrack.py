"""What we know of Fast Track on this host: whether it is supported, and how new the last settings were (fabric.md 5.4).

The memory is ``<lib>/fast_track.json``: the creation time of the last Fast Track goal state. It outlives the process, so
that a VM that moved to a host without Fast Track does not run an older Fabric goal state over a newer one (trap 31).
"""

from __future__ import annotations

from waagent.config.paths import Paths
from waagent.fabric.choice import host_is_too_old, stamp, timestamp
from waagent.fabric.hostgaplugin import HostPlugin, NewSettings, Unchanged
from waagent.model.failure import DocumentFailure, SystemFailure
from waagent.model.goal_state import Channel, Etag, VmSettings
from waagent.system.port import System

RECHECK_SECONDS = 6 * 3600.0


class SupportStopped(Exception):
    """Fast Track was supported and is not any more: the VM moved to an older host. Never leaves this room."""


class FastTrack:
    """One process's view of ``/vmSettings``; only one thread asks."""

    def __init__(self, system: System, paths: Paths, *, enabled: bool) -> None:
        self._system = system
        self._path = paths.fast_track
        self.enabled = enabled
        self.settings: VmSettings | None = None
        """The cached document, whatever its source; None until one came or after support stopped."""
        self.rejected: tuple[Etag, bytes, DocumentFailure] | None = None
        """The last document that could not be used, for the history."""
        self._supported: bool | None = None
        self._unsupported_since = 0.0
        self.document: bytes | None = None

    @property
    def supported(self) -> bool:
        """Whether the host supports Fast Track and we use it, as far as we know."""
        return self.enabled and self._supported is True

    def query(self, host: HostPlugin, *, drop_etag: bool = False) -> VmSettings | None:
        """The settings in force, asked for now; None where Fast Track is off or not supported.

        Errors: ``ExchangeFailure`` and ``DocumentFailure`` fail the whole round (trap 30); ``SupportStopped``.
        """
        if not self.enabled or self._resting():
            return None
        cached = None if drop_etag or self.settings is None else self.settings.etag
        answer = host.vm_settings(cached)
        if isinstance(answer, Unchanged):
            return self.settings
        if isinstance(answer, NewSettings):
            settings = self._parsed(answer)
            if settings is not None:
                return self._accepted(settings, answer.data)
        if self._was_supported():
            raise SupportStopped
        self._unsupported_now()
        return None

    def elsewhere(self) -> None:
        """This VM is in another container: another host may support what the last one did not, and is asked at once."""
        if self._supported is False:
            self._unsupported_since = float("-inf")

    def accept_loss(self) -> None:
        """Support stopped, and the wire server's goal state has been fetched instead."""
        self.settings = None
        self.document = None
        self._unsupported_now()

    def remembered(self) -> str | None:
        """The creation time of the last Fast Track goal state, or None; unreadable content is taken as now."""
        data = self._system.files.read_if_there(self._path)
        if data is None:
            return None
        import json

        try:
            text = json.loads(data)["timestamp"]
        except (ValueError, KeyError, TypeError):
            text = None
        return text if isinstance(text, str) else stamp(self._system.clock.now())

    def forget(self) -> None:
        """Remove the memory: after a status report that follows the end of support (fabric.md 5.4)."""
        self._system.files.remove(self._path)

    def _resting(self) -> bool:
        """Not supported, and asked less than six hours ago."""
        return self._supported is False and self._system.clock.monotonic() - self._unsupported_since < RECHECK_SECONDS

    def _was_supported(self) -> bool:
        if self._supported is None:
            return self._system.files.exists(self._path)
        return self._supported

    def _unsupported_now(self) -> None:
        self._supported = False
        self._unsupported_since = self._system.clock.monotonic()

    def _parsed(self, answer: NewSettings) -> VmSettings | None:
        """The document, or None when its host is too old to count as supporting Fast Track."""
        from waagent.codec import vm_settings

        try:
            if host_is_too_old(vm_settings.host_plugin_version(answer.data)):
                return None
            return vm_settings.parse(answer.data, answer.etag)
        except DocumentFailure as failure:
            self.rejected = (answer.etag, answer.data, failure)
            raise

    def _accepted(self, settings: VmSettings, data: bytes) -> VmSettings:
        self._supported = True
        self.settings = settings
        self.document = data
        self._remember(settings)
        return settings

    def _remember(self, settings: VmSettings) -> None:
        import json

        try:
            if settings.source is Channel.FAST_TRACK:
                text = json.dumps({"timestamp": timestamp(settings.goal_state.created_on_ticks)})
                if self._system.files.read_if_there(self._path) != text.encode():
                    self._system.files.write(self._path, text.encode(), 0o600)
            elif self._system.files.exists(self._path):
                self._system.files.remove(self._path)
        except SystemFailure as failure:  # a disk that takes nothing: the settings hold all the same
            self._system.log.warning(failure.reason)
