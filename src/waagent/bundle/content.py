"""One file on its way into the bundle, by what it is: text, settings, the provisioning document, packed text.

What cannot be read through for secrets stays out. Of a text that is too long the end is taken, without its first line,
which may begin in the middle of a secret. Odd: a file that grows is read to the size it had when it was opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

from waagent.bundle import repack
from waagent.bundle.redaction import LINE, Redaction, redacted, settings
from waagent.codec import ovf_env, xml_rewrite
from waagent.config.paths import Paths
from waagent.model.failure import DocumentFailure

LIMIT = repack.LIMIT
"""Bytes of one file."""
DOCUMENT = 1024 * 1024
"""Bytes of a document that has to be understood as a whole."""
PIECE = repack.PIECE
OPAQUE = (".xz", ".bz2", ".zst", ".lz4", ".lzma", ".7z", ".tgz")


class LeftOut(Exception):
    """This file does not go into the bundle; the text says why."""


def is_packed(path: str) -> bool:
    return path.endswith((".gz", ".zip", *OPAQUE))


def name_of(path: str, size: int) -> str:
    """Its name in the bundle. Errors: ``LeftOut`` for a packed file that is too long: of it no end can be taken."""
    readable = path.encode("utf-8", "backslashreplace").decode()
    if size <= LIMIT:
        return readable.lstrip("/")
    if is_packed(path):
        raise LeftOut(f"{size} bytes are too many for a packed file")
    return f"truncated_{readable.replace('/', '_')}"


def pieces(
    path: str, size: int, stream: BinaryIO, paths: Paths, spend: Callable[[int], object] = lambda count: None
) -> Iterator[bytes]:
    """The content, without secrets. ``spend`` hears of bytes that are unpacked on the way: a small file may hold many.

    Errors: ``LeftOut`` before the first piece; ``OSError``, ``SystemFailure``.
    """
    if path.endswith(OPAQUE):
        raise LeftOut("what is packed so cannot be read through for secrets")
    if path == paths.ovf_env:
        return iter((_provisioning(_whole(stream, size)),))
    if path.startswith(f"{paths.lib}/") and path.endswith(".settings"):
        return iter((_settings(_whole(stream, size)),))
    if path.endswith(".gz"):
        return repack.gz(_plain(stream, size), spend)
    if path.endswith(".zip"):
        if size > DOCUMENT:
            raise LeftOut(f"{size} bytes are too many for a zip: the list of what is in it has to be held in memory")
        return repack.zipped(stream, spend)
    return redacted(_tail(stream, size))


def _whole(stream: BinaryIO, size: int) -> bytes:
    if size > DOCUMENT:
        raise LeftOut(f"{size} bytes are too many for a document")
    return b"".join(_plain(stream, size))


def _provisioning(content: bytes) -> bytes:
    """Passwords went out when it was saved; what another agent saved is seen to here. Custom data may hold anything."""
    try:
        return xml_rewrite.rewrite(ovf_env.redact(content), ovf_env.DOCUMENT, {"customdata"}, lambda name, text: "*")
    except DocumentFailure as failure:
        raise LeftOut(f"it cannot be understood: {failure.reason}") from failure


def _settings(content: bytes) -> bytes:
    redaction = Redaction()
    try:
        return redaction.feed(settings(content)) + redaction.finish()
    except ValueError as error:
        raise LeftOut("it is no JSON, so that protected settings cannot be told from others") from error


def _plain(stream: BinaryIO, size: int) -> Iterator[bytes]:
    left = size
    while left > 0 and (piece := stream.read(min(PIECE, left))):
        left -= len(piece)
        yield piece


def _tail(stream: BinaryIO, size: int) -> Iterator[bytes]:
    if size <= LIMIT:
        yield from _plain(stream, size)
        return
    stream.seek(size - LIMIT)
    first = stream.readline(LINE)
    yield from _plain(stream, LIMIT - len(first))
