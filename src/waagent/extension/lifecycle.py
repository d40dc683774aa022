"""The life of one handler: what ``plan`` decided is done here, command by command (extensions.md 2.5 to 2.10).

Every step that must not be done twice leaves its trace on the disk first: a state, a note in the journal, a recorded
command. An operation that was cut off anywhere is run again from its beginning and finds what is done already.

Odd: settings are written before the first command of a new version, never into an old one; failures of an ordinary
uninstall are told and forgotten; of several extensions, one that cannot be enabled does not blame its handler.
"""

from __future__ import annotations

from collections.abc import Callable

from waagent.extension import plan, settings, state, variables
from waagent.extension.journal import Entry
from waagent.extension.place import Place, versions
from waagent.extension.plan import Command, Setup
from waagent.extension.prefetch import Prefetch
from waagent.extension.prepare import prepare, require_agreement
from waagent.extension.trust import Trust
from waagent.extension.unpack import read_manifest
from waagent.extension.update import update
from waagent.extension.worker import MissingCommand, Worker, remove
from waagent.model.extension import HandlerManifest, HandlerState, PackageVersion, RequestedState
from waagent.model.failure import ExtensionFailure, SystemFailure
from waagent.system.apply import apply


class EnableFailure(ExtensionFailure):
    """One of several extensions could not be enabled: its handler is not to blame (extensions.md 3.4)."""


def enable(worker: Worker, package: PackageVersion, old: Place | None, trust: Trust, fetch: Prefetch) -> None:
    """Bring the target up, through whatever it takes; ``old`` is the installed version. Errors: ``ExtensionFailure``."""
    _settle(worker, _enabling(worker))
    target, notes = worker.target, worker.journal.notes()
    if notes.get("from") and (old is None or old.version != notes["from"]):
        old = Place.of(worker.equipment.paths, target.name, notes["from"])
    how = plan.setup(state.handler_state(worker.files, target), target.version, None if old is None else old.version)
    if how is Setup.NOTHING:
        manifest = read_manifest(worker.files, target)
        require_agreement(worker.request, manifest)
        trust.require_installed(worker)
    else:
        manifest = prepare(worker, package, trust, fetch)
    if how is not Setup.NOTHING or not _stays_disabled(worker):
        _write_settings(worker)
    if how is Setup.INSTALL:
        _install(worker, manifest)
    elif how is Setup.UPDATE and old is not None:
        update(worker, manifest, old, lambda: _install(worker, manifest))
    if how is not Setup.NOTHING:
        state.set_handler_state(worker.system, target, HandlerState.INSTALLED)
        worker.say("NotReady", "Plugin installed but not enabled")
    _bring_up(worker, manifest)


def disable(worker: Worker) -> None:
    """The legacy request ``disabled``: only what is enabled is disabled. Errors: ``ExtensionFailure``."""
    _settle(worker, _leaving)
    if state.handler_state(worker.files, worker.target) is not HandlerState.ENABLED:
        return
    if worker.instance is None or state.extension_enabled(worker.files, worker.target, worker.instance):
        worker.disable(worker.target, worker.extension)


def uninstall(worker: Worker) -> None:
    """Disable and uninstall the target, then remove it. Errors: ``ExtensionFailure`` when disabling failed."""
    _settle(worker, _leaving)
    target = worker.target
    steps = plan.uninstall(state.handler_state(worker.files, target), plan.disable(worker.request, worker.enabled_in(target)))
    manifest = read_manifest(worker.files, target) if steps else None
    for step in steps:
        if step.command is Command.DISABLE:
            worker.disable(target, step.extension)
        elif manifest is not None:
            _uninstall(worker, manifest)
    worker.unlimit(manifest)
    remove(worker.equipment, target)
    worker.equipment.changed()


def _install(worker: Worker, manifest: HandlerManifest) -> None:
    code = worker.journal.notes().get("uninstall", plan.NOT_RUN)
    worker.run(worker.order(Command.INSTALL, worker.target, manifest, variables.uninstalled(code)))


def _uninstall(worker: Worker, manifest: HandlerManifest) -> None:
    order = worker.order(Command.UNINSTALL, worker.target, manifest, key=f"uninstall {worker.target.version}")
    try:
        worker.run(order)
    except MissingCommand:
        raise
    except ExtensionFailure as failure:
        worker.log.warning(f"the directory is removed all the same: {failure}")


def _write_settings(worker: Worker) -> None:
    place, request, extension = worker.target, worker.request, worker.extension
    try:
        apply(worker.system, settings.plan(place, request, extension))
        settings.keep_newest(worker.files, settings.path(place, request, extension))
    except SystemFailure as failure:
        raise ExtensionFailure("ExtensionError", "The settings could not be written", causes=(failure,)) from failure


def _stays_disabled(worker: Worker) -> bool:
    """One of several extensions that is disabled and is to be: it needs no settings."""
    extension = worker.extension
    if worker.instance is None or extension is None or extension.state is not RequestedState.DISABLED:
        return False
    return not state.extension_enabled(worker.files, worker.target, worker.instance)


def _bring_up(worker: Worker, manifest: HandlerManifest) -> None:
    """The level of the extension: enable it, or disable one of several."""
    extension = worker.extension
    if extension is None or extension.state is RequestedState.ENABLED:
        _enable(worker, manifest)
    elif extension.state is RequestedState.DISABLED and worker.instance is not None:
        if state.extension_enabled(worker.files, worker.target, worker.instance):
            try:
                worker.disable(worker.target, extension)
            except ExtensionFailure as failure:
                worker.log.warning(f"disabling failed and is not tried again: {failure}")
    else:
        raise ExtensionFailure("ExtensionsGoalStateError", f"The requested state of extension {extension.name} is not known")


def _enable(worker: Worker, manifest: HandlerManifest) -> None:
    worker.limit(manifest)
    code = plan.NOT_RUN if worker.extension is None else worker.journal.notes().get("uninstall", plan.NOT_RUN)
    try:
        worker.run(worker.order(Command.ENABLE, worker.target, manifest, variables.uninstalled(code), key=_enable_key(worker)))
    except ExtensionFailure as failure:
        if worker.instance is None:
            raise
        raise EnableFailure("MultiConfigExtensionEnableError", str(failure), operation="Enable") from failure
    if worker.instance is not None:
        state.set_extension_state(worker.system, worker.target, worker.instance, RequestedState.ENABLED)
    state.set_handler_state(worker.system, worker.target, HandlerState.ENABLED)
    worker.say("Ready", "Plugin enabled")


def _enable_key(worker: Worker) -> str:
    number = 0 if worker.extension is None else worker.extension.sequence_number
    return _key(worker.instance, number)


def _key(instance: str | None, sequence_number: int) -> str:
    return f"enable {instance or ''} {sequence_number}"


def _settle(worker: Worker, wanted: Callable[[Entry], bool]) -> None:
    """Let end what an earlier agent started for a goal state that is no more."""
    for place in versions(worker.files, worker.equipment.paths, worker.target.name):
        worker.settle(place, wanted if place == worker.target else _nothing)


def _enabling(worker: Worker) -> Callable[[Entry], bool]:
    """What enabling goes on with: the commands of a setup, and the enabling of what is still asked for."""
    request = worker.request
    keys = {_enable_key(worker)}
    keys |= {_key(settings.instance(request, each), each.sequence_number) for each in request.extensions}
    return lambda entry: entry.word != Command.ENABLE.word or entry.key in keys


def _leaving(entry: Entry) -> bool:
    return entry.word in (Command.DISABLE.word, Command.UNINSTALL.word)


def _nothing(entry: Entry) -> bool:
    return False
