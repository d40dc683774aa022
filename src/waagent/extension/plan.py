"""What is to be done for one handler, decided from facts alone (extensions.md 2.4, 2.5, 2.7, 2.10 and the table 2.11).

The commands of an operation are named here in their order; ``lifecycle`` runs them. Odd: a downgrade runs the *old*
version's update command, and both modes of an update differ only in whether the new version is installed.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from waagent.model.extension import (
    HandlerManifest,
    HandlerState,
    PackageVersion,
    RequestedExtension,
    RequestedHandler,
    RequestedState,
)
from waagent.model.failure import ExtensionFailure
from waagent.model.version import Version


class Command(enum.Enum):
    """A command of a manifest: its word, timeout in seconds, error code, and operation name in events."""

    INSTALL = ("install", 900, 1007, "Install")
    ENABLE = ("enable", 300, 1009, "Enable")
    UPDATE = ("update", 900, 1008, "Update")
    DISABLE = ("disable", 900, 1010, "Disable")
    UNINSTALL = ("uninstall", 300, 1000, "UnInstall")

    def __init__(self, word: str, timeout: int, code: int, operation: str) -> None:
        self.word = word
        self.timeout = timeout
        self.code = code
        self.operation = operation

    def line(self, manifest: HandlerManifest) -> str | None:
        """The command line in a manifest, None when the key is missing."""
        found: str | None = getattr(manifest, f"{self.word}_command")
        return found


TIMED_OUT = 1011
NOT_RUN = "NOT_RUN"


class Side(enum.Enum):
    """Whose command runs in an update."""

    OLD = "old"
    NEW = "new"


class Setup(enum.Enum):
    """What brings the requested version to ``Installed``."""

    NOTHING = "nothing"
    INSTALL = "install"
    UPDATE = "update"


@dataclass(frozen=True)
class Step:
    """One command of an operation; ``extension`` for commands that run once per settings instance."""

    command: Command
    side: Side = Side.NEW
    extension: RequestedExtension | None = None


def setup(state: HandlerState, version: str, old: str | None) -> Setup:
    """How the requested version, being in ``state``, is set up when ``old`` is the installed version."""
    if state not in (HandlerState.NOT_INSTALLED, HandlerState.FAILED_UPGRADE):
        return Setup.NOTHING
    return Setup.INSTALL if old is None or same(old, version) else Setup.UPDATE


def update(
    *, old: str, new: str, with_install: bool, old_state: HandlerState, disabled: Sequence[RequestedExtension | None]
) -> tuple[Step, ...]:
    """The commands of an update up to the state ``Installed``; ``disabled`` is what ``disable`` chose for the old version."""
    steps: list[Step] = []
    if old_state is HandlerState.ENABLED:
        steps += [Step(Command.DISABLE, Side.OLD, extension) for extension in disabled]
    steps.append(Step(Command.UPDATE, Side.OLD if newer(old, new) else Side.NEW))
    steps.append(Step(Command.UNINSTALL, Side.OLD))
    if with_install:
        steps.append(Step(Command.INSTALL, Side.NEW))
    return tuple(steps)


def disable(handler: RequestedHandler, enabled: Callable[[str], bool]) -> tuple[RequestedExtension | None, ...]:
    """Which extensions a handler's disabling takes: once without settings, else each, of several only the enabled ones."""
    if not handler.extensions:
        return (None,)
    if not handler.multi_config:
        return handler.extensions
    return tuple(extension for extension in handler.extensions if enabled(extension.name))


def uninstall(state: HandlerState, disabled: Sequence[RequestedExtension | None]) -> tuple[Step, ...]:
    """The commands before a handler's directory goes."""
    if state is HandlerState.NOT_INSTALLED:
        return ()
    steps = [Step(Command.DISABLE, extension=extension) for extension in disabled] if state is HandlerState.ENABLED else []
    return (*steps, Step(Command.UNINSTALL))


def select(handler: RequestedHandler, listed: Sequence[PackageVersion], installed: str | None) -> PackageVersion:
    """The version to act on (extensions.md 2.4). Errors: ``ExtensionFailure`` when an enabled handler finds none."""
    if handler.state is not RequestedState.ENABLED:
        wanted = installed or handler.version
        return next((each for each in listed if same(each.version, wanted)), PackageVersion(wanted, ()))
    requested = Version.parse(handler.version)
    candidates = [(Version.parse(each.version), each) for each in listed]
    fitting = [(version, each) for version, each in candidates if version and requested and requested.matches(version)]
    if not fitting:
        raise ExtensionFailure(
            "ExtensionError",
            f"Unable to find version {handler.version} in manifest for extension {handler.name}",
            operation="Download",
        )
    return max(fitting, key=lambda pair: pair[0])[1]


def same(one: str, other: str) -> bool:
    """Whether two texts name the same version."""
    first, second = Version.parse(one), Version.parse(other)
    return one == other if first is None or second is None else first == second


def newer(one: str, other: str) -> bool:
    first, second = Version.parse(one), Version.parse(other)
    return first is not None and second is not None and first > second
