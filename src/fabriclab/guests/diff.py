"""What a guest changed: its overlay's upper layer against the view of all layers below it.

A change is an observable difference of kind, mode, owner, content, link target or device; times are not compared, and a
directory that was only passed through is none. Odd: an overlay deletes by a character device 0:0 (whiteout), and a directory
that was removed and made again carries the attribute `trusted.overlay.opaque`: whatever lies below it is gone.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ADDED, REMOVED, CHANGED = "added", "removed", "changed"


@dataclass(frozen=True)
class Entry:
    """One file, directory, link or node. `digest` is the SHA-256 of a file's content; `size` is 0 for anything else."""

    kind: str
    mode: int
    owner: int
    group: int
    size: int = 0
    digest: str | None = None
    target: str | None = None
    device: tuple[int, int] | None = None

    def text(self) -> str:
        extra = f" -> {self.target}" if self.target is not None else f" {self.size} bytes" if self.kind == "file" else ""
        return f"{self.kind} {self.mode:04o} {self.owner}:{self.group}{extra}"


@dataclass(frozen=True)
class Change:
    """`path` begins with "/". `before` is None for something added, `after` for something removed."""

    path: str
    what: str
    before: Entry | None
    after: Entry | None

    def text(self) -> str:
        seen = " was ".join(entry.text() for entry in (self.after, self.before) if entry is not None)
        return f"{self.what} {self.path} {seen}"


def compare(upper: Path, lower: Path) -> tuple[Change, ...]:
    """All changes, sorted by path. `lower` is the merged view of the layers below `upper`."""
    return tuple(sorted(_changes(upper, lower, "", False), key=lambda change: change.path))


def look(path: Path) -> Entry | None:
    """What is at `path`, without following a link; None when nothing is, also when it went while we looked."""
    try:
        return _look(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _look(path: Path) -> Entry:
    found = os.lstat(path)
    plain = (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid)
    if stat.S_ISLNK(found.st_mode):
        return Entry("link", *plain, target=os.readlink(path))
    if stat.S_ISDIR(found.st_mode):
        return Entry("directory", *plain)
    if stat.S_ISREG(found.st_mode):
        return Entry("file", *plain, size=found.st_size, digest=_digest(path))
    if stat.S_ISFIFO(found.st_mode):
        return Entry("pipe", *plain)
    if stat.S_ISSOCK(found.st_mode):
        return Entry("socket", *plain)
    kind = "character device" if stat.S_ISCHR(found.st_mode) else "block device"
    return Entry(kind, *plain, device=(os.major(found.st_rdev), os.minor(found.st_rdev)))


def _changes(upper: Path, lower: Path, inside: str, opaque: bool) -> Iterator[Change]:
    names = _names(upper)
    for name in names:
        above, path = upper / name, f"{inside}/{name}"
        before = look(lower / name)
        after = look(above)
        if after is None or after.device == (0, 0):
            if before is not None:
                yield from _removed(lower / name, path)
            continue
        if before is None:
            yield Change(path, ADDED, None, after)
        elif before != after:
            yield Change(path, CHANGED, before, after)
        if before is not None and before.kind == "directory" and after.kind != "directory":
            yield from _removed_below(lower / name, path)
        if after.kind == "directory":
            below_is_directory = before is not None and before.kind == "directory"
            yield from _changes(above, lower / name, path, not below_is_directory or _is_opaque(above))
    if opaque and lower.is_dir() and not lower.is_symlink():
        for name in sorted(set(os.listdir(lower)) - set(names)):
            yield from _removed(lower / name, f"{inside}/{name}")


def _names(directory: Path) -> list[str]:
    """What is in a directory of a machine that runs: it may be gone by now."""
    try:
        return sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _removed(place: Path, path: str) -> Iterator[Change]:
    before = look(place)
    yield Change(path, REMOVED, before, None)
    if before is not None and before.kind == "directory":
        yield from _removed_below(place, path)


def _removed_below(place: Path, path: str) -> Iterator[Change]:
    for name in sorted(os.listdir(place)):
        yield from _removed(place / name, f"{path}/{name}")


def _is_opaque(path: Path) -> bool:
    for name in ("trusted.overlay.opaque", "user.overlay.opaque"):
        try:
            if os.getxattr(path, name, follow_symlinks=False) == b"y":
                return True
        except OSError:
            continue
    return False


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        total = hashlib.sha256()
        for piece in iter(lambda: file.read(1 << 20), b""):
            total.update(piece)
    return total.hexdigest()
