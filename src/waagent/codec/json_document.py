"""JSON documents from outside: bytes to plain values, or a failure that names the document and the place.

Tolerated: a byte order mark and padding with NULs. Refused, because nobody can send them on as JSON: NaN and infinities.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from waagent.model.failure import DocumentFailure


class NotJson(DocumentFailure):
    """The document is not JSON at all; other failures are about what it says."""


def load(data: bytes, document: str) -> Any:
    """The value of a whole document. Errors: ``NotJson``."""
    try:
        text = data.rstrip(b"\0").decode("utf-8-sig")
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError as error:
        raise NotJson(document, "", "not JSON: nested too deeply") from error
    except ValueError as error:
        raise NotJson(document, "", f"not JSON: {error}") from error


def first(data: bytes, document: str) -> Any:
    """Element 0 of a document that must be an array with at least one element."""
    value = load(data, document)
    if not isinstance(value, list):
        raise DocumentFailure(document, "", f"an array is expected, not {kind(value)}")
    if not value:
        raise DocumentFailure(document, "", "the array is empty")
    return value[0]


def require_object(value: Any, document: str, path: str) -> dict[str, Any]:
    """``value`` itself. Errors: ``DocumentFailure`` when it is no object."""
    if not isinstance(value, dict):
        raise DocumentFailure(document, path, f"an object is expected, not {kind(value)}")
    return value


def require(parent: dict[str, Any], key: str, document: str, path: str) -> Any:
    """The value of a key. Errors: ``DocumentFailure`` when it is missing."""
    if key not in parent:
        raise DocumentFailure(document, path, f"the key {key} is missing")
    return parent[key]


def kind(value: Any) -> str:
    """What JSON calls a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    names: tuple[tuple[type, str], ...] = ((dict, "an object"), (list, "an array"), (str, "a string"))
    return next((name for type_, name in names if isinstance(value, type_)), "a number")


def text(value: Any) -> str | None:
    """A value that should be text: strings and null as they are, others as JSON."""
    return value if value is None or isinstance(value, str) else json.dumps(value)


def dump(value: Any) -> bytes:
    """JSON on one line, pure ASCII, ``", "`` and ``": "`` between things, keys in the order given, no final newline."""
    return json.dumps(value).encode("ascii")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text[:20]} is too large")
    return number


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON value")
