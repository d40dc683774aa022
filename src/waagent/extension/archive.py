"""A package as a zip: what is in it, checked before a byte of it is written (extensions.md 5.3).

Everything in the file may lie. Odd: as with the reference, modes are not taken over, a leading ``/`` is only dropped, and
an entry that says it is a link or a device becomes a plain file. What the reference takes and we refuse: names with
``..``, one name twice, names that differ only in case, encrypted entries, and packages that unpack to far too much.
"""

from __future__ import annotations

import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

from waagent.model.failure import DocumentFailure, SystemFailure

ENTRY_LIMIT = 50_000
"""Files and directories of one package together."""
DIRECTORY_LIMIT = 8 * 1024 * 1024
"""Bytes that are read at once; the zip's own directory is the longest thing that is."""
SIZE_LIMIT = 4 * 1024 * 1024 * 1024
FREE_SIZE = 256 * 1024 * 1024
RATIO_LIMIT = 100
DEPTH_LIMIT = 64
PIECE = 128 * 1024
MANIFEST = "HandlerManifest.json"

_KEPT = re.compile(
    r"HandlerEnvironment\.json|package_validated|\.operation(/.*)?|config/(HandlerStatus|(.*\.)?HandlerState)", re.DOTALL
)
"""What the agent itself says about a handler: a package must not say it for us."""
_BAD = (
    zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OverflowError, struct.error,
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One file of a package: its path below the handler's directory, and where it is in the zip."""

    path: str
    info: zipfile.ZipInfo


@dataclass(frozen=True)
class Listing:
    """What a package holds, parents before children. ``size`` is what the headers say, ``remarks`` are for the log."""

    directories: tuple[str, ...]
    files: tuple[Entry, ...]
    size: int
    remarks: tuple[str, ...]

    @property
    def manifest(self) -> str | None:
        """The path of the manifest: at the top, else the first of the least deep ones."""
        found = [entry.path for entry in self.files if entry.path.rpartition("/")[2] == MANIFEST]
        return min(found, key=lambda path: (path.count("/"), path), default=None)


def size_limit(package_size: int) -> int:
    """How many bytes a package of this size may unpack to."""
    return min(SIZE_LIMIT, max(FREE_SIZE, RATIO_LIMIT * package_size))


@contextmanager
def opened(stream: BinaryIO, name: str) -> Iterator[zipfile.ZipFile]:
    """The zip in a stream. Errors: ``DocumentFailure`` when it is none."""
    with _explained(name, ""):
        archive = zipfile.ZipFile(cast(BinaryIO, _Bounded(stream)))
    with archive:
        yield archive


def listing(archive: zipfile.ZipFile, name: str, limit: int) -> Listing:
    """The contents, all names checked. Errors: ``DocumentFailure`` naming the package and the entry."""
    entries = archive.infolist()
    if len(entries) > ENTRY_LIMIT:
        raise DocumentFailure(name, "", f"it has {len(entries)} entries, more than {ENTRY_LIMIT}")
    names = _Names(name)
    files: list[Entry] = []
    remarks: list[str] = []
    for info in entries:
        path = _path(name, info)
        if info.is_dir():
            names.directory(path)
            continue
        _check(name, info, path)
        if _KEPT.fullmatch(path):
            remarks.append(f"{path} of the package is left out: the file is the agent's own")
            continue
        if not _is_plain(info):
            remarks.append(f"{path!a} is a link or a device in the package; it becomes a plain file")
        names.file(path)
        files.append(Entry(path, info))
    size = sum(entry.info.file_size for entry in files)
    if size > limit:
        raise DocumentFailure(name, "", f"it unpacks to {size} bytes, more than {limit}")
    return Listing(names.directories, tuple(files), size, tuple(remarks))


def pieces(archive: zipfile.ZipFile, name: str, entry: Entry) -> Iterator[bytes]:
    """The content of an entry. Errors: ``DocumentFailure`` when it is damaged; the caller counts the bytes."""
    with _explained(name, entry.path):
        stream = archive.open(entry.info)
    with stream:
        while True:
            with _explained(name, entry.path):
                piece = stream.read(PIECE)
            if not piece:
                return
            yield piece


def _path(name: str, info: zipfile.ZipInfo) -> str:
    """The path of an entry below the directory; empty for the directory itself."""
    said = info.orig_filename
    if "\0" in said or ".." in re.split(r"[/\\]", info.filename):
        raise DocumentFailure(name, ascii(said), "the name leads out of the directory")
    parts = [part for part in info.filename.split("/") if part not in ("", ".")]
    if len(parts) > DEPTH_LIMIT or any(len(part.encode("utf-8", "replace")) > 255 for part in parts):
        raise DocumentFailure(name, ascii(said[:200]), "the name is too long")
    return "/".join(parts)


def _check(name: str, info: zipfile.ZipInfo, path: str) -> None:
    if not path:
        raise DocumentFailure(name, ascii(info.orig_filename), "a file without a name")
    if info.flag_bits & 1:
        raise DocumentFailure(name, path, "the entry is encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DocumentFailure(name, path, f"the compression method {info.compress_type} is not supported")


def _is_plain(info: zipfile.ZipInfo) -> bool:
    """Whether an entry is an ordinary file; only zips made on Unix can say otherwise."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    return info.create_system != 3 or kind in (0, stat.S_IFREG)


class _Names:
    """Every name once, whatever its case, and none both a file and a directory."""

    def __init__(self, package: str) -> None:
        self._package = package
        self._files: set[str] = set()
        self._directories: dict[str, str] = {}

    @property
    def directories(self) -> tuple[str, ...]:
        return tuple(sorted(self._directories.values()))

    def file(self, path: str) -> None:
        self.directory(path.rpartition("/")[0])
        key = path.lower()
        if key in self._files or key in self._directories:
            raise DocumentFailure(self._package, ascii(path), "the name is there twice, maybe in another case")
        self._files.add(key)

    def directory(self, path: str) -> None:
        if not path:
            return
        key = path.lower()
        known = self._directories.get(key)
        if known == path:
            return
        if known is not None or key in self._files:
            raise DocumentFailure(self._package, ascii(path), "the name is there twice, maybe in another case")
        self.directory(path.rpartition("/")[0])
        self._directories[key] = path
        if len(self._directories) + len(self._files) > ENTRY_LIMIT:
            raise DocumentFailure(self._package, "", f"it has more than {ENTRY_LIMIT} directories and files")


class _Bounded(io.BufferedIOBase):
    """A file of which nobody reads too much at once: the length of a zip's directory is only what the zip says."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, size: int | None = -1) -> bytes:
        wanted = DIRECTORY_LIMIT + 1 if size is None or size < 0 else min(size, DIRECTORY_LIMIT + 1)
        found = self._stream.read(wanted)
        if len(found) > DIRECTORY_LIMIT:
            raise zipfile.BadZipFile("its directory is too long")
        return found

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True


@contextmanager
def _explained(name: str, path: str) -> Iterator[None]:
    try:
        yield
    except _BAD as error:
        raise DocumentFailure(name, ascii(path) if path else "", f"not a zip that can be read: {error}") from error
    except OSError as error:
        raise SystemFailure(f"cannot read {name}: {error.strerror or error}", facts={"errno": str(error.errno)}) from error
