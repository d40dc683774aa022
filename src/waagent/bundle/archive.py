"""The zip itself, written piece by piece: nothing of it but the list of its entries is held in memory."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable
from datetime import datetime
from types import TracebackType
from typing import BinaryIO

_FILE = 0o100644 << 16
_FIRST = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can tell."""


class Archive:
    """``check`` is called before each piece and may raise."""

    def __init__(self, stream: BinaryIO, moment: datetime, check: Callable[[], object]) -> None:
        self._zip = zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED)
        self._moment = max(moment.timetuple()[:6], _FIRST)
        self._check = check
        self.total = 0
        """Bytes before packing."""

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._zip.close()

    def spend(self, count: int) -> None:
        """Count bytes that were read, but are not in the archive."""
        self._check()
        self.total += count

    def add(self, name: str, pieces: Iterable[bytes], *, packed: bool = False) -> int:
        """Write one entry; its size. What was written of an entry whose pieces raise stays, the archive stays whole."""
        entry = zipfile.ZipInfo(name, self._moment)
        entry.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
        entry.external_attr = _FILE
        size = 0
        with self._zip.open(entry, "w") as out:
            for piece in pieces:
                self._check()
                out.write(piece)
                size += len(piece)
                self.total += len(piece)
        return size
