"""From a version of a list to an initialized directory: download, checks, unpacking, folders (extensions.md 2.6, 5.3).

Odd: a package that lies there already, as ``prefetch`` leaves it, is used without a download, if it can be unpacked. A
directory that an earlier agent had prepared in the same operation is taken as it is.
"""

from __future__ import annotations

import errno

from waagent.extension import environment, state
from waagent.extension.place import Place
from waagent.extension.prefetch import Prefetch
from waagent.extension.trust import Trust
from waagent.extension.unpack import read_manifest, unpack
from waagent.extension.worker import Worker
from waagent.model.extension import HandlerManifest, HandlerState, PackageVersion, RequestedHandler
from waagent.model.failure import ExtensionFailure, SystemFailure
from waagent.system.apply import apply

_FULL = frozenset(
    {errno.EIO, errno.ENOMEM, errno.ENFILE, errno.EMFILE, errno.ENOSPC, errno.ENAMETOOLONG, errno.ELOOP, errno.EREMOTEIO}
)
"""Causes after which the directory is removed, so that the next goal state starts from nothing."""


def prepare(worker: Worker, package: PackageVersion, trust: Trust, fetch: Prefetch) -> HandlerManifest:
    """Make the target's directory ready for its first command. Errors: ``ExtensionFailure``."""
    place = worker.target
    if worker.journal.notes().get("prepared") == place.version:
        return read_manifest(worker.files, place)
    state.set_handler_state(worker.system, place, HandlerState.NOT_INSTALLED)
    started = worker.system.clock.monotonic()
    fetched = _Fetched(worker, trust)
    if not fetched.lies_there():
        fetched.download(package, fetch)
    manifest = _initialize(worker, place)
    fetched.require_trust(manifest)
    worker.tell("Download", True, "Download succeeded", seconds=worker.system.clock.monotonic() - started)
    worker.journal.note(prepared=place.version)
    return manifest


def require_agreement(request: RequestedHandler, manifest: HandlerManifest) -> None:
    """Errors: ``ExtensionFailure`` when the goal state has several extensions and the package knows only one."""
    if request.multi_config and not manifest.supports_multiple_extensions:
        text = f"The handler {request.name} does not support multiple extensions, but the goal state has them"
        raise ExtensionFailure("ExtensionsGoalStateError", text)


class _Fetched:
    """A package on its way into the target's directory."""

    def __init__(self, worker: Worker, trust: Trust) -> None:
        self._worker = worker
        self._files = worker.files
        self._place = worker.target
        self._trust = trust
        self._problem: str | None = None

    def lies_there(self) -> bool:
        """Use a package that lies there; one that cannot be unpacked goes."""
        if not self._files.exists(self._place.package):
            return False
        try:
            self._accept(self._place.package)
        except ExtensionFailure as failure:
            self._worker.log.warning(f"the package that was there is not used: {failure}")
            return False
        finally:
            self._files.remove(self._place.package)
        return self._problem is None or not self._trust.gate.wants_signature(self._worker.request)

    def download(self, package: PackageVersion, fetch: Prefetch) -> None:
        if not package.uris:
            raise ExtensionFailure("ExtensionDownloadError", "The package has no URI", operation="Download")
        try:
            fetch.download(self._worker.request, package, self._place, self._accept)
        finally:
            self._files.remove(self._place.package)
        if self._problem is not None:
            self._trust.gate.require_validated(self._worker.request, self._problem)

    def require_trust(self, manifest: HandlerManifest) -> None:
        """Check the manifest too. Errors: ``ExtensionFailure`` when the policy wants a package that holds."""
        if self._trust.applies(self._worker):
            problem = self._problem or self._trust.manifest_problem(self._worker, manifest)
            if problem is None:
                self._trust.remember(self._worker)
            self._trust.gate.require_validated(self._worker.request, problem)

    def _accept(self, path: str) -> None:
        """A package that the policy forbids is not unpacked; other addresses would bring the same."""
        self._problem = self._trust.package_problem(self._worker) if self._trust.applies(self._worker) else None
        if self._problem is not None and self._trust.gate.wants_signature(self._worker.request):
            return
        for remark in unpack(self._files, self._place).remarks:
            self._worker.log.warning(remark)


def _initialize(worker: Worker, place: Place) -> HandlerManifest:
    manifest = read_manifest(worker.files, place, fresh=True)
    for remark in manifest.remarks:
        worker.log.warning(remark)
        worker.tell("ExtensionHandlerManifest", True, remark)
    require_agreement(worker.request, manifest)
    try:
        there = environment.has_events(worker.files, place)
        apply(worker.system, environment.initialize(place, events_there=there))
    except SystemFailure as failure:
        if int(failure.facts.get("errno", "0") or 0) in _FULL:
            worker.files.remove(place.base)
        text = f"Failed to initialize extension '{place.name}'"
        raise ExtensionFailure("ExtensionDownloadError", text, operation="Download", causes=(failure,)) from failure
    worker.limit(manifest)
    return manifest
