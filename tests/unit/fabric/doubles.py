"""Small stand-ins for the ports that the fabric's clients use; nothing here touches the machine."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from fnmatch import fnmatchcase
from typing import Any, BinaryIO, cast

from unit.fakes import ListLog
from waagent.model.failure import CommandFailure, HttpFailure, SystemFailure
from waagent.system.port import Completed, Request, Response, System

Answer = Response | HttpFailure | tuple[int, bytes] | int


class FakeHttp:
    """Answers by a function of the request, or from a list in order; remembers every request."""

    def __init__(self, answers: Callable[[Request], Answer] | Iterable[Answer]) -> None:
        self._answers = answers if callable(answers) else iter(list(answers))
        self.requests: list[Request] = []

    def send(self, request: Request) -> Response:
        self.requests.append(request)
        answer = self._answers(request) if callable(self._answers) else next(self._answers)
        if isinstance(answer, HttpFailure):
            raise answer
        if isinstance(answer, int):
            answer = Response(answer, {}, b"")
        elif isinstance(answer, tuple):
            answer = Response(answer[0], {}, answer[1])
        if request.sink is not None and 200 <= answer.status < 300:
            for start in range(0, len(answer.body), 7):
                request.sink(answer.body[start : start + 7])
            return Response(answer.status, answer.headers, b"")
        return answer


class FakeClock:
    """Time passes only by ``pause``."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.pauses: list[float] = []
        self.ending_after: int | None = None

    def now(self) -> datetime:
        return datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc) + timedelta(seconds=self.time - 1000.0)

    def monotonic(self) -> float:
        return self.time

    def pause(self, seconds: float) -> bool:
        if self.ending_after is not None and len(self.pauses) >= self.ending_after:
            return False
        self.pauses.append(seconds)
        self.time += seconds
        return True


class _Kept(io.BytesIO):
    def __init__(self, store: Callable[[bytes], None]) -> None:
        super().__init__()
        self._store = store

    def close(self) -> None:
        if not self.closed:
            self._store(self.getvalue())
        super().close()


class FakeFiles:
    """Files in a dictionary; ``modes`` has the mode each was written with, ``writes`` how often."""

    def __init__(self, content: Mapping[str, bytes] | None = None) -> None:
        self.content: dict[str, bytes] = dict(content or {})
        self.modes: dict[str, int | None] = {}
        self.modified: dict[str, float] = {}
        self.writes: list[str] = []
        self.broken = False

    def exists(self, path: str) -> bool:
        return path in self.content

    def read(self, path: str, limit: int = 0) -> bytes:
        if path not in self.content:
            raise SystemFailure(f"{path}: no such file")
        return self.content[path]

    def read_if_there(self, path: str, limit: int = 0) -> bytes | None:
        return self.content.get(path)

    def names(self, directory: str) -> tuple[str, ...]:
        start = directory.rstrip("/") + "/"
        return tuple(sorted({path[len(start) :].partition("/")[0] for path in self.content if path.startswith(start)}))

    def glob(self, pattern: str) -> tuple[str, ...]:
        return tuple(
            sorted(path for path in self.content if fnmatchcase(path, pattern) and path.count("/") == pattern.count("/"))
        )

    def write(self, path: str, content: bytes, mode: int | None = None, owner: str | None = None) -> None:
        self.content[path] = content
        self.modes[path] = mode
        self.writes.append(path)

    def remove(self, path: str) -> None:
        self.content.pop(path, None)

    def rename(self, source: str, path: str) -> None:
        self.content[path] = self.content.pop(source)

    def set_mode(self, path: str, mode: int) -> None:
        self.modes[path] = mode

    def make_directory(self, path: str, mode: int | None = None, owner: str | None = None) -> None:
        self.modes[path] = mode

    def create(self, path: str, mode: int = 0o600) -> BinaryIO:
        self.modes[path] = mode
        self.content[path] = b""

        def store(data: bytes) -> None:
            if path in self.content:
                self.content[path] = data

        return cast(BinaryIO, _Kept(store))

    def real_path(self, path: str) -> str:
        return path


class FakeCommands:
    """Commands by a function of argv and stdin that gives output, or raises."""

    def __init__(self, run: Callable[[tuple[str, ...], bytes | None], bytes] | None = None, known: Iterable[str] = ()) -> None:
        self._run = run
        self._known = frozenset(known)
        self.argvs: list[tuple[str, ...]] = []

    def run(self, argv: Sequence[str], *, stdin: Any = None, **options: Any) -> Completed:
        self.argvs.append(tuple(argv))
        if self._run is None:
            raise CommandFailure(f"{argv[0]}: unknown command in this test", argv=argv)
        output = self._run(tuple(argv), stdin)
        return Completed(tuple(argv), 0, output.decode("utf-8", "replace"), "", output)

    def find(self, program: str) -> str | None:
        return f"/usr/bin/{program}" if program in self._known else None


class FakeSockets:
    def __init__(
        self,
        answer: Callable[[bytes], Iterable[bytes]] = lambda packet: (),
        interfaces: tuple[tuple[str, bytes], ...] = (("eth0", b"\x00\x15\x5d\x0a\x1b\x2c"),),
    ) -> None:
        self._answer = answer
        self._interfaces = interfaces
        self.sent: list[tuple[bytes, str]] = []

    def broadcast(self, packet: bytes, *, interface: str, timeout: float, accept: Callable[[bytes], bool]) -> bytes | None:
        self.sent.append((packet, interface))
        return next((reply for reply in self._answer(packet) if accept(reply)), None)

    def interfaces(self) -> tuple[tuple[str, bytes], ...]:
        return self._interfaces

    def host_name(self) -> str:
        return "labvm01"

    def local_address(self, towards: str) -> str | None:
        return "10.20.0.4"


@dataclass
class World:
    """A system made of the stand-ins above, each at hand for the test."""

    http: FakeHttp = field(default_factory=lambda: FakeHttp(()))
    files: FakeFiles = field(default_factory=FakeFiles)
    commands: FakeCommands = field(default_factory=FakeCommands)
    sockets: FakeSockets = field(default_factory=FakeSockets)
    clock: FakeClock = field(default_factory=FakeClock)
    log: ListLog = field(default_factory=ListLog)

    @property
    def system(self) -> System:
        parts = (self.files, self.commands, self.http, self.clock, self.sockets, self.log)
        return System(*cast(Any, parts))


def answering(*answers: Answer) -> World:
    """A world whose HTTP gives these answers in order."""
    return World(http=FakeHttp(answers))


def serving(answer: Callable[[Request], Answer]) -> World:
    """A world whose HTTP answers by a function."""
    return World(http=FakeHttp(answer))
