"""The documents a goal state names, fetched in the order of fabric.md 3.2 and made into values.

ExtensionsConfig with its artifacts profile, HostingEnvironmentConfig, SharedConfig, Certificates, RemoteAccess. Each may
be missing. Two effects belong here because the fabric's contract names them: ``SharedConfig.xml``, which other products
read, and the certificate files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from waagent.codec import artifacts_profile, extensions_config, hosting_environment, remote_access, saved
from waagent.config.paths import Paths
from waagent.fabric.certificates import REMOTE_ACCESS_CIPHER, CertificateStore
from waagent.fabric.choice import empty
from waagent.fabric.wireserver import WireServer
from waagent.model.failure import DocumentFailure, Failure, SystemFailure
from waagent.model.goal_state import (
    CertificateSummary,
    ExtensionsGoalState,
    HostingEnvironment,
    RemoteAccess,
    WireGoalState,
)
from waagent.system.port import System


@dataclass(frozen=True)
class HistoryDocument:
    """A document for the history directory, already redacted."""

    name: str
    content: bytes


@dataclass(frozen=True)
class WireParts:
    """Everything the wire server said for one incarnation."""

    extensions: ExtensionsGoalState
    hosting: HostingEnvironment
    certificates: tuple[CertificateSummary, ...] = ()
    certificates_url: str | None = None
    certificates_owed: bool = False
    """The fabric has certificates for us, but did not hand them out when it was asked."""
    remote_access: RemoteAccess | None = None
    documents: tuple[HistoryDocument, ...] = ()


class PartsReader:
    """Fetches the parts of one goal state; ``profile`` downloads the artifacts profile blob."""

    def __init__(
        self,
        system: System,
        paths: Paths,
        wire: WireServer,
        store: CertificateStore,
        profile: Callable[[str], bytes],
    ) -> None:
        self._system = system
        self._paths = paths
        self._wire = wire
        self._store = store
        self._profile = profile

    def fetch(self, wire: WireGoalState) -> WireParts:
        """All documents of ``wire``, in the fabric's order.

        Errors: ``ExchangeFailure``, ``DocumentFailure``, ``SystemFailure``.
        """
        documents: list[HistoryDocument] = []
        extensions = self._extensions(wire, documents)
        hosting = HostingEnvironment()
        if wire.hosting_environment_url:
            data = self._wire.part(wire.hosting_environment_url)
            hosting = hosting_environment.parse(data)
            documents.append(HistoryDocument("HostingEnvironmentConfig.xml", data))
        if wire.shared_config_url:
            data = self._wire.part(wire.shared_config_url)
            self._save_shared_config(data)
            documents.append(HistoryDocument("SharedConfig.xml", data))
        self._store.ensure_transport_pair()
        certificates = self.certificates(wire.certificates_url)
        documents.append(HistoryDocument("Certificates.json", summary_text(certificates or ())))
        access = self._remote_access(wire, documents)
        owed = certificates is None
        return WireParts(extensions, hosting, certificates or (), wire.certificates_url, owed, access, tuple(documents))

    def _extensions(self, wire: WireGoalState, documents: list[HistoryDocument]) -> ExtensionsGoalState:
        if not wire.extensions_config_url:
            return empty(wire.incarnation)
        data = self._wire.part(wire.extensions_config_url)
        extensions = extensions_config.parse(data, wire.incarnation)
        keep(self._system, documents, "ExtensionsConfig.xml", saved.redact_extensions_config, data)
        return replace(extensions, on_hold=self._on_hold(extensions.artifacts_profile_url))

    def _on_hold(self, url: str | None) -> bool:
        """What the artifacts profile says; any problem means not on hold (trap 17)."""
        if not url:
            return False
        try:
            return artifacts_profile.on_hold(self._profile(url))
        except Failure as failure:
            self._system.log.verbose(f"artifacts profile: {failure}; taken as not on hold")
            return False

    def _save_shared_config(self, data: bytes) -> None:
        """Other products read this file: as received, less a byte order mark (fabric.md 3.3, trap 58).

        On a disk that takes nothing the goal state goes on without it, so that what fails then can be reported.
        """
        content = data.removeprefix(b"\xef\xbb\xbf")
        try:
            if self._system.files.read_if_there(self._paths.shared_config) != content:
                self._system.files.write(self._paths.shared_config, content, 0o644)
        except SystemFailure as failure:
            self._system.log.warning(failure.reason)

    def certificates(self, url: str | None) -> tuple[CertificateSummary, ...] | None:
        """Download and install the certificates; empty without an address, and after any problem (trap 49).

        None when they were not to be had just now.
        """
        if not url:
            return ()

        def fetch(certificate: str, cipher: str) -> bytes:
            return self._wire.encrypted_part(url, "certificates", certificate, cipher)

        return self._store.update(fetch)

    def _remote_access(self, wire: WireGoalState, documents: list[HistoryDocument]) -> RemoteAccess | None:
        if not wire.remote_access_url:
            return None
        certificate = self._store.transport_certificate()
        data = self._wire.encrypted_part(wire.remote_access_url, "remote access", certificate, REMOTE_ACCESS_CIPHER)
        access = remote_access.parse(data)
        keep(self._system, documents, "RemoteAccess.xml", saved.redact_remote_access, data)
        return access


def keep(system: System, documents: list[HistoryDocument], name: str, redaction: Callable[[bytes], bytes], data: bytes) -> None:
    """Add a redacted document; one that cannot be redacted is not kept (trap 37)."""
    try:
        documents.append(HistoryDocument(name, redaction(data)))
    except DocumentFailure as failure:
        system.log.warning(f"{name} is not kept in the history: {failure.reason}")


def summary_text(certificates: tuple[CertificateSummary, ...]) -> bytes:
    """``Certificates.json``: thumbprints and whether there is a key, never a key."""
    import json

    rows = [{"thumbprint": each.thumbprint, "hasPrivateKey": each.has_private_key} for each in certificates]
    return json.dumps(rows).encode()
