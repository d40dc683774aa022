"""Shell patterns over any ``Files``: ``*``, ``?`` and ``[]`` within one component; a leading dot must be written out."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable

_MAGIC = frozenset("*?[")


def is_pattern(path: str) -> bool:
    """Whether ``path`` holds any pattern character."""
    return not _MAGIC.isdisjoint(path)


def expand(
    pattern: str, names: Callable[[str], tuple[str, ...]], is_directory: Callable[[str], bool], there: Callable[[str], bool]
) -> tuple[str, ...]:
    """The sorted absolute paths that match; ``there`` must not follow a link in the last component."""
    found = [""]
    for part in (part for part in pattern.split("/") if part):
        if is_pattern(part):
            found = [
                f"{path}/{name}" for path in found if is_directory(path or "/") for name in _matches(part, names(path or "/"))
            ]
        else:
            found = [f"{path}/{part}" for path in found]
    return tuple(sorted(path for path in found if path and there(path)))


def _matches(part: str, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if fnmatch.fnmatchcase(name, part) and (part.startswith(".") or not name.startswith("."))]
