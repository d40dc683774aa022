"""The environment of a handler's command (extensions.md 2.8).

Odd: the agent's own environment is merged *over* the variables of the contract; during an update the old version's
commands get the new goal state's sequence number; a downgrade says the new version twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from waagent.extension.place import Place
from waagent.extension.plan import NOT_RUN, newer
from waagent.model.extension import RequestedExtension, RequestedHandler

_PREFIX = "AZURE_GUEST_AGENT_"
FEATURES = '[{"Key": "ExtensionTelemetryPipeline", "Value": "1.0"}]'
UNINSTALL_CODE = f"{_PREFIX}UNINSTALL_CMD_EXIT_CODE"


def always(place: Place, handler: RequestedHandler, extension: RequestedExtension | None, wire_server: str) -> dict[str, str]:
    """What every command gets; ``extension`` is the instance that triggered it."""
    found = {
        f"{_PREFIX}EXTENSION_PATH": place.base,
        f"{_PREFIX}EXTENSION_VERSION": place.version,
        f"{_PREFIX}WIRE_PROTOCOL_ADDRESS": wire_server,
        "ConfigSequenceNumber": str(0 if extension is None else extension.sequence_number),
        f"{_PREFIX}EXTENSION_SUPPORTED_FEATURES": FEATURES,
    }
    if handler.multi_config and extension is not None:
        found["ConfigExtensionName"] = extension.name
    return found


def uninstalled(code: str = NOT_RUN) -> dict[str, str]:
    """What install and enable get besides: how the old version's uninstall ended."""
    return {UNINSTALL_CODE: code}


def updating(handler: RequestedHandler, *, old: str, new: str, codes: Mapping[str, str]) -> dict[str, str]:
    """What update gets besides. ``codes`` maps extensions (``""``: the only one) to how the old version's disable ended."""
    found = {"VERSION": new, f"{_PREFIX}UPDATING_FROM_VERSION": new if newer(old, new) else old}
    if handler.multi_config:
        listed = [{"extensionName": each.name, "exitCode": codes.get(each.name, NOT_RUN)} for each in handler.extensions]
        found[f"{_PREFIX}DISABLE_CMD_EXIT_CODES_MULTIPLE_EXTENSIONS"] = json.dumps(listed)
    else:
        found[f"{_PREFIX}DISABLE_CMD_EXIT_CODE"] = codes.get("", NOT_RUN)
    return found


def shown(own: Mapping[str, str]) -> str:
    """The variables as the log of commands shows them."""
    return json.dumps(dict(own))
