"""What was seen of a handler's life, as plain values: what the rules look at. Nothing here decides, and no secret is kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

INSTALL, SETTINGS, SAME, RESTART, UPDATE = "install", "new settings", "same goal state", "agent restart", "update"
REBOOT, DISABLE, UNINSTALL = "reboot", "disable", "uninstall"

LIMITS = {"install": 900.0, "enable": 300.0, "update": 900.0, "disable": 900.0, "uninstall": 300.0}
"""Seconds after which an agent kills the command (extensions 2.9)."""


@dataclass(frozen=True)
class Command:
    """One run of a command. `status` and `seconds` None: it never came to its end. `at`: of the wall clock.

    `lines`: command lines of processes that were new while it ran, `most` of them at a time, `torn`: status files that were no
    JSON at a moment. `orphaned`: the agent's process that started it ended meanwhile. `words`: the end of its standard
    error when it failed.
    """

    command: str
    version: str
    sequence: str | None
    at: float = 0.0
    instance: str = ""
    status: int | None = None
    seconds: float | None = None
    ended: float | None = None
    waited: float = 0.0
    mrseq_before: str | None = None
    mrseq: str | None = None
    statuses_before: Mapping[str, Any] = field(default_factory=dict)
    statuses: Mapping[str, Any] = field(default_factory=dict)
    lines: tuple[str, ...] = field(default=(), repr=False)
    most: int = 0
    torn: Mapping[str, str] = field(default_factory=dict)
    orphaned: bool = False
    words: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        return f"{self.command}{f' ({self.instance})' if self.instance else ''} of {self.version}"

    @property
    def written(self) -> tuple[str, ...]:
        """Status files that it made or changed."""
        names = (name for name, what in self.statuses.items() if self.statuses_before.get(name) != what)
        return tuple(name for name in names if name.endswith(".status"))


@dataclass(frozen=True)
class StatusFile:
    """A status file of the handler as it is at the end of a stage. `content` None: there is none."""

    name: str
    instance: str
    sequence: int
    content: bytes | None = field(default=None, repr=False)
    size: int = 0


@dataclass(frozen=True)
class Heartbeat:
    content: bytes | None = None
    age: float = 0.0


@dataclass(frozen=True)
class Stage:
    """One step of the life. `problem`: why it did not come to its end, empty when it did.

    `expected`: commands that it should have brought about. `reported`: what the status blob said at last, per instance,
    `words` the status of each in a word, `message` the handler's own. `linked`: directories of the handler that had become
    links.
    """

    name: str
    version: str
    sequence: int
    expected: tuple[str, ...] = ()
    commands: tuple[Command, ...] = ()
    problem: str = ""
    reported: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    message: str = ""
    files: tuple[StatusFile, ...] = ()
    other_statuses: tuple[str, ...] = ()
    mrseq: str | None = None
    heartbeat: Heartbeat | None = None
    events: Mapping[str, bytes] = field(default_factory=dict)
    linked: tuple[str, ...] = ()
    logged: int = 0
    agent_died: str = ""

    @property
    def enables(self) -> bool:
        return "enable" in self.expected

    @property
    def seconds(self) -> float:
        return sum(one.seconds if one.seconds is not None else one.waited for one in self.commands)


@dataclass(frozen=True)
class Leak:
    """A secret in plain text. `secret`: which one by its key, never its text. `open`: others than root can read the file."""

    secret: str
    where: str
    kind: str  # log, status, process, file, fabric
    stage: str
    open: bool = False


@dataclass(frozen=True)
class Left:
    """What is in the guest after the uninstallation and was not before the installation. What the user allowed is out."""

    files: tuple[str, ...] = ()
    processes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evidence:
    name: str
    version: str
    source: str
    agent: str
    declares_heartbeat: bool = False
    multi_config: bool = False
    stages: tuple[Stage, ...] = ()
    secrets: tuple[str, ...] = ()
    leaks: tuple[Leak, ...] = ()
    left: Left | None = None
    logs_elsewhere: tuple[str, ...] = ()

    @property
    def commands(self) -> tuple[tuple[Stage, Command], ...]:
        """Those of the judged package: an older one that is updated from is not judged."""
        return tuple((stage, one) for stage in self.stages for one in stage.commands if not self.is_old(one.version))

    @property
    def enabled(self) -> tuple[Stage, ...]:
        """Stages after which the judged handler should be enabled."""
        return tuple(stage for stage in self.stages if stage.enables and not self.is_old(stage.version))

    def is_old(self, version: str) -> bool:
        return _numbers(version) < _numbers(self.version)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
