"""The goal state, complete: what changed, fetched in order, and which channel counts (fabric.md 3.2, 5.4, 5.5).

Odd: the identity of this VM is renewed by every fetch, changed or not (trap 1); the wire server's part is new when its
incarnation *differs* (trap 2); a failure anywhere leaves everything as it was, so that the next poll tries again; a
failure of the Fast Track settings fails the round and never falls back (trap 30); a failure of the certificates does not
(trap 49).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from waagent.codec import saved
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.fabric.certificates import CertificateStore
from waagent.fabric.choice import choose, history_tag, lacking_certificates, marked_outdated, safe
from waagent.fabric.fasttrack import FastTrack, SupportStopped
from waagent.fabric.hostgaplugin import HostPlugin
from waagent.fabric.parts import HistoryDocument, PartsReader, WireParts, keep
from waagent.fabric.wireserver import WireServer
from waagent.model.failure import DocumentFailure, ExchangeFailure, SystemFailure
from waagent.model.goal_state import ExtensionsGoalState, GoalState, Incarnation, VmSettings, WireGoalState
from waagent.system.port import System

DEFAULT_PERIOD = 6.0


@dataclass(frozen=True)
class Refresh:
    """One poll's outcome. ``extensions_changed``: the identity of the extensions goal state differs from the last one's."""

    goal_state: GoalState
    wire_changed: bool
    extensions_changed: bool

    def after(self, untaken: Refresh) -> Refresh:
        """This outcome for somebody who has not taken the one before: what was new in that is new still."""
        return Refresh(
            self.goal_state,
            self.wire_changed or untaken.wire_changed,
            self.extensions_changed or untaken.extensions_changed,
        )


History = Callable[[str, tuple[HistoryDocument, ...]], object]


class GoalStateReader:
    """Keeps the last complete goal state and brings it up to date; one thread at a time.

    ``profile`` downloads the artifacts profile blob; ``history`` takes the redacted documents of each update under a tag.
    """

    def __init__(
        self,
        system: System,
        config: Config,
        paths: Paths,
        wire: WireServer,
        host: HostPlugin,
        certificates: CertificateStore,
        profile: Callable[[str], bytes],
        history: History = lambda tag, documents: None,
    ) -> None:
        self._system = system
        self._wire = wire
        self._host = host
        self._certificates = certificates
        self._reader = PartsReader(system, paths, wire, certificates, profile)
        self._history = history
        self._period = float(config.extensions.goal_state_period or DEFAULT_PERIOD)
        self._fast = FastTrack(system, paths, enabled=config.debug.enable_fast_track)
        self._parts: WireParts | None = None
        self._incarnation: Incarnation | None = None
        self._used_etag: str | None = None
        self._rejected_etag: str | None = None
        self._support_stopped = False
        self._may_be_older = False
        self._state: GoalState | None = None
        self._told_identity: str | None = None
        self._wire_untold = False
        self._checked_identity: str | None = None

    @property
    def goal_state(self) -> GoalState | None:
        """The last complete goal state; None before the first."""
        return self._state

    @property
    def fast_track_supported(self) -> bool:
        return self._fast.supported

    def refresh(self, force: bool = False) -> Refresh:
        """Poll once. ``force`` fetches all wire-server parts although nothing changed; the cached etag is kept.

        Errors: ``ExchangeFailure``, ``DocumentFailure`` or ``SystemFailure``; the last complete state then stays.
        """
        self._update(force=force, drop_etag=False)
        self._complete_certificates()
        state = self._state
        assert state is not None
        outcome = Refresh(state, self._wire_untold, state.extensions.identity != self._told_identity)
        # Only what was handed over counts as told: a failure above must not swallow a change already taken in.
        self._told_identity, self._wire_untold = state.extensions.identity, False
        return outcome

    def stirred(self) -> bool:
        """Whether a refresh may bring anything new, by one conditional request where the host speaks Fast Track.

        The settings change with goal states of either channel (their source says which), so that an unchanged tag
        stands for an unchanged goal state. Anything unusual answers True: ``refresh`` finds out and says what.
        """
        if self._state is None or self._may_be_older or not self._fast.supported:
            return True
        try:
            settings = self._fast.query(self._host)
        except (ExchangeFailure, DocumentFailure, SupportStopped):
            return True
        return settings is None or settings.etag != self._used_etag

    def wire_stirred(self) -> bool:
        """Whether a refresh may bring anything new, by one request to the wire server; who we are is renewed (trap 1).

        Errors: as ``refresh``.
        """
        if self._state is None or self._parts is None or self._parts.certificates_owed:
            return True
        return self._fetch_wire()[0] != self._state.wire

    def status_reported(self) -> None:
        """A status went out: after the end of Fast Track support its memory file may go now (fabric.md 5.4)."""
        if self._support_stopped:
            self._support_stopped = False
            self._fast.forget()

    def renew_identity(self) -> WireGoalState:
        """Fetch the goal state and give its identity to the host plugin; nothing else is touched."""
        return self._fetch_wire()[0]

    # -- one update

    def _update(self, *, force: bool, drop_etag: bool) -> None:
        """Bring the state up to date, or leave it as it was and raise."""
        wire, text = self._fetch_wire()
        wire_changed = force or self._parts is None or wire.incarnation != self._incarnation
        stopped = False
        try:
            settings = self._settings(drop_etag)
        except SupportStopped:
            settings, stopped, wire_changed = None, True, True
        settings_changed = settings is not None and settings.etag != self._used_etag
        # New settings may tell of a goal state that came after our question for it: then their tag vouches for nothing yet.
        self._may_be_older = settings_changed
        if not wire_changed and not settings_changed:
            self._renewed(wire)
            self._fetch_owed_certificates()
            return
        parts = self._parts
        if wire_changed or parts is None:
            parts = self._reader.fetch(wire)
        current = self._state.extensions if self._state else None
        if stopped:
            chosen = marked_outdated(parts.extensions, self._fast.remembered())
            self._fast.accept_loss()
            self._support_stopped = True
            self._system.log.info("this host does not support Fast Track any more: the wire server's goal state is used")
        else:
            parts = self._outdated_at_start(parts)
            chosen = choose(current, parts.extensions, settings, wire_changed=wire_changed, settings_changed=settings_changed)
        self._commit(wire, parts, settings, chosen)
        self._archive(wire, text if wire_changed else None, parts if wire_changed else None, settings_changed)
        self._wire_untold = self._wire_untold or wire_changed
        self._repair_certificates()

    def _fetch_wire(self) -> tuple[WireGoalState, bytes]:
        wire, text = self._wire.goal_state()
        self._host.identify(wire.container_id, wire.config_name)
        if self._state is not None and self._state.wire.container_id != wire.container_id:
            self._fast.elsewhere()
        return wire, text

    def _settings(self, drop_etag: bool) -> VmSettings | None:
        try:
            return self._fast.query(self._host, drop_etag=drop_etag)
        except DocumentFailure:
            self._archive_rejected()
            raise

    def _outdated_at_start(self, parts: WireParts) -> WireParts:
        """With Fast Track switched off, what it last did still forbids an older Fabric goal state (fabric.md 5.4)."""
        if self._fast.enabled:
            return parts
        return replace(parts, extensions=marked_outdated(parts.extensions, self._fast.remembered()))

    def _commit(self, wire: WireGoalState, parts: WireParts, settings: VmSettings | None, chosen: ExtensionsGoalState) -> None:
        self._incarnation = wire.incarnation
        self._parts = parts
        self._used_etag = settings.etag if settings is not None else None
        self._state = GoalState(
            wire=wire,
            extensions=chosen,
            fetched_at=self._system.clock.now(),
            hosting=parts.hosting,
            certificates=parts.certificates,
            remote_access=parts.remote_access,
            fast_track_supported=self._fast.supported,
        )

    def _renewed(self, wire: WireGoalState) -> None:
        """Nothing is new but, perhaps, who we are (trap 1)."""
        assert self._state is not None
        self._state = replace(self._state, wire=wire, fast_track_supported=self._fast.supported)

    # -- certificates that Fast Track settings need

    def _complete_certificates(self) -> None:
        """New Fast Track settings name a certificate we lack: refresh now, once more after a period, then go on."""
        for wait in (0.0, self._period):
            lacking = self._lacking()
            if not lacking:
                break
            self._system.log.info(f"Fast Track needs certificates that are not here yet: {', '.join(lacking)}")
            if wait and not self._system.clock.pause(wait):
                raise ExchangeFailure("goal state: given up because the agent is ending")
            self._update(force=True, drop_etag=True)
        if self._state is not None:
            self._checked_identity = self._state.extensions.identity

    def _lacking(self) -> tuple[str, ...]:
        state = self._state
        if state is None or state.extensions.identity == self._checked_identity or not self._uses_fast_track(state):
            return ()
        return lacking_certificates(state.extensions, state.certificates)

    def _uses_fast_track(self, state: GoalState) -> bool:
        settings = self._fast.settings
        return settings is not None and state.extensions.identity == settings.goal_state.identity

    def _fetch_owed_certificates(self) -> None:
        """Ask again for certificates that could not be had when their goal state came."""
        parts = self._parts
        if parts is None or not parts.certificates_owed:
            return
        again = self._reader.certificates(parts.certificates_url)
        if again is not None:
            self._system.log.info(f"the certificates of the goal state are here now: {len(again)}")
            self._have(replace(parts, certificates=again, certificates_owed=False))

    def _have(self, parts: WireParts) -> None:
        assert self._state is not None
        self._parts = parts
        self._state = replace(self._state, certificates=parts.certificates)

    def _repair_certificates(self) -> None:
        """While Fast Track is in use: download the set again when a ``.crt`` has gone; failures are only logged."""
        state, parts = self._state, self._parts
        if state is None or parts is None or not self._uses_fast_track(state):
            return
        if not self._certificates.missing(state.certificates):
            return
        self._system.log.info("certificate files are missing: downloading them again")
        again = self._reader.certificates(parts.certificates_url)
        if again:
            self._have(replace(parts, certificates=again, certificates_owed=False))

    # -- history

    def _archive(self, wire: WireGoalState, text: bytes | None, parts: WireParts | None, settings_changed: bool) -> None:
        documents: list[HistoryDocument] = []
        if text is not None:
            documents.append(HistoryDocument("GoalState.xml", text))
        if parts is not None:
            documents.extend(parts.documents)
        etag = None
        if self._fast.settings is not None:
            etag = self._fast.settings.etag
            if settings_changed and self._fast.document is not None:
                keep(self._system, documents, "VmSettings.json", saved.redact_vm_settings, self._fast.document)
        self._tell_history(history_tag(wire.incarnation, etag), documents)

    def _archive_rejected(self) -> None:
        """A settings document that could not be used is kept once per etag (fabric.md 5.4)."""
        if self._fast.rejected is None:
            return
        etag, data, _ = self._fast.rejected
        if etag == self._rejected_etag:
            return
        self._rejected_etag = etag
        documents: list[HistoryDocument] = []
        keep(self._system, documents, "VmSettings.json", saved.redact_vm_settings, data)
        self._tell_history(safe(etag), documents)

    def _tell_history(self, tag: str, documents: list[HistoryDocument]) -> None:
        if not documents:
            return
        try:
            self._history(tag, tuple(documents))
        except SystemFailure as failure:
            self._system.log.warning(f"history: {failure.reason}")
