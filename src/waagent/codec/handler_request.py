"""What both forms of a request for a handler share (fabric.md 4.3 and 5.4): states, addresses and names that become paths.

Odd: names and versions become names of files, so what could leave a directory is replaced and the handler is not run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from waagent.model.extension import RequestedState
from waagent.model.goal_state import BlobType

STATES = {state.value: state for state in RequestedState}
INSTANCE_STATES = {"enabled": RequestedState.ENABLED, "disabled": RequestedState.DISABLED}
"""The states of one instance of a multi-config handler; compared ignoring case, unlike the handler's own."""
_UNSAFE = re.compile(r"[/\\\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def safe(name: str) -> str:
    """``name`` as part of a file name: ``_`` for everything that separates paths or cannot be written."""
    return _UNSAFE.sub("_", name)


def unsafe_name(*names: str) -> str | None:
    """Why these names cannot be used, or None."""
    bad = next((name for name in names if _UNSAFE.search(name)), None)
    return None if bad is None else f"the name {safe(bad)} holds characters that no file name can have"


def addresses(*uris: str | None) -> tuple[str, ...]:
    """The addresses that say anything, stripped, each once, in the order given."""
    return _each_once((uri or "").strip() for uri in uris)


def blob_type(text: str | None) -> BlobType:
    """Anything but the two known types is a block blob."""
    return BlobType.PAGE if text == BlobType.PAGE.value else BlobType.BLOCK


def _each_once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))
