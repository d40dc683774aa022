"""HostGAPlugin (fabric.md 5): the agent's channel through the host.

Every request that carries the VM's identity must carry the current one: an unknown container is answered 400
InvalidContainerConfiguration, an unknown config name 410 RequestRoleConfigFileNotFound (appendix C, 6). What the plugin would
have to fetch or store outside the emulated blob store is answered 502, its word for "upstream failed".
"""

import base64
import binascii
import codecs
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fabriclab.documents import vm_settings
from fabriclab.documents.certificates import TenantKeys
from fabriclab.emulator import blobwrite, logs, ranges
from fabriclab.emulator.message import BINARY, JSON, Request, Response, refuse
from fabriclab.emulator.storage import BlobStore, NoSuchBlob, place
from fabriclab.faults.effects import Drop
from fabriclab.world.switches import VmSettings
from fabriclab.world.values import World

VERSION = "2015-09-01"
CONTAINER, CONFIG_NAME = "x-ms-containerid", "x-ms-host-config-name"
MODES = {
    VmSettings.NOT_SUPPORTED: 404,
    VmSettings.GONE: 410,
    VmSettings.CLIENT_ERROR: 400,
    VmSettings.SERVER_ERROR: 500,
    VmSettings.BAD_GATEWAY: 502,
}


class BadUpload(ValueError):
    """The body of PUT /status is not what the plugin takes; one sentence."""


class HostGaPlugin:
    name = "hostplugin"
    body_limit = 200 << 20  # logs come as one zip

    def __init__(self, keys: TenantKeys, store: BlobStore) -> None:
        self._keys = keys
        self._store = store

    def answer(self, request: Request, world: World) -> Response:
        path = request.path.rstrip("/").lower()
        doors = {
            "/versions": ("GET", self._versions),
            "/health": ("GET", self._health),
            "/vmsettings": ("GET", self._vm_settings),
            "/extensionartifact": ("GET", self._artifact),
            "/status": ("PUT", self._status),
            "/vmagentlog": ("PUT", self._agent_log),
        }
        if path not in doors:
            return refuse(404, f"there is nothing at {request.path}")
        method, door = doors[path]
        return door(request, world) if request.method == method else refuse(405, f"{request.method} instead of {method}")

    def _versions(self, request: Request, world: World) -> Response:
        refused = _identity(request, world, (CONTAINER,))
        if refused is not None:
            return refused
        body = json.dumps(list(world.switches.plugin_versions)).encode()
        return Response(200, codecs.BOM_UTF8 + body if world.switches.plugin_versions_bom else body, JSON, summary="versions")

    def _health(self, request: Request, world: World) -> Response:
        return Response(world.switches.plugin_status, b"", summary="plugin health")

    def _vm_settings(self, request: Request, world: World) -> Response:
        mode = world.switches.vm_settings
        if mode is VmSettings.TIMEOUT:
            return Response(504, summary="vmSettings: silence", effect=Drop())
        if mode in MODES or world.fast_track is None:
            return Response(MODES.get(mode, 404), summary=f"vmSettings: {MODES.get(mode, 404)}")
        refused = _identity(request, world, ("x-ms-version", CONTAINER, CONFIG_NAME, "x-ms-client-correlationid"))
        if refused is not None:
            return refused
        etag = vm_settings.etag(world)
        facts = {"kind": "vm_settings", "etag": etag}
        headers = () if mode is VmSettings.NO_ETAG else (("ETag", etag),)
        if headers and request.header("if-none-match") == etag:
            return Response(304, headers=headers, summary=f"vmSettings {etag}: unchanged", facts=facts)
        body = vm_settings.render(world, self._keys)
        return Response(200, body, JSON, headers, summary=f"vmSettings {etag}", facts=facts)

    def _artifact(self, request: Request, world: World) -> Response:
        refused = _identity(request, world, ("x-ms-version", CONTAINER, CONFIG_NAME))
        if refused is not None:
            return refused
        address = request.header("x-ms-artifact-location")
        if not address:
            return refuse(400, "the header x-ms-artifact-location is missing")
        if not self._store.is_here(address):
            return refuse(502, f"{address.partition('?')[0]} is not in the emulated blob store")
        try:
            container, name = place(address)
            blob = self._store.read(container, name, world)
        except NoSuchBlob as problem:
            return refuse(502, f"{problem}: no such blob")
        facts = {"kind": "artifact", "container": container, "name": name}
        told = f"artifact {container}/{name}"
        part = ranges.partial(request, blob.content, (), told, facts) if world.switches.plugin_ranges else None
        return part or Response(200, blob.content, BINARY, summary=told, facts=facts)

    def _status(self, request: Request, world: World) -> Response:
        refused = _identity(request, world, ("x-ms-version", CONTAINER, CONFIG_NAME))
        if refused is not None:
            return refused
        content_type = (request.header("content-type") or "").partition(";")[0].strip().lower()
        if content_type != "application/json":
            return refuse(400, f"the content type is {content_type!r}, not application/json")
        try:
            address, headers, content = parse_upload(request.body)
        except BadUpload as problem:
            return refuse(400, str(problem))
        if not self._store.is_here(address):
            return refuse(502, f"{address.partition('?')[0]} is not in the emulated blob store")
        outcome = blobwrite.write(self._store, address, headers, content, "host")
        if outcome.reason is not None:
            return replace(refuse(502, f"storage answered {outcome.status}: {outcome.reason}"), facts=outcome.facts)
        what = "status blob" if outcome.facts["kind"] == "status" else f"blob {outcome.facts.get('step')}"
        return Response(200, summary=f"{what} by the host", facts=outcome.facts)

    def _agent_log(self, request: Request, world: World) -> Response:
        named = ("x-ms-client-correlationid", "x-ms-vmagentlog-deploymentid", "x-ms-client-name", "x-ms-client-version")
        refused = _identity(request, world, ("x-ms-version", CONTAINER, *named))
        if refused is not None:
            return refused
        deployment = world.identity.config_name.partition(".")[0]
        if request.header("x-ms-vmagentlog-deploymentid") != deployment:
            return refuse(400, f"x-ms-vmagentlog-deploymentid is not {deployment}")
        try:
            names = logs.names(request.body)
        except logs.NoBundle as problem:
            return refuse(400, str(problem))
        self._store.put(logs.CONTAINER, logs.NAME, request.body)
        facts = {"kind": "agent_log", "size": len(request.body), "names": names}
        return Response(200, summary=f"agent log, {len(request.body)} bytes", facts=facts)


def parse_upload(body: bytes) -> tuple[str, dict[str, str], bytes]:
    """Address, headers with lower-case names, and content of a PUT /status. Raises BadUpload."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as problem:
        raise BadUpload(f"not JSON: {problem}") from problem
    if not isinstance(document, dict):
        raise BadUpload("not a JSON object")
    unknown = sorted(set(document) - {"content", "headers", "requestUri"})
    if unknown:
        raise BadUpload(f"unknown member {unknown[0]}")
    address = document.get("requestUri")
    if not isinstance(address, str) or not address:
        raise BadUpload("requestUri is missing")
    return address, _upload_headers(document.get("headers")), _upload_content(document)


def _upload_headers(values: Any) -> dict[str, str]:
    if not isinstance(values, list):
        raise BadUpload("headers are no list")
    headers: dict[str, str] = {}
    for value in values:
        if not isinstance(value, Mapping) or set(value) != {"headerName", "headerValue"}:
            raise BadUpload("a header is not {headerName, headerValue}")
        name, text = value["headerName"], value["headerValue"]
        if not isinstance(name, str) or not isinstance(text, str):
            raise BadUpload(f"the header {name!r} is not text")
        if name.lower() in headers:
            raise BadUpload(f"the header {name} comes twice")
        headers[name.lower()] = text
    return headers


def _upload_content(document: Mapping[str, Any]) -> bytes:
    if "content" not in document:
        return b""
    content = document["content"]
    if not isinstance(content, str) or not content:
        raise BadUpload("content is no text, or empty: it is left out when there is none")
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as problem:
        raise BadUpload(f"content is not base64: {problem}") from problem


def _identity(request: Request, world: World, needed: tuple[str, ...]) -> Response | None:
    """The refusal when a needed header is missing or says something else than the current goal state."""
    for name in needed:
        if not request.header(name) and world.switches.strict_headers and name not in (CONTAINER, CONFIG_NAME):
            return refuse(400, f"the header {name} is missing")
    version = request.header("x-ms-version")
    if "x-ms-version" in needed and world.switches.strict_headers and version != VERSION:
        return refuse(400, f"x-ms-version is {version}, not {VERSION}")
    if not world.switches.strict_identity:
        return None
    identity = world.identity
    if CONTAINER in needed and (request.header(CONTAINER) or "").lower() != identity.container_id.lower():
        reason = f"the container {request.header(CONTAINER)} is not the current one"
        return refuse(400, reason, _error("InvalidContainerConfiguration", reason), JSON)
    if CONFIG_NAME in needed and request.header(CONFIG_NAME) != identity.config_name:
        reason = f"the config name {request.header(CONFIG_NAME)} is not the current one"
        return refuse(410, reason, _error("RequestRoleConfigFileNotFound", reason), JSON)
    return None


def _error(code: str, message: str) -> bytes:
    return json.dumps({"errorCode": code, "message": message}).encode()
