"""The rules of a PUT to blob storage, as far as status uploads use it (fabric.md 6), the same for a guest's own request and for
one that the HostGAPlugin makes in its name.

    block blob       one PUT with the content                                      201
    page blob        a PUT without content that says the size, then               201
    its pages        PUTs with comp=page, each a range on 512-byte boundaries      201
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from fabriclab.emulator.storage import BLOCK_BLOB, PAGE_BLOB, BlobStore, NoSuchBlob, parse_status, place

PAGE = 512
PAGES_AT_ONCE = 4 << 20
_RANGE = re.compile(r"bytes=([0-9]{1,15})-([0-9]{1,15})")
_SIZE = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True)
class Outcome:
    """`status` is storage's; `code` its error code, None for success."""

    status: int
    facts: Mapping[str, Any]
    code: str | None = None
    reason: str | None = None


class Rejected(Exception):
    def __init__(self, status: int, code: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.code = code


def write(store: BlobStore, url: str, headers: Mapping[str, str], body: bytes, channel: str) -> Outcome:
    """`url`: the target or the whole address. `headers`: names in lower case. `channel`: "host" or "direct"."""
    facts: dict[str, Any] = {"kind": "blob", "channel": channel}
    try:
        container, name = place(url)
        facts |= {"container": container, "name": name}
        _check_common(headers, body)
        if _is_page_write(url):
            facts |= {"blob_type": PAGE_BLOB, "step": "pages"}
            content = _write_pages(store, container, name, headers, body)
        else:
            kind = headers.get("x-ms-blob-type", "")
            facts |= {"blob_type": kind, "step": "create" if kind == PAGE_BLOB else "put"}
            content = _create(store, container, name, kind, headers, body)
    except NoSuchBlob as problem:
        return Outcome(404, facts, "BlobNotFound", f"{problem}: no such blob")
    except Rejected as problem:
        return Outcome(problem.status, facts, problem.code, str(problem))
    document = parse_status(content)
    if document is not None:
        store.keep_status(document)
        facts |= {"kind": "status", "document": document, "size": len(content)}
    return Outcome(201, facts)


def error_document(outcome: Outcome) -> bytes:
    """As storage words it."""
    return (
        f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{outcome.code}</Code><Message>{outcome.code}</Message></Error>'
    ).encode()


def _check_common(headers: Mapping[str, str], body: bytes) -> None:
    for name in ("x-ms-version", "x-ms-date"):
        if not headers.get(name):
            raise Rejected(400, "MissingRequiredHeader", f"the header {name} is missing")
    length = headers.get("content-length")
    if length is None:
        raise Rejected(411, "MissingContentLengthHeader", "the header content-length is missing")
    if length != str(len(body)):
        raise Rejected(400, "InvalidHeaderValue", f"content-length says {length}, the content has {len(body)} bytes")


def _create(store: BlobStore, container: str, name: str, kind: str, headers: Mapping[str, str], body: bytes) -> bytes:
    if kind == BLOCK_BLOB:
        store.put(container, name, body)
        return body
    if kind != PAGE_BLOB:
        reason = f"x-ms-blob-type is {kind!r}" if kind else "the header x-ms-blob-type is missing"
        raise Rejected(400, "InvalidHeaderValue" if kind else "MissingRequiredHeader", reason)
    size = headers.get("x-ms-blob-content-length", "")
    if not _SIZE.fullmatch(size):
        raise Rejected(400, "MissingRequiredHeader", f"x-ms-blob-content-length is {size!r}")
    if int(size) % PAGE:
        raise Rejected(400, "InvalidHeaderValue", f"x-ms-blob-content-length {size} is no multiple of {PAGE}")
    if body:
        raise Rejected(400, "InvalidHeaderValue", "a page blob is created without content")
    if int(size) > 1 << 30:
        raise Rejected(413, "RequestBodyTooLarge", f"{size} bytes are more than the lab keeps")
    store.put(container, name, b"\0" * int(size), PAGE_BLOB)
    return b""


def _write_pages(store: BlobStore, container: str, name: str, headers: Mapping[str, str], body: bytes) -> bytes:
    blob = store.stored(container, name)
    if blob.kind != PAGE_BLOB:
        raise Rejected(409, "InvalidBlobType", f"{container}/{name} is no page blob")
    if headers.get("x-ms-page-write", "").lower() != "update":
        raise Rejected(400, "MissingRequiredHeader", "x-ms-page-write is not update")
    found = _RANGE.fullmatch(headers.get("x-ms-range") or headers.get("range") or "")
    if found is None:
        raise Rejected(400, "MissingRequiredHeader", "x-ms-range is missing or no range of bytes")
    start, end = int(found.group(1)), int(found.group(2)) + 1
    if start % PAGE or end % PAGE or end <= start:
        raise Rejected(416, "InvalidPageRange", f"the range {start}-{end - 1} is not on {PAGE}-byte boundaries")
    if end - start > PAGES_AT_ONCE:
        raise Rejected(413, "RequestBodyTooLarge", f"{end - start} bytes are more than {PAGES_AT_ONCE} at once")
    if end - start != len(body):
        raise Rejected(400, "InvalidHeaderValue", f"the range has {end - start} bytes, the content {len(body)}")
    if end > len(blob.content):
        raise Rejected(416, "InvalidPageRange", f"the range ends at {end}, the blob at {len(blob.content)}")
    content = blob.content[:start] + body + blob.content[end:]
    store.put(container, name, content, PAGE_BLOB)
    return content


def _is_page_write(url: str) -> bool:
    return ("comp", "page") in [(key.lower(), value.lower()) for key, value in parse_qsl(urlsplit(url).query)]
