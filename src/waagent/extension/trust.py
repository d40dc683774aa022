"""Whether a package may be unpacked and run: signature, signing information, and what the policy makes of both.

Follows extensions.md 5.6 and 5.7. Odd: without a policy that asks for signatures, a bad one is only told; what was validated
when it was installed stays so.
"""

from __future__ import annotations

from dataclasses import dataclass

from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.extension import signature
from waagent.extension.policy import Gate
from waagent.extension.worker import Worker
from waagent.model.extension import HandlerManifest
from waagent.system.apply import apply


@dataclass(frozen=True)
class Trust:
    """What one goal state is held to. ``checking``: signatures are looked at even where nothing asks for them."""

    gate: Gate
    checking: bool
    root: str
    openssl: str | None

    @staticmethod
    def of(gate: Gate, config: Config, paths: Paths) -> Trust:
        return Trust(gate, config.debug.enable_signature_validation, paths.root_certificate, config.os.openssl_path)

    def applies(self, worker: Worker) -> bool:
        return self.checking or self.gate.wants_signature(worker.request)

    def package_problem(self, worker: Worker) -> str | None:
        """Why the package that was fetched is not its publisher's; told, too."""
        signed = worker.request.encoded_signature
        worker.tell("ExtensionSigned", True, "signed" if signed else "not signed")
        problem = signature.unsupported(worker.system, self.openssl)
        if problem is None:
            problem = signature.signature_problem(worker.system, worker.target, signed, self.root, self.openssl)
        self._told(worker, "PackageSignatureResult", problem)
        return problem

    def manifest_problem(self, worker: Worker, manifest: HandlerManifest) -> str | None:
        """Why the manifest that was unpacked is not this handler's; a package without a problem is remembered."""
        problem = signature.signing_info_problem(manifest, worker.target.name, worker.target.version)
        self._told(worker, "PackageSigningInfoResult", problem)
        return problem

    def remember(self, worker: Worker) -> None:
        """Both checks were passed."""
        apply(worker.system, signature.mark_validated(worker.target))

    def require_installed(self, worker: Worker) -> None:
        """Errors: ``ExtensionFailure`` when the policy wants what is installed to have been validated, and it was not."""
        if self.gate.wants_signature(worker.request) and not worker.files.exists(worker.target.package_validated):
            self.gate.require_validated(worker.request, "the installed package was not validated")

    def _told(self, worker: Worker, operation: str, problem: str | None) -> None:
        worker.tell(operation, problem is None, problem or "valid")
        if problem is not None:
            worker.log.warning(f"{operation}: {problem}")
