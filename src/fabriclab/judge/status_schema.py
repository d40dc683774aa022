"""A status file against the schema that agents hold it to (extensions 1.5): what is wrong, and what is only tolerated. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

WORDS = ("transitioning", "warning", "error", "success")
LIMIT = 131072


@dataclass(frozen=True)
class Checked:
    """`word`: the status as an agent will report it, None when the file gives none."""

    wrong: tuple[str, ...] = ()
    tolerated: tuple[str, ...] = ()
    word: str | None = None


def check(content: bytes) -> Checked:
    try:
        document = json.loads(content.removeprefix(b"\xef\xbb\xbf"))
    except ValueError as problem:
        return Checked((f"not JSON: {problem}",))
    if not isinstance(document, list):
        return Checked(("not an array",))
    if not document:
        return Checked(("an empty array",))
    first = document[0]
    status = first.get("status") if isinstance(first, Mapping) else None
    if not isinstance(status, Mapping):
        return Checked(('its first element has no object "status"',))
    wrong, tolerated = _body(status)
    if len(document) > 1:
        tolerated.append("only the first element is read")
    for key in ("version", "timestampUTC"):
        if key not in first:
            tolerated.append(f'no "{key}"')
    word = status.get("status")
    return Checked(tuple(wrong), tuple(tolerated), word if word in WORDS else "error")


def _body(status: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    wrong: list[str] = []
    tolerated: list[str] = []
    word = status.get("status")
    if word not in WORDS:
        wrong.append(f"status {word!r} is none of {', '.join(WORDS)}: it is reported as error")
    code = status.get("code", 0)
    if isinstance(code, str) and code.lstrip("-").isdigit():
        tolerated.append(f'code "{code}" is text')
    elif isinstance(code, bool) or not isinstance(code, int):
        wrong.append(f"code {code!r} is no number")
    wrong += _message(status.get("formattedMessage"), "formattedMessage")
    substatus = status.get("substatus")
    if substatus is not None and not isinstance(substatus, list):
        wrong.append("substatus is no array")
    elif "substatus" in status and substatus is None:
        tolerated.append("substatus is null")
    for number, entry in enumerate(substatus if isinstance(substatus, list) else []):
        where = f"substatus[{number}]"
        if entry is None:
            tolerated.append(f"{where} is null")
        elif not isinstance(entry, Mapping):
            wrong.append(f"{where} is no object")
        else:
            if entry.get("status") not in WORDS:
                wrong.append(f"{where}: status {entry.get('status')!r} is none of {', '.join(WORDS)}")
            wrong += _message(entry.get("formattedMessage"), f"{where}.formattedMessage")
    return wrong, tolerated


def _message(found: Any, where: str) -> list[str]:
    if found is None:
        return []
    if not isinstance(found, Mapping):
        return [f"{where} is no object"]
    return [f'{where} lacks "{key}"' for key in ("lang", "message") if key not in found]
