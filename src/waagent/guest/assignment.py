"""Assignments in files that a shell reads, such as ``KEY="quiet splash"``: the words of a value, and words put in. Pure.

A value is a run of pieces in double quotes, in single quotes, or bare. What is put in goes before the closing quote where
there is one piece, else into a piece of its own, so that every other byte of the file stays. GRUB's own ``set key="…"``
has the same pieces. Odd: only an assignment at the beginning of a line counts, which is where such files have them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_PIECE = r"\"(?:[^\"\\]|\\.)*\"|'[^']*'|\\.|[^\s\"'\\;&|<>()]"
_PIECES = re.compile(_PIECE, re.DOTALL)


@dataclass(frozen=True)
class Assignment:
    """Where the value stands in the text, and the value as it is written there."""

    start: int
    end: int
    value: str

    @property
    def words(self) -> tuple[str, ...]:
        return tuple("".join(_bare(piece) for piece in _PIECES.findall(self.value)).split())

    def refers_to(self, key: str) -> bool:
        """Whether the value takes up what ``key`` was before."""
        expanded = "".join(piece for piece in _PIECES.findall(self.value) if not piece.startswith("'"))
        return re.search(rf"\$\{{?{key}\b", expanded) is not None


def find(text: str, key: str, command: str = "") -> tuple[Assignment, ...]:
    """Every assignment of a key; ``command`` is the word that precedes it, such as ``set``."""
    before = rf"{command}[ \t]+" if command else r"(?:export[ \t]+)?"
    shape = re.compile(rf"^[ \t]*{before}{re.escape(key)}=((?:{_PIECE})*)(?=[\s;&|]|\Z)", re.MULTILINE | re.DOTALL)
    return tuple(Assignment(match.start(1), match.end(1), match[1]) for match in shape.finditer(text))


def with_words(text: str, assignment: Assignment, words: tuple[str, ...]) -> str:
    """The text with words at the end of that value."""
    return text[: assignment.start] + _extended(assignment.value, " ".join(words)) + text[assignment.end :]


def without_words(text: str, assignment: Assignment, words: tuple[str, ...]) -> str:
    """The text with every such word of that value gone, and the blank before it."""
    value = assignment.value
    for word in words:
        end = r"(?![^\s\"'])"
        value = re.sub(rf"[ \t]+{re.escape(word)}{end}|(?<![^\s\"']){re.escape(word)}{end}[ \t]*", "", value)
    return text[: assignment.start] + value + text[assignment.end :]


def _extended(value: str, words: str) -> str:
    pieces = _PIECES.findall(value)
    if len(pieces) == 1 and value[0] in "\"'":
        inside = value[1:-1]
        return f"{value[:-1]}{'' if not inside or inside[-1].isspace() else ' '}{words}{value[-1]}"
    if not any(piece[0] in "\"'\\" for piece in pieces) and "$" not in value:
        return f'"{value}{" " if value else ""}{words}"'
    return f'{value}" {words}"'


def _bare(piece: str) -> str:
    if piece.startswith("'"):
        return piece[1:-1]
    if piece.startswith('"'):
        return re.sub(r"\\([\"\\$`\n])", lambda match: "" if match[1] == "\n" else match[1], piece[1:-1])
    return piece[1:] if piece.startswith("\\") and len(piece) > 1 else piece
