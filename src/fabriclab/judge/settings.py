"""Settings files of the command line, and the secrets in them that are looked for later."""

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LEAST = 6  # characters of a text that is looked for: a shorter one may stand anywhere by chance


class BadSettings(ValueError):
    """A settings file that cannot be used; file and reason in one sentence."""


@dataclass(frozen=True)
class Secret:
    """`key`: where in the protected settings. `forms`: its text as it may appear, never shown."""

    key: str
    forms: tuple[bytes, ...] = field(repr=False)


def read(path: Path) -> dict[str, Any]:
    """Raises BadSettings."""
    try:
        found = json.loads(path.read_text())
    except OSError as problem:
        raise BadSettings(f"{path}: {problem.strerror}") from problem
    except (ValueError, RecursionError) as problem:
        raise BadSettings(f"{path}: {problem}") from problem
    if not isinstance(found, dict):
        raise BadSettings(f"{path}: not a JSON object")
    return found


def hide(text: str, known: Iterable[Secret]) -> str:
    """Without the secrets, for all that is shown or written down."""
    for one in known:
        for form in one.forms:
            text = text.replace(form.decode(), f"<{one.key}>")
    return text


def secrets(protected: Any) -> tuple[Secret, ...]:
    """Every text of the protected settings that is long enough to be told from others."""
    return tuple(_secret(key, text) for key, text in _texts(protected, "") if len(text) >= LEAST)


def _secret(key: str, text: str) -> Secret:
    """As it is, as JSON text, as JSON text inside of one, and in base64."""
    plain = text.encode()
    once = (_escaped(text, True), _escaped(text, False))
    twice = tuple(_escaped(one, ascii) for one, ascii in zip(once, (True, False), strict=True))
    encoded = base64.b64encode(plain).rstrip(b"=")
    forms = (plain, *(one.encode() for one in (*once, *twice)), encoded)
    return Secret(key, tuple(sorted(set(forms), key=len, reverse=True)))


def _escaped(text: str, ascii: bool) -> str:
    return json.dumps(text, ensure_ascii=ascii)[1:-1]


def _texts(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key or "protected settings", value
    elif isinstance(value, dict):
        for name, inside in value.items():
            yield from _texts(inside, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for number, inside in enumerate(value):
            yield from _texts(inside, f"{key}[{number}]")
