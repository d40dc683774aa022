"""From a downloaded package to a handler's directory (extensions.md 2.6, 5.3; fabric.md 7.5).

The package is unpacked beside the directory (``Place.draft``, a name that is never taken for a handler), brought to the
disk, and then takes its place: by one rename where there is no directory yet, else entry by entry over what is there,
because settings and status of an earlier try survive. Whether a directory is complete is said by its ``HandlerState``,
never by its existence, so that a kill at any point only means unpacking again.

Odd: zips lose Unix modes, so every file gets ``u+x`` (0744); the manifest may be anywhere in the zip and is written
again, without its byte order mark, at the top. The caller removes the package, as it may have to be verified first.
"""

from __future__ import annotations

import posixpath
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from waagent.codec import handler_manifest
from waagent.codec.json_document import NotJson
from waagent.extension.place import Place
from waagent.model.extension import HandlerManifest
from waagent.model.failure import DocumentFailure, ExtensionFailure, SystemFailure
from waagent.system.port import Files, Kind

if TYPE_CHECKING:
    import zipfile

    from waagent.extension import archive

UNPACK_FAILED = 1001
"""The code of the contract for a package that could not be downloaded or unpacked from any address."""
MANIFEST_UNREADABLE = 1002
MANIFEST_NOT_JSON = 1003
MANIFEST_LIMIT = 1024 * 1024
FILE_MODE = 0o744
DIRECTORY_MODE = 0o755
_KIND = "ExtensionDownloadError"


@dataclass(frozen=True)
class Unpacked:
    """What came out of a package; ``remarks`` are sentences for the log."""

    files: int
    size: int
    remarks: tuple[str, ...] = ()


def unpack(files: Files, place: Place) -> Unpacked:
    """Unpack ``place.package`` into ``place.base``: what the ``accept`` of a download does.

    Errors: ``ExtensionFailure`` (code 1001) saying why: no zip, an entry that is refused, too large, no space left, a
    read-only file system. The directory then has what it had before.
    """
    name = posixpath.basename(place.package)
    try:
        files.remove(place.draft)
        done = _extract(files, place, name)
        files.sync(place.draft)
        _settle(files, place.draft, place.base)
        return done
    except (SystemFailure, DocumentFailure) as failure:
        _discard(files, place.draft)
        raise ExtensionFailure(
            _KIND, f"Failed to unpack {name}", code=UNPACK_FAILED, operation="Download", causes=(failure,)
        ) from failure


def read_manifest(files: Files, place: Place, *, fresh: bool = False) -> HandlerManifest:
    """What the handler's manifest says.

    ``fresh`` right after unpacking: then a missing manifest is the package's fault. Errors: ``ExtensionFailure`` with code
    -1 (missing in a package; says not what it must), 1002 (of an installed handler, unreadable) or 1003 (not JSON).
    """
    try:
        data = files.read(place.manifest, MANIFEST_LIMIT)
    except SystemFailure as failure:
        if fresh:
            raise ExtensionFailure(
                _KIND, "HandlerManifest.json was not found in the package", operation="Download"
            ) from failure
        reason = "Failed to get the manifest file HandlerManifest.json"
        raise ExtensionFailure("ExtensionError", reason, code=MANIFEST_UNREADABLE, causes=(failure,)) from failure
    try:
        return handler_manifest.parse(data)
    except NotJson as failure:
        reason = "HandlerManifest.json is malformed"
        raise ExtensionFailure("ExtensionError", reason, code=MANIFEST_NOT_JSON, causes=(failure,)) from failure
    except DocumentFailure as failure:
        raise ExtensionFailure("ExtensionError", failure.reason) from failure


def _extract(files: Files, place: Place, name: str) -> Unpacked:
    from waagent.extension import archive  # zipfile and its compressors: 1.3 MB that most machines never need

    facts = files.facts(place.package)
    limit = archive.size_limit(facts.size if facts is not None else 0)
    with closing(files.open(place.package)) as stream, archive.opened(stream, name) as package:
        found = archive.listing(package, name, limit)
        _require_space(files, posixpath.dirname(place.base), found.size)
        files.make_directory(place.draft, DIRECTORY_MODE)
        for directory in found.directories:
            files.make_directory(f"{place.draft}/{directory}", DIRECTORY_MODE)
        left = limit
        for entry in found.files:
            left -= _write(files, f"{place.draft}/{entry.path}", package, name, entry, left)
    if found.manifest is not None:
        content = files.read(f"{place.draft}/{found.manifest}", MANIFEST_LIMIT)
        files.write(f"{place.draft}/{archive.MANIFEST}", handler_manifest.stored(content), 0o644)
    return Unpacked(len(found.files), limit - left, found.remarks)


def _write(files: Files, path: str, package: zipfile.ZipFile, name: str, entry: archive.Entry, left: int) -> int:
    """Write one file; the number of its bytes, which are counted as they come and not as the zip says."""
    from waagent.extension import archive

    size = 0
    with closing(files.create(path, FILE_MODE)) as target:
        for piece in archive.pieces(package, name, entry):
            size += len(piece)
            if size > left:
                raise DocumentFailure(name, ascii(entry.path), "the package unpacks to more than it may")
            target.write(piece)
    return size


def _require_space(files: Files, directory: str, needed: int) -> None:
    free = files.space(directory)
    if free < needed:
        raise SystemFailure(f"No space left in {directory}: {needed} bytes are needed, {free} are free")


def _settle(files: Files, source: str, target: str) -> None:
    """Put a directory in its place, over what is there already."""
    facts = files.facts(target)
    if facts is None or facts.kind is not Kind.DIRECTORY:
        files.rename(source, target)
        return
    for name in files.names(source):
        inner = files.facts(f"{source}/{name}")
        if inner is not None and inner.kind is Kind.DIRECTORY:
            _settle(files, f"{source}/{name}", f"{target}/{name}")
        else:
            files.rename(f"{source}/{name}", f"{target}/{name}")
    files.remove(source)


def _discard(files: Files, draft: str) -> None:
    try:
        files.remove(draft)
    except SystemFailure:
        return  # on a read-only file system; the next try and the cleanup look at it again
