"""Addresses of blobs, as the fabric hands them out: plain HTTP on the lab's bridge, each with a signature of its own.

The signature is derived from the address, so that a document renders the same every time and a leaked one can be traced to the
blob it opens. It is a credential all the same: nothing may log it (fabric 14, trap 36).
"""

import base64
import hashlib
from urllib.parse import quote

BLOBS = "10.77.0.1"
WIRE_SERVER = "168.63.129.16"
SECOND_WIRE_SERVER = "168.63.129.17"  # where the wire server may move to; nobody answers there before


def blob(container: str, name: str, permission: str = "r", authority: str = BLOBS) -> str:
    """`permission`: r reads, w writes."""
    digest = hashlib.sha256(f"{container}/{name}?{permission}".encode()).digest()
    signature = quote(base64.b64encode(digest).decode(), safe="").replace("%3D", "%3d")
    path = f"{quote(container, safe='$')}/{quote(name, safe='')}"
    return f"http://{authority}/{path}?sv=2018-03-28&sr=b&sig={signature}&se=9999-01-01T00%3a00%3a00Z&sp={permission}"
