"""The instance metadata service (fabric.md 9): GET with `Metadata: true`, an api-version, five requests a second.

`/metadata/instance` may be addressed down to one value; values need `format=text`, arrays and objects are JSON. Reprovision
data is 404 until the VM is claimed.
"""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from fabriclab.documents import imds as document
from fabriclab.emulator.limits import Limiter
from fabriclab.emulator.message import JSON, TEXT, XML, Request, Response, refuse
from fabriclab.faults.effects import Drop
from fabriclab.world.switches import Imds
from fabriclab.world.values import World

MODES = {Imds.NOT_FOUND: 404, Imds.GONE: 410, Imds.THROTTLED: 429, Imds.SERVER_ERROR: 500}


class MetadataService:
    name = "imds"
    body_limit = 65536

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._calls = Limiter()

    def answer(self, request: Request, world: World) -> Response:
        refused = self._refusal(request, world)
        if refused is not None:
            return refused
        mode = world.switches.imds
        if mode is Imds.SILENT:
            return Response(504, summary="metadata: silence", effect=Drop())
        if mode in MODES:
            return _error(MODES[mode], "on purpose", world)
        parts = [unquote(part) for part in request.path.strip("/").split("/")]
        if parts[:1] != ["metadata"] or len(parts) < 2:
            return _error(404, f"there is nothing at {request.path}", world)
        if parts[1] == "versions":
            return _json(document.versions(), "metadata versions")
        version = request.parameter("api-version")
        if version is None or version not in document.VERSIONS:
            return _bad_version(version)
        if parts[1] == "instance":
            return _instance(request, world, version, parts[2:])
        if parts[1:] == ["reprovisiondata"]:
            return _reprovision_data(world)
        return _error(404, f"there is nothing at {request.path}", world)

    def _refusal(self, request: Request, world: World) -> Response | None:
        if request.method != "GET":
            return _error(405, f"{request.method} instead of GET", world)
        if request.header("x-forwarded-for") is not None:
            return _error(400, "the request came through a proxy: X-Forwarded-For", world)
        if (request.header("metadata") or "").strip().lower() != "true":
            return _error(400, "the header Metadata: true is missing", world)
        names = [name.lower() for name, _ in request.query]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            return _error(400, f"the parameter {doubled[0]} comes twice", world)
        if not self._calls.admits(self._clock(), world.switches.imds_rate, 1.0):
            return _error(429, f"more than {world.switches.imds_rate} requests in a second", world)
        return None


def _instance(request: Request, world: World, version: str, path: list[str]) -> Response:
    extended = (request.parameter("extended") or "").lower() == "true"
    try:
        found = document.select(document.instance(world, version, extended), "/".join(path))
    except (document.NoElement, ValueError):
        return _error(404, f"there is no {'/'.join(path)} in {version}", world)
    form = (request.parameter("format") or "json").lower()
    if form not in ("json", "text"):
        return _error(400, f"the format {form} is unknown", world)
    told = "/".join(["metadata instance", *path])
    if form == "text":
        return Response(200, document.text(found).encode(), TEXT, summary=told)
    if document.is_leaf(found):
        return _error(400, f"{'/'.join(path)} is a value: it needs format=text", world)
    if world.switches.imds is Imds.NOT_JSON:
        return Response(200, b'{"compute": {', JSON, summary=f"{told}: cut off on purpose")
    return _json(found, told)


def _reprovision_data(world: World) -> Response:
    if world.reprovision_data is None:
        return _error(404, "the VM is not claimed yet", world)
    return Response(200, world.reprovision_data, XML, summary="reprovision data", facts={"kind": "reprovision_data"})


def _json(value: Any, summary: str) -> Response:
    return Response(200, json.dumps(value).encode(), JSON, summary=summary)


def _bad_version(version: str | None) -> Response:
    body = json.dumps(document.bad_version()).encode()
    return refuse(400, f"the api-version is {version}", body, JSON)


def _error(status: int, reason: str, world: World) -> Response:
    words = {400: "Bad request", 404: "Not found", 405: "Method not allowed", 410: "Gone", 429: "Too many requests"}
    body = json.dumps({"error": f"{words.get(status, 'Internal server error')}. {reason}"}).encode()
    retry = world.switches.retry_after
    headers = (("Retry-After", str(retry)),) if status == 429 and retry is not None else ()
    return refuse(status, reason, body, JSON, headers)
