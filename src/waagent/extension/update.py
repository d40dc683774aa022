"""From an installed version to another one, up or down (extensions.md 2.7).

The journal's notes say how far the sequence came: ``from``, ``disable:<ext>``, ``copied``, ``update``, ``uninstall``. A
failure ends the operation, and the next goal state begins anew. Odd: whether failures of the *old* version's commands are
tolerated stands in the *new* manifest; the old directory goes before the new version is installed.
"""

from __future__ import annotations

from collections.abc import Callable

from waagent.extension import plan, state, variables
from waagent.extension.command import CommandFailed
from waagent.extension.place import Place
from waagent.extension.plan import Command, Side, Step
from waagent.extension.unpack import read_manifest
from waagent.extension.worker import Worker, remove
from waagent.model.extension import HandlerManifest, HandlerState
from waagent.model.failure import ExtensionFailure, SystemFailure
from waagent.system.port import Kind


def update(worker: Worker, manifest: HandlerManifest, old: Place, install: Callable[[], object]) -> None:
    """Everything before the new version counts as installed. Errors: ``ExtensionFailure``, ``Ending``."""
    worker.journal.note(**{"from": old.version})
    steps = plan.update(
        old=old.version,
        new=worker.target.version,
        with_install=manifest.update_with_install,
        old_state=state.handler_state(worker.files, old),
        disabled=plan.disable(worker.request, worker.enabled_in(old)),
    )
    for step in steps:
        if step.command is Command.DISABLE:
            _disable(worker, step, old, manifest)
    _copy(worker, old)
    for step in steps:
        if step.command is Command.UPDATE:
            _update(worker, step, old, manifest)
        elif step.command is Command.UNINSTALL:
            _uninstall(worker, old, manifest)
        elif step.command is Command.INSTALL:
            install()


def _disable(worker: Worker, step: Step, old: Place, manifest: HandlerManifest) -> None:
    several = step.extension is not None and worker.request.multi_config
    key = f"disable:{step.extension.name}" if several and step.extension is not None else "disable:"
    if key not in worker.journal.notes():
        worker.journal.note(**{key: _tolerated(manifest, lambda: worker.disable(old, step.extension))})


def _copy(worker: Worker, old: Place) -> None:
    """The new version starts with the old one's ``mrseq`` and status files."""
    files = worker.files
    if "copied" in worker.journal.notes():
        return
    pairs = [(old.mrseq, worker.target.mrseq)]
    pairs += [(f"{old.status}/{name}", f"{worker.target.status}/{name}") for name in files.names(old.status)]
    for source, copy in pairs:
        facts = files.facts(source)
        if facts is not None and facts.kind is Kind.FILE:
            files.write(copy, files.read(source), facts.mode)
            files.set_modified(copy, facts.modified)
    worker.journal.note(copied="yes")


def _update(worker: Worker, step: Step, old: Place, manifest: HandlerManifest) -> None:
    notes = worker.journal.notes()
    if "update" in notes:
        return
    downgrade = step.side is Side.OLD
    place = old if downgrade else worker.target
    codes = {key.partition(":")[2]: code for key, code in notes.items() if key.startswith("disable:")}
    extra = variables.updating(worker.request, old=old.version, new=worker.target.version, codes=codes)
    of = read_manifest(worker.files, old) if downgrade else manifest
    order = worker.order(Command.UPDATE, place, of, extra, key=f"update {old.version} {worker.target.version}")
    try:
        worker.run(order)
    except CommandFailed:
        state.set_handler_state(worker.system, place, HandlerState.FAILED_UPGRADE)
        raise
    worker.journal.note(update="0")


def _uninstall(worker: Worker, old: Place, manifest: HandlerManifest) -> None:
    """Uninstall the old version and remove its directory, whatever is left of it."""

    def run() -> None:
        of = read_manifest(worker.files, old)
        worker.unlimit(of)
        worker.run(worker.order(Command.UNINSTALL, old, of, key=f"uninstall {old.version}"))

    if "uninstall" not in worker.journal.notes():
        worker.journal.note(uninstall=_tolerated(manifest, run))
    try:
        remove(worker.equipment, old)
    except SystemFailure as failure:
        worker.log.warning(f"the directory of version {old.version} could not be removed: {failure.reason}")


def _tolerated(manifest: HandlerManifest, run: Callable[[], object]) -> str:
    """The exit code of an old version's command as text. Errors: ``ExtensionFailure`` 1008 unless it is tolerated."""
    try:
        run()
        return "0"
    except CommandFailed as failure:
        if not manifest.continue_on_update_failure:
            text = f"{failure}; ContinueOnUpdate: False"
            raise ExtensionFailure("ExtensionUpdateError", text, code=Command.UPDATE.code, operation="Update") from failure
        return str(failure.code if failure.exit_code is None else failure.exit_code)
