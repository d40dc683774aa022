"""The files that a system is given, as text with ``@words@`` to fill: package data beside this module (guest.md 10.2 to 10.8).

Odd: scripts have no first line here. It names the interpreter, which differs from system to system, and is put in front.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files

_WORD = re.compile(r"@([a-z]+)@")


def text(name: str, words: Mapping[str, str] | None = None) -> str:
    """A template with its words filled in; a word that nobody gave is a ``KeyError``. A word that is empty takes its line."""
    given = words or {}
    content = (files("waagent.install") / "templates" / name).read_text(encoding="utf-8")
    lines = []
    for line in content.splitlines():
        alone = _WORD.fullmatch(line)
        if alone and not given[alone[1]]:
            continue
        lines.append(_WORD.sub(lambda match: given[match[1]], line))
    return "\n".join(lines) + "\n"


def script(name: str, interpreter: str, words: Mapping[str, str] | None = None) -> str:
    """A template that is run, with the line that names its interpreter."""
    return f"#!{interpreter}\n{text(name, words)}"
