"""Where a failure is written down so that the fabric sees it: the handler's status, or a status file in the extension's place.

Follows extensions.md 3.2 to 3.6 and 4.5. Odd: of a single extension only the handler's status tells a failure; of several
extensions each gets a status file, unless it wrote one itself; what is not allowed at all overwrites the file.
"""

from __future__ import annotations

from waagent.extension import state, status
from waagent.extension.command import CommandFailed
from waagent.extension.lifecycle import EnableFailure
from waagent.extension.policy import Refusal
from waagent.extension.worker import Worker
from waagent.model.extension import RequestedState
from waagent.model.failure import ExtensionFailure, Failure, SystemFailure
from waagent.model.secret import redact
from waagent.model.status import ExtensionStatus
from waagent.system.apply import apply

UNKNOWN = -1


def failed(worker: Worker, failure: Failure) -> None:
    """Processing a pair failed."""
    code = failure.code if isinstance(failure, ExtensionFailure) else UNKNOWN
    operation = (failure.operation if isinstance(failure, ExtensionFailure) else None) or "ExtensionProcessing"
    text = str(failure) if isinstance(failure, ExtensionFailure) else f"[ExtensionError] {failure}"
    if isinstance(failure, EnableFailure):
        text = f"Error processing MultiConfig extension {worker.pair.full_name}: {text}"
    else:
        if isinstance(failure, ExtensionFailure) and failure.kind == "ExtensionDownloadError":
            text = f"Failed to download artifacts: {text}"
        worker.say("NotReady", redact(text), code)
    if not isinstance(failure, (CommandFailed, EnableFailure)):  # of commands ``Worker.run`` has told
        worker.log.error(text)
        worker.tell(operation, False, redact(text))
    _in_its_place(worker, operation, UNKNOWN if isinstance(failure, EnableFailure) else code, text)


def invalid(worker: Worker, reason: str) -> None:
    """The goal state says something impossible of the handler."""
    prefix, suffix = "Ran into config errors", "Please retry again as another operation with updated settings"
    text = reason if reason.startswith(prefix) else f"{prefix}: {reason}. {suffix}"
    worker.say("NotReady", redact(text), UNKNOWN)
    worker.log.error(text)
    worker.tell("InvalidExtensionConfig", False, redact(text))
    _in_its_place(worker, "InvalidExtensionConfig", UNKNOWN, text)


def skipped(worker: Worker, reason: str) -> None:
    """Something that this pair waits for failed."""
    several = worker.instance is not None
    if not several or state.handler_status(worker.files, worker.target) is None:
        worker.say("NotReady", reason, UNKNOWN)
    worker.log.warning(reason)
    worker.tell("ExtensionProcessing", False, reason)
    _in_its_place(worker, "ExtensionProcessing", UNKNOWN, reason)


def refused(worker: Worker, refusal: Refusal) -> None:
    """Configuration or policy do not allow the pair."""
    worker.say("NotReady", refusal.message, refusal.code)
    worker.log.error(refusal.message)
    worker.tell("ExtensionPolicy", False, refusal.message)
    if worker.request.state is RequestedState.ENABLED and worker.extension is not None:
        _write(worker, None, refusal.code, refusal.message)


def _in_its_place(worker: Worker, operation: str, code: int, text: str) -> None:
    """Write a status file for one of several extensions that has none."""
    extension = worker.extension
    if worker.instance is None or extension is None:
        return
    if worker.files.facts(worker.target.extension_status(worker.instance, extension.sequence_number)) is None:
        _write(worker, operation, code, text)


def _write(worker: Worker, operation: str | None, code: int, text: str) -> None:
    assert worker.extension is not None
    said = ExtensionStatus(
        worker.pair.full_name, worker.extension.sequence_number, "error", code, redact(text), operation=operation
    )
    try:
        apply(worker.system, status.placeholder(worker.target, said, worker.system.clock.now(), extension=worker.instance))
    except SystemFailure as failure:
        worker.log.warning(failure.reason)
    worker.equipment.changed()
