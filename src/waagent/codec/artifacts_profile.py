"""The artifacts profile blob, of which one flag matters (fabric.md 4.7).

Odd: it may be empty or padded with NULs, and the flag may be text; whoever calls takes every problem as "not on hold",
never as a stop (trap 17).
"""

from __future__ import annotations

from waagent.codec.json_document import kind, load, require_object
from waagent.model.failure import DocumentFailure

DOCUMENT = "InVMArtifactsProfileBlob"


def on_hold(data: bytes) -> bool:
    """Whether extensions are on hold; False for an empty document. Errors: ``DocumentFailure``."""
    content = data.rstrip(b"\0 \t\r\n")
    if not content:
        return False
    flag = require_object(load(content, DOCUMENT), DOCUMENT, "").get("onHold", False)
    if isinstance(flag, bool):
        return flag
    if isinstance(flag, str) and flag.lower() in ("true", "false"):
        return flag.lower() == "true"
    raise DocumentFailure(DOCUMENT, "onHold", f"a boolean is expected, not {kind(flag)}")
