"""The artifacts profile blob (fabric 4.7), of which only onHold matters to a guest."""

import json
from typing import Any

from fabriclab.world.switches import Profile
from fabriclab.world.values import World


def render(world: World) -> bytes | None:
    """None: there is no such blob (404)."""
    mode = world.switches.profile
    if mode in {Profile.MISSING, Profile.NO_ADDRESS}:
        return None
    if mode is Profile.EMPTY:
        return b""
    if mode is Profile.NOT_JSON:
        return b'{"onHold": '
    on_hold: Any = world.on_hold
    if mode is Profile.TEXT:
        on_hold = "True" if world.on_hold else "False"
    content = {
        "inVMArtifactsProfileBlobSeqNo": world.profile_sequence,
        "profileId": "labProfile",
        "onHold": on_hold,
        "certificateThumbprint": "",
        "encryptedHealthChecks": "",
        "encryptedApplicationProfile": "",
    }
    body = json.dumps(content).encode()
    return body + b"\0" * (-len(body) % 512) if mode is Profile.NUL_PADDED else body
