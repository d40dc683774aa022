"""A log that keeps what it was told."""

from __future__ import annotations


class ListLog:
    """``lines`` holds (level, text) pairs."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def phase(self, text: str) -> None:
        self.lines.append(("phase", text))

    def verbose(self, text: str) -> None:
        self.lines.append(("verbose", text))

    def info(self, text: str) -> None:
        self.lines.append(("info", text))

    def warning(self, text: str) -> None:
        self.lines.append(("warning", text))

    def error(self, text: str) -> None:
        self.lines.append(("error", text))

    def of(self, level: str) -> list[str]:
        return [text for said, text in self.lines if said == level]

    @property
    def text(self) -> str:
        return "\n".join(f"{level} {text}" for level, text in self.lines)
