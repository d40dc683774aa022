"""Packed files on their way into the bundle: unpacked, read through for secrets, and packed again, piece by piece.

Odd: what a packed file holds in packed form once more stays out, and of what would be too long when unpacked only the
beginning comes along; a damaged end ends it.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

from waagent.bundle.redaction import redacted

LIMIT = 30 * 1024 * 1024
"""Bytes of one packed file when it is unpacked."""
PIECE = 64 * 1024
MEMBERS = 1000
PACKED = (".gz", ".zip", ".xz", ".bz2", ".zst", ".lz4", ".lzma", ".7z", ".tgz")
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OverflowError)
"""What ``zipfile`` raises for damaged, encrypted and oddly packed members."""

Spend = Callable[[int], object]


def gz(source: Iterator[bytes], spend: Spend) -> Iterator[bytes]:
    """A ``.gz`` given in pieces. ``spend`` hears of every byte that is unpacked."""
    packer = zlib.compressobj(wbits=31)
    for piece in redacted(_inflated(source, spend)):
        yield packer.compress(piece)
    yield packer.flush()


def _inflated(source: Iterator[bytes], spend: Spend) -> Iterator[bytes]:
    left = LIMIT
    unpacker = zlib.decompressobj(wbits=31)
    for packed in source:
        while packed and left > 0:
            if unpacker.eof:  # several streams may follow one another
                unpacker = zlib.decompressobj(wbits=31)
            try:
                piece = unpacker.decompress(packed, min(PIECE, left))
            except zlib.error:
                return
            packed = unpacker.unconsumed_tail or unpacker.unused_data
            left -= len(piece)
            spend(len(piece))
            yield piece


class _Pipe:
    """What a zip is written into: it gives away what was written so far and cannot go back."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        taken = bytes(self._written)
        self._written.clear()
        return taken


def zipped(stream: BinaryIO, spend: Spend) -> Iterator[bytes]:
    """A ``.zip``; one that is none comes out empty."""
    pipe = _Pipe()
    with zipfile.ZipFile(cast(BinaryIO, pipe), "w", zipfile.ZIP_DEFLATED) as out:
        for name, pieces in _members(stream, spend):
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            with out.open(entry, "w") as member:
                for piece in redacted(pieces):
                    member.write(piece)
                    yield pipe.take()
    yield pipe.take()


def _members(stream: BinaryIO, spend: Spend) -> Iterator[tuple[str, Iterator[bytes]]]:
    left = [LIMIT]

    def pieces(entry: zipfile.ZipInfo) -> Iterator[bytes]:
        try:
            with found.open(entry) as member:
                while left[0] > 0 and (piece := member.read(min(PIECE, left[0]))):
                    left[0] -= len(piece)
                    spend(len(piece))
                    yield piece
        except _DAMAGED:
            return

    try:
        with zipfile.ZipFile(stream) as found:
            for entry in found.infolist()[:MEMBERS]:
                if not entry.is_dir() and not entry.filename.lower().endswith(PACKED):
                    yield entry.filename.encode("utf-8", "backslashreplace").decode(), pieces(entry)
    except _DAMAGED:
        return
