"""Versions of agents and extensions: dotted numbers with an optional pre-release tag (fabric.md 8.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering

_TAGS = {"alpha": 0, "beta": 1, "rc": 2, "": 3, "release": 3}
_TEXT = re.compile(r"(\d+(?:\.\d+)*)(?:[.-]?(alpha|beta|rc|release)[.-]?(\d*))?", re.IGNORECASE)


@total_ordering
@dataclass(frozen=True, eq=False)
class Version:
    """An ordered version that remembers its text: ``1.0 == 1.0.0.0``, ``1.0rc1 < 1.0``."""

    text: str
    numbers: tuple[int, ...]
    tag: str = ""
    tag_number: int = 0

    @staticmethod
    def parse(text: str) -> Version | None:
        """The version that ``text`` spells, or None when it spells none."""
        match = _TEXT.fullmatch(text.strip())
        if match is None:
            return None
        numbers = tuple(int(part) for part in match[1].split("."))
        tag = (match[2] or "").lower()
        return Version(text.strip(), numbers, "" if tag == "release" else tag, int(match[3] or 0))

    @property
    def _key(self) -> tuple[tuple[int, ...], int, int]:
        numbers = self.numbers
        while numbers and numbers[-1] == 0:
            numbers = numbers[:-1]
        return numbers, _TAGS[self.tag], self.tag_number

    def matches(self, candidate: Version) -> bool:
        """True when every part of this (requested) version equals the same part of ``candidate``: 2 matches 2.1.3."""
        return candidate.numbers[: len(self.numbers)] == self.numbers and (not self.tag or self._key[1:] == candidate._key[1:])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._key == other._key

    def __lt__(self, other: Version) -> bool:
        return self._key < other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __str__(self) -> str:
        return self.text
