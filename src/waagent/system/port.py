"""The ports: everything this program can do to, or learn from, the world outside its own memory.

``system.real`` implements them; tests implement them in memory. ``System`` bundles them, and only ``cli`` builds a real
one. Paths are absolute and as the guest sees them; an implementation may put a root in front of every path.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Protocol

from waagent.model.secret import Secret


class Kind(enum.Enum):
    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"
    OTHER = "other"


@dataclass(frozen=True)
class FileFacts:
    """What ``lstat`` says of a path; ``target`` only for links."""

    kind: Kind
    mode: int
    uid: int
    gid: int
    size: int
    modified: float
    target: str | None = None


class Watch(Protocol):
    """A wait for changes. Open it, look, then wait: nothing that changes after the opening is missed."""

    def wait(self, seconds: float) -> bool:
        """Wait for a change, at most so many seconds; look again in any case. False at once when the program is ending."""
        ...

    def fileno(self) -> int | None:
        """A descriptor that is readable while there is news, for ``Scheduler.listen``; None where nothing tells of any."""
        ...

    def drain(self) -> None:
        """Take what was said so far as heard."""
        ...

    def close(self) -> None: ...


class Files(Protocol):
    """Files of the guest. Reads follow links inside the root; changes never follow a link in the last component.

    Errors: ``SystemFailure`` naming path and cause; ``facts``, ``read_if_there`` and ``names`` take missing as an answer.
    """

    def facts(self, path: str) -> FileFacts | None: ...
    def exists(self, path: str) -> bool: ...
    def read(self, path: str, limit: int = 64 * 1024 * 1024) -> bytes: ...
    def read_if_there(self, path: str, limit: int = 64 * 1024 * 1024) -> bytes | None: ...
    def names(self, directory: str, limit: int | None = None) -> tuple[str, ...]:
        """Sorted entries; empty when the directory is missing. ``limit``: so many at most, those that come first to hand."""
        ...

    def glob(self, pattern: str) -> tuple[str, ...]:
        """Sorted paths that match, links not followed in the last component."""
        ...

    def write(self, path: str, content: bytes, mode: int | None = None, owner: str | None = None) -> None:
        """Atomic replacement as ``action.WriteFile`` describes it."""
        ...

    def write_through(self, path: str, content: bytes) -> None:
        """Write into what is there and replace nothing: a device, or an attribute of the kernel below /sys or /proc."""
        ...

    def append(self, path: str, content: bytes, mode: int = 0o644) -> None: ...
    def append_shared(self, path: str, content: bytes, *, stale_before: float | None = None) -> None:
        """Append to a file that other programs lock and write too, under both kinds of lock (fabric.md 12.2).

        A file last written before ``stale_before`` (seconds since 1970) is emptied first; a missing one is made, 0644.
        """
        ...

    def make_directory(self, path: str, mode: int | None = None, owner: str | None = None) -> None: ...
    def remove(self, path: str) -> None: ...
    def rename(self, source: str, path: str) -> None: ...
    def symlink(self, path: str, target: str) -> None: ...
    def set_mode(self, path: str, mode: int) -> None: ...
    def set_owner(self, path: str, owner: str) -> None: ...
    def set_modified(self, path: str, moment: float | None = None) -> None: ...
    def create(self, path: str, mode: int = 0o600) -> BinaryIO:
        """A new file open for writing, for downloads; refuses an existing link. The caller closes it."""
        ...

    def open(self, path: str) -> BinaryIO: ...
    def open_warily(self, path: str) -> BinaryIO:
        """Open a file that others may have put there: a plain file, through no link but those of root.

        Where extensions keep house no link is followed at all, and a file with a second name is refused. It is for reading
        once: what the machine keeps of it in memory is let go when it is closed.
        """
        ...

    def allocate(self, path: str, size: int, mode: int, *, written: bool) -> None:
        """A file of so many zeros with room on the disk for all of them, as ``action.AllocateFile`` describes it."""
        ...

    def scratch(self, directory: str) -> tuple[BinaryIO, BinaryIO]:
        """An unnamed new file in a directory, open for writing and, with a position of its own, for reading."""
        ...

    def sync(self, directory: str) -> None:
        """Bring a directory and everything below it to the disk."""
        ...

    def space(self, path: str) -> int:
        """Bytes free for root on the file system of ``path``."""
        ...

    def watch(self, directories: Sequence[str], *, writes: bool = True) -> Watch:
        """Watch entries come and go in directories and, with ``writes``, files being written; they may be missing yet."""
        ...

    def real_path(self, path: str) -> str:
        """The path for use outside the door (arguments of commands): ``path`` itself for the machine's own root."""
        ...


@dataclass(frozen=True)
class Completed:
    """A command that ended. Output is UTF-8 with bad bytes escaped."""

    argv: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str
    stdout_bytes: bytes = b""


class Child(Protocol):
    """A command that runs on its own, in its own session."""

    @property
    def pid(self) -> int: ...
    def fileno(self) -> int:
        """Readable when the command has ended (a pidfd, or a pipe where there are none)."""
        ...

    def poll(self) -> int | None:
        """Exit status as ``subprocess`` gives it (negative for a signal), or None while it runs."""
        ...

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait at most ``timeout`` seconds without polling; None when it still runs."""
        ...

    def kill_group(self) -> None: ...


class Commands(Protocol):
    """Programs. argv only, stdin closed unless given, environment rebuilt (PATH, LANG=C.UTF-8), a deadline always."""

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes | Secret | None = None,
        timeout: float = 60.0,
        ok: Iterable[int] | None = (0,),
        environment: Mapping[str, str] | None = None,
        directory: str | None = None,
    ) -> Completed:
        """Run to the end. ``ok`` None accepts every exit code.

        Errors: ``CommandFailure`` when it cannot start, exits with another code, or passes ``timeout`` seconds.
        """
        ...

    def spawn(
        self,
        argv: Sequence[str],
        *,
        directory: str,
        environment: Mapping[str, str],
        stdout: BinaryIO | None,
        stderr: BinaryIO | None,
    ) -> Child:
        """Start in a session of its own with exactly ``environment``; output without a place is thrown away.

        Errors: ``CommandFailure``.
        """
        ...

    def find(self, program: str) -> str | None:
        """Where the program is on the fixed PATH, or None."""
        ...


@dataclass(frozen=True)
class Request:
    """One HTTP request. ``deadline`` bounds the whole exchange in seconds, ``limit`` the body in bytes."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    deadline: float = 10.0
    limit: int = 16 * 1024 * 1024
    proxied: bool = False
    """True only for storage: the wire server, the host plugin and metadata never go through a proxy (trap 24)."""
    sink: Callable[[bytes], object] | None = None
    """Takes the body of a 2xx answer piece by piece; ``Response.body`` is then empty."""
    source: Callable[[], BinaryIO] | None = None
    """Opens the body for each attempt when it is too large for memory; its length is among the headers."""
    patience: float | None = None
    """Longest silence in seconds, connecting included; None: the deadline alone counts. For long downloads."""


@dataclass(frozen=True)
class Response:
    """An answer with its whole body read. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Http(Protocol):
    """HTTP with kept-alive connections, no redirects and no decoding. Errors: ``HttpFailure``; every status is an answer."""

    def send(self, request: Request) -> Response: ...


class Clock(Protocol):
    def now(self) -> datetime:
        """The wall clock, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump; the only source for durations and deadlines (guest.md trap 48)."""
        ...

    def pause(self, seconds: float) -> bool:
        """Wait between two tries of a request policy. False when the program is ending; the caller then gives up."""
        ...


class Listener(Protocol):
    """A TCP port on which every connection gets one answer."""

    def serve(self, answer: Callable[[], bytes]) -> None:
        """Answer until the end of the program or ``close``; what clients say is not looked at. Errors: ``SystemFailure``."""
        ...

    def close(self) -> None:
        """End ``serve``, from any thread."""
        ...


class Sockets(Protocol):
    """What DHCP and address discovery need of the network, and what the kernel tells of it, of devices and of its name."""

    def broadcast(self, packet: bytes, *, interface: str, timeout: float, accept: Callable[[bytes], bool]) -> bytes | None:
        """Send from UDP 68 to 255.255.255.255:67 and return the first reply that ``accept`` takes, or None in time."""
        ...

    def interfaces(self) -> tuple[tuple[str, bytes], ...]:
        """Names and hardware addresses of the non-loopback interfaces."""
        ...

    def watch_links(self) -> Watch:
        """Watch network links come, go, and change their state."""
        ...

    def watch_routes(self) -> Watch:
        """Watch links, and the IPv4 addresses and routes too."""
        ...

    def watch_devices(self) -> Watch:
        """Watch devices come, go and change, as the kernel sees them."""
        ...

    def watch_packet_filter(self) -> Watch:
        """Watch rules of nftables come and go, whoever changes them; those of iptables too where it keeps them there."""
        ...

    def watch_host_name(self) -> Watch:
        """Watch the host name change, whoever changes it."""
        ...

    def listen(self, address: str, port: int) -> Listener:
        """Take a TCP port. Errors: ``SystemFailure``."""
        ...

    def host_name(self) -> str: ...
    def local_address(self, towards: str) -> str | None:
        """The source address the kernel would use towards an address; nothing is sent."""
        ...


class Log(Protocol):
    """The agent's log (guest.md 8.3). Everything is redacted before it is written."""

    def phase(self, text: str) -> None:
        """One line per boot phase: logged as information, and shown on the console while the machine is being set up."""
        ...

    def verbose(self, text: str) -> None: ...
    def info(self, text: str) -> None: ...
    def warning(self, text: str) -> None: ...
    def error(self, text: str) -> None: ...


@dataclass(frozen=True)
class System:
    """The whole door."""

    files: Files
    commands: Commands
    http: Http
    clock: Clock
    sockets: Sockets
    log: Log
