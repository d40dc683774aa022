"""TOML files that people give the lab: as much as is sensible is read, and what cannot be read is refused in one sentence."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

_tomllib = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

LONGEST = 16 << 20  # bytes of a file


class Unreadable(Exception):
    """File and reason."""


def loads(text: str) -> dict[str, Any]:
    """Raises ValueError, or RecursionError."""
    found: dict[str, Any] = _tomllib.loads(text)
    return found


def read(path: Path) -> dict[str, Any]:
    """The document of a file, which may be a pipe. Raises Unreadable for one that is no TOML, or too much of it."""
    try:
        with path.open("rb") as file:
            data = file.read(LONGEST + 1)
        if len(data) > LONGEST:
            raise Unreadable(f"{path}: longer than {LONGEST >> 20} MiB")
        return loads(data.decode())
    except OSError as problem:
        raise Unreadable(f"{path}: {problem.strerror}") from problem
    except ValueError as problem:
        raise Unreadable(f"{path}: {problem}") from problem
    except RecursionError as problem:
        raise Unreadable(f"{path}: lists or tables in each other, too deep to be read") from problem
