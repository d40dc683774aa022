"""Parts of a blob, as storage hands them out: `Range: bytes=first-last` is answered 206 with Content-Range, or 416.

A form that storage does not know is ignored, as is one that ends before it begins.
"""

import re
from typing import Any

from fabriclab.emulator import blobwrite
from fabriclab.emulator.message import BINARY, Request, Response, refuse
from fabriclab.journal.entry import Headers

XML = "application/xml"
_RANGE = re.compile(r"bytes=([0-9]{1,15})-([0-9]{1,15})?")


def partial(request: Request, content: bytes, headers: Headers, what: str, facts: dict[str, Any]) -> Response | None:
    """The part that is asked for; None when it is the whole. `what`: for the journal, as in `read packages/one`."""
    asked = request.header("x-ms-range") or request.header("range")
    part = None if asked is None else _part(asked, len(content))
    if part is None:
        return None
    if part.start >= len(content):
        outcome = blobwrite.Outcome(416, {}, "InvalidRange")
        return refuse(416, f"byte {part.start} of {len(content)}", blobwrite.error_document(outcome), XML)
    extent = f"bytes {part.start}-{part.stop - 1}/{len(content)}"
    body = content[part.start : part.stop]
    return Response(206, body, BINARY, (*headers, ("Content-Range", extent)), summary=f"{what}, {extent}", facts=facts)


def _part(asked: str, size: int) -> range | None:
    """The bytes that a range asks for, cut at the end."""
    found = _RANGE.fullmatch(asked.strip())
    if found is None:
        return None
    start, last = int(found.group(1)), int(found.group(2) or size - 1)
    return range(start, min(last, size - 1) + 1) if last >= start or not found.group(2) else None
