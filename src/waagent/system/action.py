"""The closed set of changes to this machine, as data.

Plans are tuples of actions. ``apply`` is their only interpreter, ``trace`` prints them and changes nothing. Paths are
absolute and as the guest sees them. Every action may be applied twice with the same end (architecture.md, Concurrency).
"""

from __future__ import annotations

from dataclasses import dataclass

from waagent.model.secret import Secret

Content = bytes | Secret


@dataclass(frozen=True, kw_only=True)
class Action:
    """One change. ``why`` completes "in order to …" for the log; an optional action that fails is a warning."""

    why: str = ""
    optional: bool = False


@dataclass(frozen=True)
class WriteFile(Action):
    """Replace a file: temporary file with its final mode and owner, fsync, rename. Never follows a link at ``path``.

    ``mode`` None keeps the mode of the file replaced (else 0644); ``owner`` None keeps the owner of the file replaced
    (else root). ``check`` is a command in which ``{}`` stands for the temporary file; when it fails the old file stays.
    A file that has the content already keeps its time, unless it is to be written ``anew``.
    """

    path: str
    content: Content
    mode: int | None = None
    owner: str | None = None
    check: tuple[str, ...] = ()
    anew: bool = False


@dataclass(frozen=True)
class WriteThrough(Action):
    """Write into what is there and replace nothing: a device, or an attribute of the kernel below /sys or /proc.

    What is written is not compared with what is there: a device does not say, and an attribute may say it in other words.
    """

    path: str
    content: Content


@dataclass(frozen=True)
class MakeDirectory(Action):
    """Make a directory with its missing parents (0755, root) and set mode and owner, also where it existed already.

    ``mode`` None: 0755 for a new directory, unchanged for an old one.
    """

    path: str
    mode: int | None = None
    owner: str | None = None


@dataclass(frozen=True)
class Remove(Action):
    """Remove a file, link or whole tree; links are removed, never followed; missing is fine. ``path`` may be a glob."""

    path: str


@dataclass(frozen=True)
class EmptyDirectory(Action):
    """Remove everything in a directory and keep it; a missing one is fine."""

    path: str


@dataclass(frozen=True)
class Rename(Action):
    """Rename ``source`` to ``path``, replacing what was there; when only ``path`` exists it was done before."""

    source: str
    path: str


@dataclass(frozen=True)
class Symlink(Action):
    """Make ``path`` a link to ``target``, replacing a file or link."""

    path: str
    target: str


@dataclass(frozen=True)
class AllocateFile(Action):
    """A file of exactly ``size`` zeros, all of them with room on the disk; the file keeps its attributes if it is there.

    It has its mode before its first byte. ``written``: every byte is written, else room is reserved where the file system
    can do that. When there is not enough room the file is removed.
    """

    path: str
    size: int
    mode: int = 0o600
    written: bool = True


@dataclass(frozen=True)
class SetMode(Action):
    """Permission bits of something that is there."""

    path: str
    mode: int


@dataclass(frozen=True)
class SetOwner(Action):
    """``owner`` is a user name; the group is the user's primary group."""

    path: str
    owner: str


@dataclass(frozen=True)
class Run(Action):
    """Run a command to its end. ``stdin`` reaches the command only, ``ok`` lists the good exit codes.

    ``timeout`` in seconds. ``argv[0]`` is looked up on the fixed PATH of the door. ``unless`` names a path whose
    existence makes the command needless (it was run before).
    """

    argv: tuple[str, ...]
    stdin: Content | None = None
    ok: tuple[int, ...] = (0,)
    timeout: float = 60.0
    unless: str | None = None


Plan = tuple[Action, ...]
