"""A file system in memory with links, modes and owners; it answers as ``RealFiles`` does (test_files.py holds both to it)."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from unit.fakes.watch import FakeWatch
from waagent.model.failure import SystemFailure
from waagent.system import pattern as patterns
from waagent.system.port import FileFacts, Kind

START = 1_772_352_930.0


@dataclass
class _Node:
    kind: Kind
    mode: int
    uid: int = 0
    gid: int = 0
    modified: float = START
    content: bytearray = field(default_factory=bytearray)
    target: str = ""
    children: dict[str, _Node] = field(default_factory=dict)


class _Absent(Exception):
    pass


class MemoryFiles:
    """``tree`` maps paths to text or bytes. ``users`` maps names to (uid, gid); /etc/passwd of the tree is read too.

    ``changes`` lists every path that was changed, ``synced`` every tree; ``break_at`` makes every use of a path fail.
    """

    def __init__(
        self,
        tree: Mapping[str, bytes | str] | None = None,
        *,
        users: Mapping[str, tuple[int, int]] | None = None,
        now: Callable[[], float] = lambda: START,
        space: int = 10 * 1024**3,
    ) -> None:
        self._root = _Node(Kind.DIRECTORY, 0o755)
        self._users = {"root": (0, 0), **(users or {})}
        self._now = now
        self._space = space
        self._broken: dict[str, str] = {}
        self._later: list[tuple[float, Callable[[], object]]] = []
        self.pause: Callable[[float], bool] = lambda seconds: True
        self.hostile: tuple[str, ...] = ()
        """Directories below which nothing is opened through a link."""
        self.changes: list[str] = []
        self.synced: list[str] = []
        for path, content in (tree or {}).items():
            self.put(path, content)

    # preparing and looking, for tests

    def put(self, path: str, content: bytes | str = b"", mode: int = 0o644, uid: int = 0, gid: int = 0) -> MemoryFiles:
        """A file with its directories, without a trace in ``changes``."""
        directory, _, name = path.rpartition("/")
        raw = content.encode() if isinstance(content, str) else content
        self._ensure(directory).children[name] = _Node(Kind.FILE, mode, uid, gid, self._now(), bytearray(raw))
        return self

    def put_directory(self, path: str, mode: int = 0o755, uid: int = 0, gid: int = 0) -> MemoryFiles:
        node = self._ensure(path)
        node.mode, node.uid, node.gid = mode, uid, gid
        return self

    def put_link(self, path: str, target: str, uid: int = 0) -> MemoryFiles:
        directory, _, name = path.rpartition("/")
        self._ensure(directory).children[name] = _Node(Kind.LINK, 0o777, uid, uid, self._now(), target=target)
        return self

    def put_other(self, path: str, mode: int = 0o600) -> MemoryFiles:
        """A device, a pipe or a socket."""
        directory, _, name = path.rpartition("/")
        self._ensure(directory).children[name] = _Node(Kind.OTHER, mode)
        return self

    def break_at(self, path: str, reason: str = "Input/output error") -> MemoryFiles:
        self._broken[path] = reason
        return self

    def text(self, path: str) -> str:
        return self.read(path).decode()

    def tree(self, below: str = "/") -> dict[str, str]:
        """Every path with kind, mode, owner and content or target in one line: for comparing whole trees."""
        seen: dict[str, str] = {}

        def visit(path: str, node: _Node) -> None:
            what = node.target if node.kind is Kind.LINK else bytes(node.content).decode("utf-8", "backslashreplace")
            seen[path or "/"] = f"{node.kind.value} {node.mode:04o} {node.uid}:{node.gid} {what}".rstrip(" ")
            for name, child in sorted(node.children.items()):
                visit(f"{path}/{name}", child)

        node, _ = self._find(below, change=False, follow=True)
        visit(below.rstrip("/"), node)
        return seen

    def later(self, seconds: float, change: Callable[[], object]) -> MemoryFiles:
        """Something happens after so many seconds of waiting for changes; it ends the wait."""
        self._later.append((seconds, change))
        self._later.sort(key=lambda one: one[0])
        return self

    # the port

    def watch(self, directories: Sequence[str], *, writes: bool = True) -> FakeWatch:
        return FakeWatch(self._later, lambda seconds: self.pause(seconds))

    def facts(self, path: str) -> FileFacts | None:
        self._guard("look at", path)
        try:
            node, _ = self._find(path, change=False, follow=False)
        except _Absent:
            return None
        size = len(node.target) if node.kind is Kind.LINK else len(node.content)
        target = node.target if node.kind is Kind.LINK else None
        return FileFacts(node.kind, node.mode, node.uid, node.gid, size, node.modified, target)

    def exists(self, path: str) -> bool:
        self._guard("look at", path)
        try:
            self._find(path, change=False, follow=True)
        except (_Absent, SystemFailure):
            return False
        return True

    def read(self, path: str, limit: int = 64 * 1024 * 1024) -> bytes:
        content = bytes(self._readable("read", path).content)
        if len(content) > limit:
            raise SystemFailure(f"cannot read {path}: longer than {limit} bytes")
        return content

    def read_if_there(self, path: str, limit: int = 64 * 1024 * 1024) -> bytes | None:
        return self.read(path, limit) if self.exists(path) else None

    def names(self, directory: str, limit: int | None = None) -> tuple[str, ...]:
        self._guard("list", directory)
        try:
            node, _ = self._find(directory, change=False, follow=True)
        except _Absent as absent:
            if str(absent):
                raise SystemFailure(f"cannot list {directory}: {absent}") from None
            return ()
        if node.kind is not Kind.DIRECTORY:
            raise SystemFailure(f"cannot list {directory}: Not a directory")
        return tuple(sorted(list(node.children)[:limit]))

    def glob(self, pattern: str) -> tuple[str, ...]:
        return patterns.expand(pattern, self.names, self._is_directory, lambda path: self.facts(path) is not None)

    def open(self, path: str) -> BinaryIO:
        return io.BytesIO(bytes(self._readable("open", path).content))

    def open_warily(self, path: str) -> BinaryIO:
        node = self._there("open", path, change=True, follow=False)
        if node.kind is Kind.LINK and node.uid == 0 and not any(path.startswith(f"{each}/") for each in self.hostile):
            return self.open(path)
        if node.kind is not Kind.FILE:
            raise SystemFailure(f"cannot open {path}: not a plain file")
        return io.BytesIO(bytes(node.content))

    def space(self, path: str) -> int:
        self._there("measure the space of", path, change=False, follow=True)
        return self._space

    def real_path(self, path: str) -> str:
        return path

    def write(self, path: str, content: bytes, mode: int | None = None, owner: str | None = None) -> None:
        directory, name = self._place("write", path)
        old = directory.children.get(name)
        if old is not None and old.kind is Kind.DIRECTORY:
            raise SystemFailure(f"cannot write {path}: Is a directory")
        if old is not None and old.kind is not Kind.FILE:
            old = None
        uid, gid = self._ids(owner) if owner is not None else (0, 0) if old is None else (old.uid, old.gid)
        final = mode if mode is not None else 0o644 if old is None else old.mode
        directory.children[name] = _Node(Kind.FILE, final, uid, gid, self._now(), bytearray(content))

    def write_through(self, path: str, content: bytes) -> None:
        """A device keeps what was last written into it, for a test to look at in ``tree``."""
        node = self._there("write into", path, change=True, follow=False)
        if node.kind in (Kind.LINK, Kind.DIRECTORY):
            raise SystemFailure(f"cannot write into {path}: it is a {node.kind.value}")
        node.content[:] = content
        node.modified = self._now()

    def append(self, path: str, content: bytes, mode: int = 0o644) -> None:
        directory, name = self._place("append to", path)
        node = directory.children.setdefault(name, _Node(Kind.FILE, mode))
        if node.kind is not Kind.FILE:
            raise SystemFailure(f"cannot append to {path}: it is a {node.kind.value}")
        node.content += content
        node.modified = self._now()

    def append_shared(self, path: str, content: bytes, *, stale_before: float | None = None) -> None:
        node = self._place("append to", path)[0].children.get(path.rpartition("/")[2])
        if node is not None and stale_before is not None and node.modified < stale_before:
            node.content = b""
        self.append(path, content)

    def make_directory(self, path: str, mode: int | None = None, owner: str | None = None) -> None:
        self._guard("make directory", path)
        ids = None if owner is None else self._ids(owner)
        self.changes.append(path)
        new = False
        so_far = ""
        node = self._root
        for name in _split(path):
            so_far += f"/{name}"
            try:
                node, _ = self._find(so_far, change=True, follow=True)
                new = False
            except _Absent:
                place, last = self._place("make directory", so_far, record=False)
                if last in place.children:
                    raise SystemFailure(f"cannot make directory {path}: File exists") from None
                node = place.children[last] = _Node(Kind.DIRECTORY, 0o755, modified=self._now())
                new = True
            if node.kind is not Kind.DIRECTORY:
                raise SystemFailure(f"cannot make directory {path}: Not a directory")
        if mode is not None or new:
            node.mode = 0o755 if mode is None else mode
        if ids is not None:
            node.uid, node.gid = ids

    def remove(self, path: str) -> None:
        try:
            directory, name = self._place("remove", path, absent_is_fine=True)
        except _Absent:
            return
        directory.children.pop(name, None)

    def rename(self, source: str, path: str) -> None:
        origin, old = self._place("rename", source)
        if old not in origin.children:
            raise SystemFailure(f"cannot rename {source}: No such file or directory")
        place, new = self._place("rename to", path)
        place.children[new] = origin.children.pop(old)

    def symlink(self, path: str, target: str) -> None:
        directory, name = self._place("link", path)
        old = directory.children.get(name)
        if old is not None and old.kind is Kind.DIRECTORY:
            raise SystemFailure(f"cannot link {path}: Is a directory")
        directory.children[name] = _Node(Kind.LINK, 0o777, modified=self._now(), target=target)

    def set_mode(self, path: str, mode: int) -> None:
        node = self._there("set the mode of", path, change=True, follow=False)
        if node.kind is Kind.LINK:
            raise SystemFailure(f"cannot set the mode of {path}: Too many levels of symbolic links")
        node.mode = mode

    def set_owner(self, path: str, owner: str) -> None:
        ids = self._ids(owner)
        node = self._there("set the owner of", path, change=True, follow=False)
        node.uid, node.gid = ids

    def set_modified(self, path: str, moment: float | None = None) -> None:
        node = self._there("set the time of", path, change=True, follow=False)
        node.modified = self._now() if moment is None else moment

    def create(self, path: str, mode: int = 0o600) -> BinaryIO:
        directory, name = self._place("create", path)
        old = directory.children.get(name)
        if old is not None and old.kind is not Kind.FILE:
            raise SystemFailure(f"cannot create {path}: there is a {old.kind.value} of that name")
        node = directory.children[name] = _Node(Kind.FILE, mode, modified=self._now())
        return _Stream(node)

    def allocate(self, path: str, size: int, mode: int, *, written: bool) -> None:
        directory, name = self._place("make room for", path)
        old = directory.children.get(name)
        if old is not None and old.kind is not Kind.FILE:
            raise SystemFailure(f"cannot make room for {path}: it is a {old.kind.value}")
        if size > self._space:
            directory.children.pop(name, None)
            raise SystemFailure(f"cannot make room for {path}: No space left on device")
        node = directory.children.setdefault(name, _Node(Kind.FILE, mode))
        node.mode, node.content, node.modified = mode, bytearray(size), self._now()

    def sync(self, directory: str) -> None:
        node = self._there("sync", directory, change=False, follow=False)
        if node.kind is not Kind.DIRECTORY:
            raise SystemFailure(f"cannot sync {directory}: Not a directory")
        self.synced.append(directory)

    def scratch(self, directory: str) -> tuple[BinaryIO, BinaryIO]:
        self._place("create a file in", f"{directory}/scratch", record=False)
        node = _Node(Kind.FILE, 0o600)
        return _Stream(node), _Reader(node)

    # inside

    def _guard(self, verb: str, path: str) -> None:
        if not path.startswith("/"):
            raise SystemFailure(f"cannot {verb} {path}: not an absolute path")
        if path in self._broken:
            raise SystemFailure(f"cannot {verb} {path}: {self._broken[path]}")

    def _ensure(self, path: str) -> _Node:
        node = self._root
        done: list[str] = []
        for name in _split(path):
            done.append(name)
            if name not in node.children:
                node.children[name] = _Node(Kind.DIRECTORY, 0o755, modified=self._now())
            node, _ = self._find("/" + "/".join(done), change=False, follow=True)
        return node

    def _find(self, path: str, change: bool, follow: bool) -> tuple[_Node, list[_Node]]:
        """The node of a path and the directories above it. Raises ``_Absent``, with a text unless simply missing."""
        above: list[_Node] = []
        node = self._root
        pending = _split(path)[::-1]
        hops = 0
        while pending:
            part = pending.pop()
            if node.kind is not Kind.DIRECTORY:
                raise _Absent("Not a directory")
            if part == "..":
                node = above.pop() if above else node
                continue
            if part not in node.children:
                raise _Absent
            child = node.children[part]
            if child.kind is not Kind.LINK or not (pending or follow):
                above.append(node)
                node = child
                continue
            hops += 1
            if hops > 40:
                raise SystemFailure(f"cannot follow {path}: Too many levels of symbolic links")
            if change and child.uid != 0:
                raise SystemFailure(f"cannot change {path}: {part} is a link made by user {child.uid}, which is not followed")
            if child.target.startswith("/"):
                above, node = [], self._root
            pending += _split(child.target)[::-1]
        return node, above

    def _there(self, verb: str, path: str, *, change: bool, follow: bool) -> _Node:
        self._guard(verb, path)
        try:
            node, _ = self._find(path, change, follow)
        except _Absent as absent:
            raise SystemFailure(f"cannot {verb} {path}: {str(absent) or 'No such file or directory'}") from None
        if change:
            self.changes.append(path)
        return node

    def _place(self, verb: str, path: str, *, absent_is_fine: bool = False, record: bool = True) -> tuple[_Node, str]:
        self._guard(verb, path)
        components = _split(path)
        if not components or components[-1] == "..":
            raise SystemFailure(f"cannot {verb} {path}: the root is not changed")
        try:
            directory, _ = self._find("/" + "/".join(components[:-1]), change=True, follow=True)
        except _Absent as absent:
            if absent_is_fine and not str(absent):
                raise
            raise SystemFailure(f"cannot {verb} {path}: {str(absent) or 'No such file or directory'}") from None
        if directory.kind is not Kind.DIRECTORY:
            raise SystemFailure(f"cannot {verb} {path}: Not a directory")
        if record:
            self.changes.append(path)
        return directory, components[-1]

    def _readable(self, verb: str, path: str) -> _Node:
        node = self._there(verb, path, change=False, follow=True)
        if node.kind is not Kind.FILE:
            raise SystemFailure(f"cannot {verb} {path}: it is a {node.kind.value}")
        return node

    def _is_directory(self, path: str) -> bool:
        try:
            return self._find(path, change=False, follow=True)[0].kind is Kind.DIRECTORY
        except (_Absent, SystemFailure):
            return False

    def _ids(self, owner: str) -> tuple[int, int]:
        uid, colon, gid = owner.partition(":")
        if colon and uid.isdecimal() and gid.isdecimal():
            return int(uid), int(gid)
        if owner in self._users:
            return self._users[owner]
        for line in (self.read_if_there("/etc/passwd") or b"").decode().splitlines():
            fields = line.split(":")
            if fields[0] == owner and len(fields) > 3:
                return int(fields[2]), int(fields[3])
        raise SystemFailure(f"there is no user {owner}")


class _Stream(io.BytesIO):
    """What is written here is in the file at once."""

    def __init__(self, node: _Node) -> None:
        super().__init__()
        self._node = node

    def write(self, content: object) -> int:
        count = super().write(content)  # type: ignore[arg-type]
        self._node.content[:] = self.getvalue()
        return count


class _Reader(io.BytesIO):
    """Reads what is in the file at that moment."""

    def __init__(self, node: _Node) -> None:
        super().__init__()
        self._node = node

    def read(self, size: int | None = -1) -> bytes:
        start = self.tell()
        self.seek(0)
        self.truncate()
        super().write(bytes(self._node.content))
        self.seek(start)
        return super().read(size)


def _split(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]
