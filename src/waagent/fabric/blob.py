"""Where the status goes: a block or page blob, through the host plugin or straight to storage (fabric.md 6).

Odd: the date header is not the RFC 1123 form (trap 19); success is 201 only when we talk to storage ourselves (trap
20); a page blob is created anew for every report and padded to 512 bytes, with spaces through the host and with NULs
directly (trap 18). The host always goes first, whatever channel downloads use (trap 32). The URL is a credential.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from waagent.fabric.exchange import Exchange, require
from waagent.fabric.hostgaplugin import HostPlugin
from waagent.model.failure import ExchangeFailure
from waagent.model.goal_state import BlobType, StatusBlob
from waagent.model.secret import redact
from waagent.system.port import Request

STORAGE_VERSION = "2014-02-14"
PAGE = 512
CHUNK = 4 * 1024 * 1024


@dataclass(frozen=True)
class StoragePut:
    """One PUT to storage; ``body`` None creates an empty page blob."""

    url: str
    headers: Mapping[str, str]
    body: bytes | None


def rounded(length: int) -> int:
    """``length`` rounded up to whole pages of 512 bytes."""
    return (length + PAGE - 1) // PAGE * PAGE


def page_url(url: str) -> str:
    """The address of a page write: ``comp=page`` is appended to the signed URL."""
    return f"{url}{'&' if '?' in url else '?'}comp=page"


def storage_puts(blob: StatusBlob, body: bytes, now: datetime, padding: bytes) -> Iterator[StoragePut]:
    """The requests that store ``body``, in order (fabric.md 6.1). ``padding`` is one byte, used for page blobs only."""
    stamp = {"x-ms-date": now.strftime("%Y-%m-%dT%H:%M:%SZ"), "x-ms-version": STORAGE_VERSION}
    if blob.blob_type is BlobType.BLOCK:
        yield StoragePut(blob.url, {"Content-Length": str(len(body)), "x-ms-blob-type": "BlockBlob", **stamp}, body)
        return
    size = rounded(len(body))
    create = {"Content-Length": "0", "x-ms-blob-content-length": str(size), "x-ms-blob-type": "PageBlob", **stamp}
    yield StoragePut(blob.url, create, None)
    padded = body.ljust(size, padding)
    for start in range(0, size, CHUNK):
        chunk = padded[start : start + CHUNK]
        headers = {
            "Content-Length": str(len(chunk)),
            "x-ms-date": stamp["x-ms-date"],
            "x-ms-range": f"bytes={start}-{start + len(chunk) - 1}",
            "x-ms-page-write": "update",
            "x-ms-version": STORAGE_VERSION,
        }
        yield StoragePut(page_url(blob.url), headers, chunk)


def host_request(put: StoragePut) -> bytes:
    """The body of ``PUT /status`` that asks the plugin to make this request (fabric.md 5.3): JSON, keys sorted."""
    import base64
    import json

    document: dict[str, object] = {
        "requestUri": put.url,
        "headers": [{"headerName": name, "headerValue": put.headers[name]} for name in sorted(put.headers)],
    }
    if put.body is not None:
        document["content"] = base64.b64encode(put.body).decode("ascii")
    return json.dumps(document, sort_keys=True).encode("ascii")


class StatusUpload:
    """Uploads the status blob: the host first, always, then storage itself."""

    def __init__(self, exchange: Exchange, host: HostPlugin) -> None:
        self._exchange = exchange
        self._host = host

    def upload(self, body: bytes, blob: StatusBlob) -> None:
        """Store one status document. Errors: ``ExchangeFailure`` with the cause of each channel.

        A stale identity at the host counts as handled: it was renewed, and the next round reports again (fabric.md 6.3).
        """
        try:
            self._through_host(body, blob)
            return
        except ExchangeFailure as failure:
            by_host = failure
        try:
            self._directly(body, blob)
        except ExchangeFailure as failure:
            raise ExchangeFailure("the status could not be uploaded", causes=(by_host, failure)) from failure

    def _through_host(self, body: bytes, blob: StatusBlob) -> None:
        for put in storage_puts(blob, body, self._exchange.system.clock.now(), b" "):
            if not self._host.put_status(host_request(put)):
                self._exchange.system.log.verbose("the host did not know us any more: the status is sent again next time")
                return

    def _directly(self, body: bytes, blob: StatusBlob) -> None:
        for put in storage_puts(blob, body, self._exchange.system.clock.now(), b"\0"):
            request = Request("PUT", put.url, put.headers, put.body or b"", proxied=True)
            require(self._exchange.send("status", request), f"PUT {redact(put.url)}", accepted=(201,))
