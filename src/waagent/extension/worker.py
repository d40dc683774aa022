"""One handler at work for one pair of a goal state: running its commands, writing down what they led to, telling of it.

``lifecycle`` and ``update`` say which commands. Odd: during an update the old version's commands are run for the new goal
state's extensions, and their failures are told under the old version.
"""

from __future__ import annotations

from collections.abc import Callable

from waagent.extension import capture, command, limits, settings, state, variables
from waagent.extension.command import CommandFailed, Order, Result
from waagent.extension.command_log import CommandLog
from waagent.extension.equipment import Equipment
from waagent.extension.journal import Entry, Journal
from waagent.extension.place import Place
from waagent.extension.plan import Command
from waagent.extension.sequence import Pair
from waagent.extension.unpack import read_manifest
from waagent.model.extension import HandlerManifest, HandlerState, RequestedExtension, RequestedState
from waagent.model.failure import ExtensionFailure, SystemFailure
from waagent.model.status import HandlerStatus
from waagent.system.apply import apply


class MissingCommand(ExtensionFailure):
    """The manifest lacks a command that is needed: never tolerated, whatever the manifest says of failures."""


class Worker:
    """``target`` is the version to act on."""

    def __init__(self, equipment: Equipment, pair: Pair, target: Place) -> None:
        self.equipment = equipment
        self.system = equipment.system
        self.files = equipment.system.files
        self.pair = pair
        self.request = pair.handler
        self.extension = pair.extension
        self.target = target
        self.instance = settings.instance(pair.handler, pair.extension)
        """The extension's name where a handler may have several."""
        self.journal = Journal(equipment.system, target)
        self.log = CommandLog(equipment.system, target, self.instance)

    # commands

    def order(
        self,
        which: Command,
        place: Place,
        manifest: HandlerManifest,
        extra: dict[str, str] | None = None,
        *,
        key: str | None = None,
        extension: RequestedExtension | None = None,
    ) -> Order:
        """A command of a version. ``extension``: for whom, by default the pair's. Errors: ``MissingCommand``."""
        line = which.line(manifest)
        if line is None:
            text = f"The manifest of {place.full_name} has no {which.word}Command"
            raise MissingCommand("ExtensionError", text, operation=which.operation)
        who = extension or self.extension
        own = variables.always(place, self.request, who, self.equipment.wire_endpoint()) | (extra or {})
        name = settings.instance(self.request, who)
        return Order(key or which.word, which, place, line, own, name, self.equipment.inherited)

    def run(self, order: Order) -> None:
        """Run a command, or take what an earlier agent left of it. Errors: ``CommandFailed``, ``Ending``."""
        self._await_others(order.key)
        shown = variables.shown(order.environment)
        self.log.info(f"Executing command: {order.full} with environment variables: {shown}")
        per_instance = order.command in (Command.ENABLE, Command.DISABLE) and order.extension is not None
        slice_of = f"{order.place.name}.{order.extension}" if per_instance else order.place.name
        surroundings = limits.surroundings(self.system, order.command.word, slice_of)
        once_per_boot = order.command is Command.ENABLE
        result = command.run(self.system, order, self.journal, surroundings, self._watcher(order), once_per_boot=once_per_boot)
        self._judge(order, result)
        self.equipment.changed()

    def _judge(self, order: Order, result: Result) -> None:
        try:
            command.judge(self.system, order, result)
        except CommandFailed as failure:
            self.log.error(str(failure))
            if command.NOEXEC in failure.reason:
                self.tell("NoExec", False, failure.reason.splitlines()[-1], order.place)
            self.tell(order.command.operation, False, str(failure), order.place, result.seconds)
            raise
        text = f"Command: {order.line}\n{capture.condensed(result.output)}"
        self.log.info(text)
        self.tell(order.command.operation, True, text, order.place, result.seconds)

    def tell(self, operation: str, success: bool, text: str, place: Place | None = None, seconds: float = 0.0) -> None:
        """Telemetry of something done with a version."""
        version = (place or self.target).version
        self.equipment.event(operation, success, text, name=self.pair.full_name, version=version, seconds=seconds)

    def _watcher(self, order: Order) -> Callable[[], None]:
        """Called while a command runs: tells when the extension's status file has changed."""
        path = order.place.extension_status(order.extension, int(order.environment["ConfigSequenceNumber"]))
        seen = [mark(self.equipment, path)]

        def look() -> None:
            now = mark(self.equipment, path)
            if now != seen[0]:
                seen[0] = now
                self.equipment.changed()

        return look

    # what an earlier agent left

    def _await_others(self, key: str) -> None:
        """Two commands of a handler never run at once: whatever else an earlier agent started ends first."""
        for entry in self.journal.entries():
            if entry.key != key:
                command.watch(self.system, self.journal, entry, self.equipment.changed)

    def settle(self, place: Place, wanted: Callable[[Entry], bool]) -> None:
        """Wait for what an earlier agent started in a version's directory and nobody asks for any more; take it over."""
        journal = self.journal if place == self.target else Journal(self.system, place)
        for entry in journal.entries():
            if wanted(entry):
                continue
            found = command.watch(self.system, journal, entry, self.equipment.changed)
            if found is not None:
                if entry.version == place.version:
                    self.take_over(place, entry.word, entry.extension, found)
                journal.drop(entry)

    def take_over(self, place: Place, word: str, extension: str | None, result: Result) -> None:
        """The state that a command of an earlier agent, whose operation is not gone on with, has led to."""
        if result.exit_code != 0:
            return
        if word == Command.INSTALL.word:
            state.set_handler_state(self.system, place, HandlerState.INSTALLED)
        elif word == Command.ENABLE.word:
            if extension is not None:
                state.set_extension_state(self.system, place, extension, RequestedState.ENABLED)
            state.set_handler_state(self.system, place, HandlerState.ENABLED)
        elif word == Command.DISABLE.word:
            if extension is not None:
                state.set_extension_state(self.system, place, extension, RequestedState.DISABLED)
            if extension is None or not state.any_enabled(self.files, place):
                state.set_handler_state(self.system, place, HandlerState.INSTALLED)

    # what commands lead to

    def disable(self, place: Place, extension: RequestedExtension | None) -> None:
        """Run the disable command of a version for an extension, and write down what follows."""
        name = settings.instance(self.request, extension)
        order = self.order(
            Command.DISABLE,
            place,
            read_manifest(self.files, place),
            key=f"disable {place.version} {name or ''}",
            extension=extension,
        )
        self.run(order)
        if name is not None and extension is not None:
            if extension.state is RequestedState.DISABLED:
                names = self.files.names(place.config), self.files.names(place.status)
                apply(self.system, settings.erase(place, name, *names))
            else:
                state.set_extension_state(self.system, place, name, RequestedState.DISABLED)
        if name is None or not state.any_enabled(self.files, place):
            state.set_handler_state(self.system, place, HandlerState.INSTALLED)
            self.say("NotReady", "Plugin disabled", place=place)

    def enabled_in(self, place: Place) -> Callable[[str], bool]:
        """Tells of each of several extensions whether it is enabled in a version."""
        return lambda name: state.extension_enabled(self.files, place, name)

    def limit(self, manifest: HandlerManifest) -> None:
        """Set the manifest's limits on what the handler's commands run in."""
        if self.equipment.limited:
            limits.apply(self.system, self.target.name, manifest)

    def unlimit(self, manifest: HandlerManifest | None) -> None:
        """Take them away, before the handler or its version goes."""
        if self.equipment.limited:
            limits.withdraw(self.system, self.target.name, manifest)

    def say(self, status: str, message: str, code: int = 0, place: Place | None = None) -> None:
        """Write the handler's own status."""
        where = place or self.target
        text = HandlerStatus(where.name, where.version, status, code, message, self.request.multi_config)
        if state.set_handler_status(self.system, where, text):
            self.equipment.unsaved.pop(where.base, None)
        else:
            self.equipment.unsaved[where.base] = text
        self.equipment.changed()


def mark(equipment: Equipment, path: str) -> object:
    """Something that differs whenever a file may have changed."""
    try:
        facts = equipment.system.files.facts(path)
    except SystemFailure:
        return None
    return None if facts is None else (facts.modified, facts.size)


def remove(equipment: Equipment, place: Place) -> None:
    """Remove a version from the disk, so that half of it is never taken for one.

    What still runs in there may write while it goes; the rest is left to the cleanup. Errors: ``SystemFailure``.
    """
    files = equipment.system.files
    for leftover in (place.package, place.draft):
        files.remove(leftover)
    if files.facts(place.base) is not None:
        files.rename(place.base, place.removed)
    try:
        files.remove(place.removed)
    except SystemFailure as failure:
        equipment.system.log.warning(f"{place.full_name}: {failure.reason}; the next cleanup tries again")
