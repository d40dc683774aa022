"""A package's HandlerManifest.json as agents read it (extensions 1.2): what it says, tolerantly, and what is wrong with it.

Odd: numbers are kept as they are written, since a version such as 1.10 must not become 1.1.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NAME = "HandlerManifest.json"
COMMANDS = ("install", "enable", "update", "disable", "uninstall")
FLAGS = ("reportHeartbeat", "continueOnUpdateFailure", "supportsMultipleExtensions")
UPDATE_MODES = ("updatewithinstall", "updatewithoutinstall")
BOM = b"\xef\xbb\xbf"


class BadManifest(ValueError):
    """An agent could not use it; one sentence."""


@dataclass(frozen=True)
class Manifest:
    """`document`: the first element of the array. `commands`: only those that are text."""

    document: Mapping[str, Any] = field(default_factory=dict)
    commands: Mapping[str, str] = field(default_factory=dict)
    reports_heartbeat: bool = False
    multi_config: bool = False

    @property
    def handler(self) -> Mapping[str, Any]:
        found = self.document.get("handlerManifest")
        return found if isinstance(found, Mapping) else {}

    def text(self, key: str) -> str | None:
        """`name` or `version` as it is written."""
        found = self.document.get(key)
        return found if isinstance(found, str) and found else None

    def signing(self, key: str) -> str | None:
        info = self.document.get("signingInfo")
        found = info.get(key) if isinstance(info, Mapping) else None
        return found if isinstance(found, str) and found else None


def find(names: list[str]) -> str | None:
    """The manifest among a package's files: the one nearest to its root."""
    return min((one for one in names if one.rpartition("/")[2] == NAME), key=lambda one: (one.count("/"), one), default=None)


def read(data: bytes) -> Manifest:
    """Raises BadManifest."""
    document = parse(data)[0]
    handler = document["handlerManifest"]
    commands = {name: handler.get(f"{name}Command") for name in COMMANDS}
    return Manifest(
        document,
        {name: text for name, text in commands.items() if isinstance(text, str)},
        reports_heartbeat=is_true(handler.get("reportHeartbeat")),
        multi_config=is_true(handler.get("supportsMultipleExtensions")),
    )


def parse(data: bytes) -> list[Any]:
    """The whole array, its first element checked. Raises BadManifest."""
    try:
        document = json.loads(data.removeprefix(BOM).decode(), parse_float=str)
    except ValueError as problem:
        raise BadManifest(f"{NAME} is not JSON: {problem}") from problem
    if not isinstance(document, list) or not document:
        raise BadManifest(f"{NAME} is not an array with one element")
    if not isinstance(document[0], dict) or not isinstance(document[0].get("handlerManifest"), dict):
        raise BadManifest(f'the first element of {NAME} has no object "handlerManifest"')
    return document


def is_true(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")
