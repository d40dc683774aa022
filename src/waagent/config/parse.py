"""Text of waagent.conf to a ``Config`` and remarks (guest.md 7.1).

Nothing in the file can stop the agent: a line that says nothing usable leaves the default and a remark that names line
and key. Odd: a value ends at the first ``#``, also inside quotes; a comment needs the ``#`` in column 0; ``None`` means
"not set"; the last line of a key wins; a bad last line gives the default, not the line before it.
"""

from __future__ import annotations

import posixpath
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

from waagent.config.sections import Config
from waagent.config.settings import ALIASES, BY_KEY, DEAD_KEYS, ROWS, Kind, Row, Setting
from waagent.model.failure import DocumentFailure, SystemFailure

DEFAULT_PATH = "/etc/waagent.conf"
_SNAP = "/apps/walinuxagent/current/waagent.conf"
_PLACES = (_SNAP, DEFAULT_PATH, "/usr/share/oem/waagent.conf", "/usr/share/defaults/waagent/waagent.conf")
_BSD_PATH = "/usr/local/etc/waagent.conf"

_DECIMAL = re.compile(r"[0-9]{1,18}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_LINE_END = re.compile(r"\r\n|\r|\n")
_SHOWN_LENGTH = 60


class Reader(Protocol):
    """The part of the door that finding and reading the file needs."""

    def exists(self, path: str) -> bool: ...
    def read_if_there(self, path: str) -> bytes | None: ...


def locate(files: Reader, override: str | None = None, platform: str = sys.platform) -> str:
    """The path of the configuration file: ``-configuration-path``, else the first place of this system that has one.

    Errors: ``SystemFailure`` when ``override`` is missing. Without any file it is the default place, which ``load``
    then refuses by name.
    """
    if override is not None:
        if not files.exists(override):
            raise SystemFailure(f"{override}: there is no such configuration file")
        return override
    places = (_BSD_PATH, *_PLACES) if "bsd" in platform else _PLACES
    return next(
        (place for place in places if files.exists(place)), _BSD_PATH if platform.startswith("freebsd") else DEFAULT_PATH
    )


def load(files: Reader, path: str) -> tuple[Config, tuple[str, ...]]:
    """Read and parse the file at ``path``. Errors: ``DocumentFailure`` when it is missing or empty, and what reading raises."""
    data = files.read_if_there(path)
    if data is None:
        raise DocumentFailure(path, "", "the configuration file is missing")
    if not data.strip():
        raise DocumentFailure(path, "", "the configuration file is empty")
    return parse(data.decode("utf-8-sig", "backslashreplace"))


def parse(text: str) -> tuple[Config, tuple[str, ...]]:
    """The configuration that ``text`` asks for, and one remark for each line that could not be followed."""
    remarks: list[tuple[int, str]] = []
    said: dict[str, tuple[int, str]] = {}
    strange: set[str] = set()
    for number, key, value in _assignments(text):
        if key in BY_KEY or key in ALIASES:
            said[key] = (number, value)
        elif key not in DEAD_KEYS and key not in strange:
            strange.add(key)
            remarks.append((number, f"{_short(key)}: unknown key, ignored{_hint(key)}"))
    values = {row.key: _value(row, said, remarks) for row in ROWS}
    if values["HttpProxy.Host"] and values["HttpProxy.Port"] is None:
        number = said["HttpProxy.Host"][0]
        remarks.append((number, "HttpProxy.Host: there is no HttpProxy.Port, so connections are direct"))
    return build(values), tuple(f"line {number}: {remark}" for number, remark in sorted(remarks))


def build(values: dict[str, Setting]) -> Config:
    """A ``Config`` of values by key; keys that are not given keep their defaults."""
    config = Config()
    sections: dict[str, dict[str, Setting]] = {}
    for key, value in values.items():
        row = BY_KEY[key]
        if value != row.default:
            sections.setdefault(row.section, {})[row.field] = value
    return replace(config, **{name: replace(getattr(config, name), **fields) for name, fields in sections.items()})


def _assignments(text: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(_LINE_END.split(text.lstrip("\ufeff")), start=1):
        if line.startswith("#"):
            continue
        key, equals, value = line.partition("=")
        if equals:
            yield number, key.strip(), value.partition("#")[0].strip('" ').strip()


def _value(row: Row, said: dict[str, tuple[int, str]], remarks: list[tuple[int, str]]) -> Setting:
    spoken = row.key if row.key in said else row.alias
    if spoken not in said:
        return row.default
    number, text = said[spoken]
    if text == "None" or (not text and row.unset_means_none):
        return None if row.unset_means_none else row.default
    try:
        return _convert(row, text)
    except ValueError as error:
        remarks.append((number, f'{spoken}: "{_short(text)}" {error}; {_instead(row)}'))
        return row.default


def _convert(row: Row, text: str) -> Setting:
    if _CONTROL.search(text):
        raise ValueError("holds control characters")
    if row.kind is Kind.BOOLEAN:
        return _boolean(text)
    if row.kind is Kind.INTEGER:
        return _integer(row, text)
    if row.kind is Kind.PATH:
        return _path(text)
    if row.choices and text not in row.choices:
        raise ValueError(f"is none of {', '.join(row.choices)}")
    return text


def _boolean(text: str) -> bool:
    if text.lower() not in ("y", "n"):
        raise ValueError("is not y or n")
    return text.lower() == "y"


def _integer(row: Row, text: str) -> int:
    if not _DECIMAL.fullmatch(text):
        raise ValueError("is not a decimal number")
    number = int(text)
    if number < row.minimum or (row.maximum is not None and number > row.maximum):
        raise ValueError(f"is below {row.minimum}" if number < row.minimum else f"is above {row.maximum}")
    return number


def _path(text: str) -> str:
    # These directories are emptied by deprovisioning: the root or a relative path must never get that far.
    if not text.startswith("/") or posixpath.normpath(text).strip("/") == "":
        raise ValueError("is not an absolute path below /")
    return text.rstrip("/")


def _instead(row: Row) -> str:
    if row.default is None:
        return "it counts as not set"
    shown = ("y" if row.default else "n") if row.kind is Kind.BOOLEAN else row.default
    return f"the default {shown} applies"


def _short(text: str) -> str:
    printable = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
    return printable if len(printable) <= _SHOWN_LENGTH else printable[:_SHOWN_LENGTH] + "…"


def _hint(key: str) -> str:
    meant = next((known for known in BY_KEY if known.lower() == key.lower()), None)
    return f" (is {meant} meant?)" if meant else ""
