"""The ``Files`` port on a real file system (architecture.md, "Concurrency and processes"; promises.md, "links").

Everything is done relative to a directory handle that ``walk`` opened. Writing is replacing: a temporary file beside the
old one gets its mode and owner before its content, is synced, takes the name, and the directory is synced. The temporary
name is always the same for a path, so that what a killed agent left behind is replaced by the next try.
"""

from __future__ import annotations

import errno
import io
import os
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from waagent.model.failure import SystemFailure
from waagent.system import pattern as patterns
from waagent.system.port import FileFacts, Kind, Watch
from waagent.system.real import trees, walk, wary
from waagent.system.real.ending import Ending
from waagent.system.real.locks import both

_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_NEW = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LABEL = "security.selinux"
_MISSING = (errno.ENOENT, errno.ENOTDIR)
_NAME_LIMIT = 230


class RealFiles:
    """``root`` is put in front of every path, and no link leads out of it. ``ending`` ends every watch.

    Below a ``hostile`` directory changes go through no link: a directory that is to be made takes the place of one.
    """

    def __init__(self, root: str = "/", ending: Ending | None = None, hostile: tuple[str, ...] = ()) -> None:
        self._root = root.rstrip("/") or "/"
        self._hostile = hostile
        self._ending = ending or Ending()
        self._locks = tuple(threading.Lock() for _ in range(8))

    # reading

    def facts(self, path: str) -> FileFacts | None:
        with _explained("look at", path):
            try:
                with walk.parent(self._root, path, change=False) as (place, name):
                    found = os.stat(name, dir_fd=place.handle, follow_symlinks=False)
                    link = os.readlink(name, dir_fd=place.handle) if stat.S_ISLNK(found.st_mode) else None
            except OSError as error:
                if error.errno in _MISSING:
                    return None
                raise
        return FileFacts(
            kind=_kind(found.st_mode),
            mode=stat.S_IMODE(found.st_mode),
            uid=found.st_uid,
            gid=found.st_gid,
            size=found.st_size,
            modified=found.st_mtime,
            target=link,
        )

    def exists(self, path: str) -> bool:
        return self._mode(path) is not None

    def read(self, path: str, limit: int = 64 * 1024 * 1024) -> bytes:
        with _explained("read", path), self._opened(path) as stream:
            content = stream.read(limit + 1)
            if len(content) > limit:
                raise OSError(errno.EFBIG, f"longer than {limit} bytes")
            return content

    def read_if_there(self, path: str, limit: int = 64 * 1024 * 1024) -> bytes | None:
        return self.read(path, limit) if self.exists(path) else None

    def names(self, directory: str, limit: int | None = None) -> tuple[str, ...]:
        with _explained("list", directory):
            try:
                with walk.target(self._root, directory) as (place, name):
                    handle = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=place.handle)
            except FileNotFoundError:
                return ()
            try:
                return tuple(sorted(os.listdir(handle) if limit is None else wary.some(handle, limit)))
            finally:
                os.close(handle)

    def glob(self, pattern: str) -> tuple[str, ...]:
        return patterns.expand(pattern, self.names, self._is_directory, lambda path: self.facts(path) is not None)

    def open(self, path: str) -> BinaryIO:
        with _explained("open", path):
            return self._opened(path)

    def open_warily(self, path: str) -> BinaryIO:
        with _explained("open", path):
            return wary.opened(self._root, path, self._hostile)

    def space(self, path: str) -> int:
        with _explained("measure the space of", path), walk.target(self._root, path) as (place, name):
            handle = os.open(name, getattr(os, "O_PATH", os.O_RDONLY) | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place.handle)
            try:
                figures = os.fstatvfs(handle)
            finally:
                os.close(handle)
        return figures.f_bfree * figures.f_frsize

    def watch(self, directories: Sequence[str], *, writes: bool = True) -> Watch:
        from waagent.system.real import watch

        return watch.directories(self._ending, [self.real_path(directory) for directory in directories], writes=writes)

    def real_path(self, path: str) -> str:
        return path if self._root == "/" else self._root + path

    # changing

    def write(self, path: str, content: bytes, mode: int | None = None, owner: str | None = None) -> None:
        with self._changing("write", path) as (place, name):
            old = _lstat(name, place.handle)
            if old is not None and not stat.S_ISREG(old.st_mode):
                old = None
            keeper = None if old is None else (old.st_uid, old.st_gid)
            ids = self._ids(owner) if owner is not None else keeper
            final = mode if mode is not None else 0o644 if old is None else stat.S_IMODE(old.st_mode)
            temporary = f".{name[:_NAME_LIMIT]}.waagent-new"
            handle = _create(temporary, place.handle, final, ids, None if old is None else _label(name, place.handle))
            try:
                _write_all(handle, content)
                os.fsync(handle)
                os.rename(temporary, name, src_dir_fd=place.handle, dst_dir_fd=place.handle)
            except BaseException:
                os.unlink(temporary, dir_fd=place.handle)
                raise
            finally:
                os.close(handle)
            trees.sync(place.handle)

    def write_through(self, path: str, content: bytes) -> None:
        with self._changing("write into", path) as (place, name):
            # never made and never waited for; an attribute takes what it is given by one call, or refuses it
            flags = os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
            handle = os.open(name, flags, dir_fd=place.handle)
            try:
                os.set_blocking(handle, True)
                _write_all(handle, content)
            finally:
                os.close(handle)

    def append(self, path: str, content: bytes, mode: int = 0o644) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
        with self._changing("append to", path) as (place, name):
            try:
                handle = os.open(name, flags, dir_fd=place.handle)
            except FileNotFoundError:
                handle = os.open(name, flags | os.O_CREAT | os.O_EXCL, mode, dir_fd=place.handle)
                os.fchmod(handle, mode)
            try:
                _write_all(handle, content)
            finally:
                os.close(handle)

    def append_shared(self, path: str, content: bytes, *, stale_before: float | None = None) -> None:
        with self._changing("append to", path) as (place, name):
            handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644, dir_fd=place.handle)
            try:
                both(handle)
                found = os.fstat(handle)
                if stale_before is not None and found.st_size and found.st_mtime < stale_before:
                    os.ftruncate(handle, 0)
                os.lseek(handle, 0, os.SEEK_END)
                _write_all(handle, content)
                os.fsync(handle)
            finally:
                os.close(handle)

    def make_directory(self, path: str, mode: int | None = None, owner: str | None = None) -> None:
        ids = None if owner is None else self._ids(owner)
        with _explained("make directory", path):
            place = walk.Walk(self._root, change=True)
            try:
                new = False
                components = walk.split(path)
                modes = [*(0o755 for _ in components[1:]), 0o755 if mode is None else mode]
                trusted = walk.trusted(components, self._hostile)
                for number, (component, its_mode) in enumerate(zip(components, modes, strict=False)):
                    new = trees.make(component, place, its_mode, follow=trusted is None or number < trusted)
                if ids is not None:
                    os.chown(".", *ids, dir_fd=place.handle)
                if mode is not None or new:
                    os.chmod(".", 0o755 if mode is None else mode, dir_fd=place.handle)
            finally:
                place.close()

    def remove(self, path: str) -> None:
        try:
            with self._changing("remove", path, absent_is_fine=True) as (place, name):
                if name == ".":
                    raise OSError(errno.EBUSY, "the root is not removed")
                device = os.fstat(place.handle).st_dev
                trees.remove(name, place.handle, device)
        except _Absent:
            return

    def rename(self, source: str, path: str) -> None:
        with _explained("rename", source), walk.parent(self._root, source, True, self._hostile) as (origin, old):
            os.stat(old, dir_fd=origin.handle, follow_symlinks=False)
            with self._changing("rename to", path) as (place, new):
                try:
                    os.rename(old, new, src_dir_fd=origin.handle, dst_dir_fd=place.handle)
                except OSError as error:
                    if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EISDIR, errno.ENOTDIR):
                        raise
                    trees.remove(new, place.handle, os.fstat(place.handle).st_dev)
                    os.rename(old, new, src_dir_fd=origin.handle, dst_dir_fd=place.handle)
                trees.sync(place.handle)

    def symlink(self, path: str, target: str) -> None:
        with self._changing("link", path) as (place, name):
            temporary = f".{name[:_NAME_LIMIT]}.waagent-new"
            trees.remove(temporary, place.handle, os.fstat(place.handle).st_dev)
            os.symlink(target, temporary, dir_fd=place.handle)
            try:
                os.rename(temporary, name, src_dir_fd=place.handle, dst_dir_fd=place.handle)
            except BaseException:
                os.unlink(temporary, dir_fd=place.handle)
                raise

    def set_mode(self, path: str, mode: int) -> None:
        with self._changing("set the mode of", path) as (place, name):
            handle = os.open(name, _READ | os.O_NOFOLLOW, dir_fd=place.handle)
            try:
                os.fchmod(handle, mode)
            finally:
                os.close(handle)

    def set_owner(self, path: str, owner: str) -> None:
        ids = self._ids(owner)
        with self._changing("set the owner of", path) as (place, name):
            os.chown(name, *ids, dir_fd=place.handle, follow_symlinks=False)

    def set_modified(self, path: str, moment: float | None = None) -> None:
        times = None if moment is None else (moment, moment)
        with self._changing("set the time of", path) as (place, name):
            os.utime(name, times, dir_fd=place.handle, follow_symlinks=False)

    def create(self, path: str, mode: int = 0o600) -> BinaryIO:
        with self._changing("create", path) as (place, name):
            old = _lstat(name, place.handle)
            if old is not None and not stat.S_ISREG(old.st_mode):
                raise OSError(errno.EEXIST, f"there is a {_kind(old.st_mode).value} of that name")
            return cast(BinaryIO, _NewFile(_create(name, place.handle, mode, None, None), path))

    def allocate(self, path: str, size: int, mode: int, *, written: bool) -> None:
        from waagent.system.real import room

        with self._changing("make room for", path) as (place, name):
            room.allocate(name, place.handle, size, mode, written=written)
            trees.sync(place.handle)

    def sync(self, directory: str) -> None:
        with self._changing("sync", directory) as (place, name):
            trees.sync_tree(name, place.handle)

    def scratch(self, directory: str) -> tuple[BinaryIO, BinaryIO]:
        path = f"{directory.rstrip('/')}/.{os.getpid()}-{threading.get_ident()}.scratch"
        with self._changing("create a file in", path) as (place, name):
            if hasattr(os, "O_TMPFILE"):
                try:
                    writer = os.open(".", os.O_TMPFILE | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600, dir_fd=place.handle)
                    return _both(writer, os.open(f"/proc/self/fd/{writer}", os.O_RDONLY | os.O_CLOEXEC))
                except OSError as error:
                    if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL):
                        raise
            writer = _create(name, place.handle, 0o600, None, None)
            try:
                return _both(writer, os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place.handle))
            finally:
                os.unlink(name, dir_fd=place.handle)

    # inside

    @contextmanager
    def _changing(self, verb: str, path: str, absent_is_fine: bool = False) -> Iterator[tuple[walk.Walk, str]]:
        with _explained(verb, path), self._locks[hash(path) % len(self._locks)]:
            try:
                with walk.parent(self._root, path, True, self._hostile) as found:
                    yield found
            except FileNotFoundError as error:
                if absent_is_fine:
                    raise _Absent from error
                raise

    def _opened(self, path: str) -> BinaryIO:
        with walk.target(self._root, path) as (place, name):
            handle = os.open(name, _READ | os.O_NOFOLLOW, dir_fd=place.handle)
        kind = os.fstat(handle).st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISBLK(kind)):
            os.close(handle)
            code = errno.EISDIR if stat.S_ISDIR(kind) else errno.EINVAL
            raise OSError(code, os.strerror(code) if stat.S_ISDIR(kind) else "neither a file nor a disk")
        os.set_blocking(handle, True)
        return os.fdopen(handle, "rb")

    def _mode(self, path: str) -> int | None:
        with _explained("look at", path):
            try:
                with walk.target(self._root, path) as (place, name):
                    return os.stat(name, dir_fd=place.handle, follow_symlinks=False).st_mode
            except OSError as error:
                if error.errno in (*_MISSING, errno.ELOOP):
                    return None
                raise

    def _is_directory(self, path: str) -> bool:
        mode = self._mode(path)
        return mode is not None and stat.S_ISDIR(mode)

    def _ids(self, owner: str) -> tuple[int, int]:
        """User and primary group of a user name; ``uid:gid`` in digits is taken as it is."""
        uid, colon, gid = owner.partition(":")
        if colon and uid.isdecimal() and gid.isdecimal():
            return int(uid), int(gid)
        if self._root == "/":
            import pwd

            try:
                entry = pwd.getpwnam(owner)
            except KeyError:
                raise SystemFailure(f"there is no user {owner}") from None
            return entry.pw_uid, entry.pw_gid
        for line in (self.read_if_there("/etc/passwd") or b"").decode("utf-8", "replace").splitlines():
            fields = line.split(":")
            if fields[0] == owner and len(fields) > 3 and fields[2].isdecimal() and fields[3].isdecimal():
                return int(fields[2]), int(fields[3])
        if owner == "root":
            return 0, 0
        raise SystemFailure(f"there is no user {owner}")


class _Absent(Exception):
    """What was to be removed, or a directory above it, is not there."""


class _NewFile(io.FileIO):
    """A file being written whose errors name it."""

    def __init__(self, handle: int, path: str) -> None:
        super().__init__(handle, "wb")
        self._path = path

    def write(self, content: Any) -> int:
        with _explained("write", self._path):
            view = memoryview(content)
            done = 0
            while done < len(view):
                done += super().write(view[done:])
        return done


@contextmanager
def _explained(verb: str, path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise SystemFailure(f"cannot {verb} {path}: {reason}", facts={"path": path, "errno": str(error.errno)}) from error


def _both(writer: int, reader: int) -> tuple[BinaryIO, BinaryIO]:
    return cast(BinaryIO, os.fdopen(writer, "wb", buffering=0)), cast(BinaryIO, os.fdopen(reader, "rb", buffering=0))


def _kind(mode: int) -> Kind:
    if stat.S_ISREG(mode):
        return Kind.FILE
    if stat.S_ISDIR(mode):
        return Kind.DIRECTORY
    return Kind.LINK if stat.S_ISLNK(mode) else Kind.OTHER


def _lstat(name: str, directory: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _create(name: str, directory: int, mode: int, ids: tuple[int, int] | None, label: bytes | None) -> int:
    """A new empty file with its final mode, owner and label, in place of an old one; 0600 until then."""
    try:
        handle = os.open(name, os.O_WRONLY | _NEW, 0o600, dir_fd=directory)
    except FileExistsError:
        os.unlink(name, dir_fd=directory)
        handle = os.open(name, os.O_WRONLY | _NEW, 0o600, dir_fd=directory)
    try:
        if ids is not None and ids != (os.geteuid(), os.fstat(handle).st_gid):
            os.fchown(handle, *ids)
        os.fchmod(handle, mode)
        if label is not None:
            os.setxattr(handle, _LABEL, label)
    except BaseException:
        os.close(handle)
        os.unlink(name, dir_fd=directory)
        raise
    return handle


def _label(name: str, directory: int) -> bytes | None:
    """The SELinux label of a file that is about to be replaced: the new one must not get its directory's."""
    if not hasattr(os, "getxattr"):
        return None
    try:
        handle = os.open(name, _READ | os.O_NOFOLLOW, dir_fd=directory)
    except OSError:
        return None
    try:
        return os.getxattr(handle, _LABEL)
    except OSError:
        return None
    finally:
        os.close(handle)


def _write_all(handle: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(handle, view) :]
