"""An HTTP/1.1 answer, read from a channel that gives bytes (RFC 9112, sections 4, 6 and 7).

Head: a status line, header lines, an empty line; interim answers (100 to 199) are passed over. Body: nothing, chunks, a
length, or everything until the connection ends. What does not fit is ``NotHttp``; a body that ends early is ``EndedEarly``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

LINE_LIMIT = 65536
HEADER_LIMIT = 100
PIECE = 64 * 1024
_STATUS = re.compile(rb"HTTP/1\.(\d) +(\d{3})(?: .*)?", re.DOTALL)
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?", re.DOTALL)


class NotHttp(Exception):
    """The text says what was wrong."""


class EndedEarly(Exception):
    """The connection ended in the middle of an answer."""


@dataclass(frozen=True)
class Head:
    """Status and headers (lower-case names), and how the body ends: ``length`` bytes, chunks, or with the connection."""

    status: int
    headers: dict[str, str]
    length: int | None
    chunked: bool
    keeps: bool
    """Whether the connection may carry another request after the body."""


class Reader:
    """``receive`` gives the next bytes, none at the end of the connection; its errors come through."""

    def __init__(self, receive: Callable[[], bytes]) -> None:
        self._receive = receive
        self._waiting = b""

    @property
    def is_empty(self) -> bool:
        """Whether everything that came was read: a connection with more is not used again."""
        return not self._waiting

    def head(self, method: str) -> Head:
        """The head of the final answer."""
        while True:
            version, status = self._status_line()
            fields = self._fields()
            if status >= 200:
                return _head(method, version, status, fields)
            if status == 101:
                raise NotHttp("the server speaks another protocol now")

    def body(self, head: Head) -> Iterator[bytes]:
        """The body in pieces, to its very end."""
        if head.chunked:
            while size := self._chunk_size():
                yield from self._exactly(size)
                if self._line():
                    raise NotHttp("a chunk is longer than it says")
            self._fields()
        elif head.length is not None:
            yield from self._exactly(head.length)
        else:
            while piece := self._waiting or self._receive():
                self._waiting = b""
                yield piece

    def _status_line(self) -> tuple[int, int]:
        match = _STATUS.fullmatch(self._line())
        if match is None:
            raise NotHttp("this is no HTTP answer")
        return int(match[1]), int(match[2])

    def _fields(self) -> list[tuple[str, str]]:
        fields: list[tuple[str, str]] = []
        while line := self._line():
            text = line.decode("latin-1")
            name, colon, value = text.partition(":")
            if text[0] in " \t" and fields:  # obsolete, but an answer that folds is still an answer
                fields[-1] = (fields[-1][0], f"{fields[-1][1]} {text.strip()}")
            elif not colon or not name.strip():
                raise NotHttp("a header line has no name")
            elif len(fields) == HEADER_LIMIT:
                raise NotHttp(f"there are more than {HEADER_LIMIT} headers")
            else:
                fields.append((name.strip().lower(), value.strip()))
        return fields

    def _chunk_size(self) -> int:
        match = _CHUNK.fullmatch(self._line())
        if match is None:
            raise NotHttp("a chunk has no size")
        return int(match[1], 16)

    def _line(self) -> bytes:
        """The next line without its end."""
        while (end := self._waiting.find(b"\n")) < 0:
            if len(self._waiting) > LINE_LIMIT:
                raise NotHttp("a line is too long")
            self._waiting += self._more()
        line, self._waiting = self._waiting[:end], self._waiting[end + 1 :]
        return line.removesuffix(b"\r")

    def _exactly(self, count: int) -> Iterator[bytes]:
        while count:
            piece = self._waiting or self._more()
            self._waiting = piece[count:]
            piece = piece[:count]
            count -= len(piece)
            yield piece

    def _more(self) -> bytes:
        piece = self._receive()
        if not piece:
            raise EndedEarly
        return piece


def _head(method: str, version: int, status: int, fields: list[tuple[str, str]]) -> Head:
    headers: dict[str, str] = {}
    for name, value in fields:
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    encoding = headers.get("transfer-encoding", "").lower()
    if encoding not in ("", "identity", "chunked"):
        raise NotHttp(f"the transfer encoding {encoding[:40]} is not known")
    chunked = encoding == "chunked"
    length = None if chunked else _length(headers)
    if method == "HEAD" or status in (204, 304):
        chunked, length = False, 0
    said = {word.strip().lower() for word in headers.get("connection", "").split(",")}
    keeps = (version >= 1 and "close" not in said) or "keep-alive" in said
    framed_twice = chunked and "content-length" in headers  # whoever sends both may mean either: not to be reused
    return Head(status, headers, length, chunked, keeps and (chunked or length is not None) and not framed_twice)


def _length(headers: dict[str, str]) -> int | None:
    said = headers.get("content-length")
    if said is None:
        return None
    values = {value.strip() for value in said.split(",")}
    value = values.pop()
    if values or not (value.isascii() and value.isdigit()) or len(value) > 15:
        raise NotHttp("the length of the answer is not a number")
    return int(value)
