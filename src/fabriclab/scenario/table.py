"""A TOML table that is read key by key, so that whatever is left over is an unknown key.

Every complaint names file, key and reason: a misspelt key would silently test something else.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from fabriclab.given import toml
from fabriclab.given.spelling import none_of
from fabriclab.scenario import fitting
from fabriclab.scenario.expected import START

T = TypeVar("T")


class BadScenario(Exception):
    """A scenario that cannot be run: file, key and reason in one sentence."""


class Table:
    """`where` is the key of the table itself, empty for the document."""

    def __init__(self, values: dict[str, Any], file: str, where: str = "") -> None:
        self.file = file
        self.where = where
        self._values = values
        self._read: set[str] = set()
        self._asked: set[str] = set()

    def __contains__(self, key: str) -> bool:
        self._asked.add(key)
        return key in self._values

    def wrong(self, key: str, reason: str) -> NoReturn:
        raise BadScenario(f"{self.file}: {self.key(key)}: {reason}")

    def key(self, key: str) -> str:
        return ".".join(part for part in (self.where, key) if part)

    def text(self, key: str, default: str | None = None) -> str:
        """`default` None: the key must be there."""
        return str(self._get(key, str, "text", default))

    def maybe_text(self, key: str) -> str | None:
        return self.text(key) if key in self else None

    def flag(self, key: str, default: bool | None = None) -> bool:
        return bool(self._get(key, bool, "true or false", default))

    def whole(self, key: str, default: int | None = None) -> int:
        return int(self._get(key, int, "a whole number", default))

    def maybe_whole(self, key: str) -> int | None:
        return self.whole(key) if key in self else None

    def seconds(self, key: str, default: float | None = None) -> float:
        value = self._get(key, (int, float), "a number of seconds", default)
        if value < 0:
            self.wrong(key, f"{value} is negative")
        return float(value)

    def choice(self, key: str, known: tuple[str, ...], default: str | None = None) -> str:
        value = self.text(key, default)
        if value not in known:
            self.wrong(key, f'"{value}" is {none_of(value, known)}')
        return value

    def is_text(self, key: str) -> bool:
        return isinstance(self._values.get(key), str)

    def is_flag(self, key: str) -> bool:
        return isinstance(self._values.get(key), bool)

    def texts(self, key: str, default: tuple[str, ...] | None = ()) -> tuple[str, ...]:
        value = self._get(key, (list, tuple), "a list of text", default)
        if not all(isinstance(part, str) for part in value):
            self.wrong(key, "not a list of text")
        return tuple(value)

    def table(self, key: str) -> "Table":
        """The table of that name, an empty one when there is none."""
        return Table(self._get(key, dict, "a table", {}), self.file, self.key(key))

    def tables(self, key: str) -> tuple["Table", ...]:
        """An array of tables, [[key]]; they are numbered from 1 in complaints."""
        found = self._get(key, list, "an array of tables ([[...]])", [])
        if not all(isinstance(part, dict) for part in found):
            self.wrong(key, "not an array of tables ([[...]])")
        return tuple(Table(part, self.file, f"{self.key(key)}[{number}]") for number, part in enumerate(found, 1))

    def plain_tables(self, key: str) -> list[dict[str, Any]]:
        """An array of tables, with what is in them as it is."""
        return [part.rest() for part in self.tables(key)]

    def plain(self, key: str) -> dict[str, Any]:
        """A table whose keys are free, with what is in it as it is."""
        return dict(self._get(key, dict, "a table", {}))

    def words(self, key: str) -> dict[str, str]:
        """A table of free keys with text, numbers or true and false, all as text (y and n for a flag)."""
        found = {}
        for name, value in self.plain(key).items():
            if isinstance(value, bool):
                found[name] = "y" if value else "n"
            elif isinstance(value, (str, int, float)):
                found[name] = str(value)
            else:
                self.wrong(f"{key}.{name}", "neither text nor a number")
        return found

    def moment(self, key: str, default: str) -> tuple[str, float]:
        """A name, or a number of seconds from the start: the name and seconds after it."""
        value = self.take(key) if key in self else default
        if isinstance(value, str):
            return value, 0.0
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
            self.wrong(key, "neither a name nor a number of seconds")
        return START, float(value)

    def take(self, key: str) -> Any:
        """A value as it is."""
        self._read.add(key)
        return self._values[key]

    def build(self, kind: type[T], values: dict[str, Any] | None = None) -> T:
        """A dataclass from `values`, or from what was not read yet; every key must be a field of it."""
        with self._naming():
            return fitting.build(kind, self.rest() if values is None else values)

    def lay_over(self, before: T) -> T:
        """A dataclass with the fields changed that are named by what was not read yet; every key must be a field of it."""
        with self._naming():
            return fitting.lay_over(before, self.rest())

    @contextmanager
    def _naming(self) -> Iterator[None]:
        try:
            yield
        except fitting.Unfit as problem:
            self.wrong(problem.key, problem.reason)
        except ValueError as problem:
            raise BadScenario(f"{self.file}: {self.where or 'document'}: {problem}") from problem

    def finish(self) -> None:
        """Refuses what was not read."""
        unknown = sorted(set(self._values) - self._read)
        if unknown:
            self.wrong(unknown[0], fitting.unknown_key(unknown[0], self._read | self._asked))

    def rest(self) -> dict[str, Any]:
        """Everything that was not read yet, now read."""
        left = {key: value for key, value in self._values.items() if key not in self._read}
        self._read |= set(left)
        return left

    def _get(self, key: str, kind: Any, expected: str, default: Any) -> Any:
        self._read.add(key)
        if key not in self._values:
            if default is None:
                self.wrong(key, "missing")
            return default
        value = self._values[key]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self.wrong(key, f"not {expected}")
        return value


def read(path: Path) -> Table:
    """The document of a file, which may be a pipe. Raises BadScenario for one that is no TOML, or too much of it."""
    try:
        return Table(toml.read(path), str(path))
    except toml.Unreadable as problem:
        raise BadScenario(str(problem)) from problem
