"""The complete examples of the fabric's documents, and the check every inbound codec must pass: no input surprises it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from waagent.model.failure import DocumentFailure

_DOCUMENTS = Path(__file__).parent / "documents"
MARK = b"\xef\xbb\xbf"
HOSTILE = (
    b"",
    MARK,
    b"\0" * 600,
    b"<",
    b"<html><body>login</body></html>",
    b'<?xml version="1.0" encoding="nonsense"?><a/>',
    b'<?xml version="1.0" encoding="utf-7"?><a/>',
    b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    b"<a>" * 20000 + b"</a>" * 20000,
    b"[" * 100000,
    b'{"a":' * 20000 + b"1" + b"}" * 20000,
    b"null",
    b"[]",
    b"{}",
    b"1e999",
    "<a>é</a>".encode("utf-16"),
)


def example(name: str) -> bytes:
    """A complete example by the name of its file."""
    return (_DOCUMENTS / name).read_bytes()


def damaged(whole: bytes) -> st.SearchStrategy[bytes]:
    """``whole`` with a few bytes changed, or cut off, or some part of it twice."""
    place = st.integers(0, len(whole) - 1)

    def change(changes: list[tuple[int, int]], start: int, end: int, extra: int) -> bytes:
        data = bytearray(whole)
        for where, byte in changes:
            data[where] = byte
        low, high = min(start, end), max(start, end)
        return bytes({0: data, 1: data[:high], 2: data[:low] + data[high:], 3: data[:high] + data[low:]}[extra])

    changes = st.lists(st.tuples(place, st.integers(0, 255)), max_size=4)
    return st.builds(change, changes, place, place, st.integers(0, 3))


def value_or_document_failure(parse: Callable[[bytes], Any], data: bytes) -> Any:
    """What ``parse`` makes of it, or None after a ``DocumentFailure``; any other exception passes."""
    try:
        return parse(data)
    except DocumentFailure as failure:
        assert failure.document
        return None
