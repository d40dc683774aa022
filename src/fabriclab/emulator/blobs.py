"""The blob service: what a guest reaches directly (fabric.md 5.6, 6). GET and HEAD of any blob, also of a part
of it, and PUT of status blobs."""

import re
from dataclasses import replace
from typing import Any

from fabriclab.emulator import blobwrite
from fabriclab.emulator.message import BINARY, Request, Response, refuse
from fabriclab.emulator.storage import BlobStore, NoSuchBlob, place
from fabriclab.journal.entry import Headers
from fabriclab.world.values import World

XML = "application/xml"
_RANGE = re.compile(r"bytes=([0-9]{1,15})-([0-9]{1,15})?")


class BlobService:
    name = "blob"
    body_limit = 64 << 20

    def __init__(self, store: BlobStore) -> None:
        self._store = store

    def answer(self, request: Request, world: World) -> Response:
        if request.method in ("GET", "HEAD"):
            return self._read(request, world)
        if request.method == "PUT":
            return self._write(request)
        return refuse(405, f"{request.method} is not a verb of the blob service")

    def _read(self, request: Request, world: World) -> Response:
        try:
            container, name = place(request.target)
            blob = self._store.read(container, name, world)
        except NoSuchBlob as problem:
            outcome = blobwrite.Outcome(404, {}, "BlobNotFound")
            return refuse(404, f"{problem}: no such blob", blobwrite.error_document(outcome), XML)
        facts = {"kind": "blob_read", "container": container, "name": name, "signed": "sig=" in request.target}
        headers = (("x-ms-blob-type", blob.kind), ("ETag", blob.etag), ("Accept-Ranges", "bytes"))
        asked = request.header("x-ms-range") or request.header("range")
        part = None if asked is None else _part(asked, len(blob.content))
        if asked is None or part is None:
            told = f"read {container}/{name}, {len(blob.content)} bytes"
            return Response(200, blob.content, BINARY, headers, summary=told, facts=facts)
        return _partial(blob.content, part, headers, f"{container}/{name}", facts)

    def _write(self, request: Request) -> Response:
        headers = {name.lower(): value for name, value in request.headers}
        outcome = blobwrite.write(self._store, request.target, headers, request.body, "direct")
        if outcome.reason is not None:
            refused = refuse(outcome.status, outcome.reason, blobwrite.error_document(outcome), XML)
            return replace(refused, facts=outcome.facts)
        what = "status blob" if outcome.facts["kind"] == "status" else f"blob {outcome.facts.get('step')}"
        return Response(201, summary=f"{what} {outcome.facts['name']}", facts=outcome.facts)


def _partial(content: bytes, part: range, headers: Headers, name: str, facts: dict[str, Any]) -> Response:
    if part.start >= len(content):
        outcome = blobwrite.Outcome(416, {}, "InvalidRange")
        return refuse(416, f"byte {part.start} of {len(content)}", blobwrite.error_document(outcome), XML)
    extent = f"bytes {part.start}-{part.stop - 1}/{len(content)}"
    told = f"read {name}, {extent}"
    return Response(
        206, content[part.start : part.stop], BINARY, (*headers, ("Content-Range", extent)), summary=told, facts=facts
    )


def _part(asked: str, size: int) -> range | None:
    """The bytes that a range asks for, cut at the end; None for a form that storage ignores."""
    found = _RANGE.fullmatch(asked.strip())
    if found is None:
        return None
    start, last = int(found.group(1)), int(found.group(2) or size - 1)
    return range(start, min(last, size - 1) + 1) if last >= start or not found.group(2) else None
