"""The blob service: what a guest reaches directly (fabric.md 5.6, 6). GET and HEAD of any blob, also of a part
of it, and PUT of status blobs."""

from dataclasses import replace

from fabriclab.emulator import blobwrite, ranges
from fabriclab.emulator.message import BINARY, Request, Response, refuse
from fabriclab.emulator.ranges import XML
from fabriclab.emulator.storage import BlobStore, NoSuchBlob, place
from fabriclab.world.values import World


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
        told = f"read {container}/{name}"
        part = ranges.partial(request, blob.content, headers, told, facts)
        return part or Response(200, blob.content, BINARY, headers, summary=f"{told}, {len(blob.content)} bytes", facts=facts)

    def _write(self, request: Request) -> Response:
        headers = {name.lower(): value for name, value in request.headers}
        outcome = blobwrite.write(self._store, request.target, headers, request.body, "direct")
        if outcome.reason is not None:
            refused = refuse(outcome.status, outcome.reason, blobwrite.error_document(outcome), XML)
            return replace(refused, facts=outcome.facts)
        what = "status blob" if outcome.facts["kind"] == "status" else f"blob {outcome.facts.get('step')}"
        return Response(201, summary=f"{what} {outcome.facts['name']}", facts=outcome.facts)
