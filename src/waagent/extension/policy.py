"""Whether an extension may be processed at all: by configuration, and by the administrator's policy file.

Follows extensions.md 3.6 and 5.7. Odd: a policy applies to disabling and uninstalling too, with another code; a file that
is there and cannot be understood allows nothing. Unlike the reference, ``signatureRequired`` is enforced: an extension is
then only enabled from a package whose signature holds, or that was validated when it was installed.
"""

from __future__ import annotations

from dataclasses import dataclass

from waagent.codec import policy as policy_document
from waagent.codec.policy import Policy
from waagent.config.sections import Config
from waagent.model.extension import RequestedHandler, RequestedState
from waagent.model.failure import DocumentFailure, ExtensionFailure, SystemFailure
from waagent.system.port import Files

ENABLE_REFUSED = 1009
OTHER_REFUSED = 1010
CONFIGURATION = "/etc/waagent.conf"
_LIMIT = 1024 * 1024
_PREFIX = "Extension will not be processed"


@dataclass(frozen=True)
class Refusal:
    """Why a handler is not processed: code and message of its status, as extensions.md 3.5 reports it.

    ``blocks``: counts as a failure for what depends on it (a name that is not on the list does; the others stop
    everything anyway).
    """

    code: int
    message: str
    blocks: bool = False


@dataclass(frozen=True)
class Gate:
    """What applies to one goal state. ``policy`` None: there is no active policy; ``invalid`` says why it is none."""

    enabled: bool = True
    policy: Policy | None = None
    invalid: str | None = None
    configuration: str = CONFIGURATION

    def refusal(self, handler: RequestedHandler, name: str | None = None) -> Refusal | None:
        """Why a handler, or the instance of the full name ``name``, is not processed; None when it is.

        The order is the contract's (extensions.md 3.2): configuration, an invalid policy, and, after the caller's check
        of dependencies, the list. ``first`` and ``listed`` give the two halves.
        """
        return self.first(handler, name) or self.listed(handler)

    def first(self, handler: RequestedHandler, name: str | None = None) -> Refusal | None:
        """The refusals that come before dependencies: extensions disabled by configuration, an invalid policy."""
        if not self.enabled:
            message = (
                f"Extension '{name or handler.name}' will not be processed since extension processing is disabled. "
                f"To enable it, set Extensions.Enabled=y in '{self.configuration}'"
            )
            return Refusal(_code(handler), message)
        if self.invalid is not None:
            return Refusal(_code(handler), f"{_PREFIX}: [InvalidPolicyError] {self.invalid}")
        return None

    def listed(self, handler: RequestedHandler) -> Refusal | None:
        """The refusal of a handler that the policy does not list."""
        if self.policy is None or self.policy.allows(handler.name):
            return None
        verb = "run" if handler.state is RequestedState.ENABLED else "uninstall"
        message = (
            f"{_PREFIX}: failed to {verb} extension '{handler.name}' because it is not on the allow list of the policy "
            f"file at '{self.policy.path}'."
        )
        return Refusal(_code(handler), message, blocks=True)

    def wants_signature(self, handler: RequestedHandler) -> bool:
        """Whether the package of a handler must be validated before its commands run.

        Only what is to be enabled: goal states that uninstall carry no signature (fabric.md 8.5).
        """
        enabling = handler.state is RequestedState.ENABLED
        return enabling and self.policy is not None and self.policy.wants_signature(handler.name)

    def require_validated(self, handler: RequestedHandler, problem: str | None) -> None:
        """Stop a handler whose package had to be validated and was not; ``problem`` None means that it was.

        Errors: ``ExtensionFailure`` with code 1009.
        """
        if problem is None or not self.wants_signature(handler):
            return
        assert self.policy is not None
        reason = (
            f"{_PREFIX}: failed to run extension '{handler.name}' because the policy file at '{self.policy.path}' requires "
            f"a valid signature: {problem}"
        )
        raise ExtensionFailure("ExtensionPolicyError", reason, code=ENABLE_REFUSED, operation="ExtensionPolicy")


def load(files: Files, config: Config, configuration: str = CONFIGURATION) -> Gate:
    """What configuration and policy file say now; asked anew for every goal state. Never raises."""
    enabled = config.extensions.enabled
    path = config.policy.policy_file_path
    if not config.debug.enable_extension_policy:
        return Gate(enabled, configuration=configuration)
    try:
        if files.facts(path) is None:
            return Gate(enabled, configuration=configuration)
        return Gate(enabled, policy_document.parse(files.read(path, _LIMIT), path), configuration=configuration)
    except DocumentFailure as failure:
        return Gate(enabled, invalid=f"the policy file is not valid: {failure.reason}", configuration=configuration)
    except SystemFailure as failure:
        return Gate(enabled, invalid=f"the policy file cannot be read: {failure.reason}", configuration=configuration)


def _code(handler: RequestedHandler) -> int:
    return ENABLE_REFUSED if handler.state is RequestedState.ENABLED else OTHER_REFUSED
