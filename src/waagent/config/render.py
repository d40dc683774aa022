"""The configuration as text: ``-show-configuration``, the packaged file and the page of the docs (guest.md 8.3, 10.7)."""

from __future__ import annotations

from collections.abc import Mapping

from waagent.config.sections import Config
from waagent.config.settings import BY_KEY, DEAD_KEYS, EFFECTIVE_GOAL_STATE_PERIOD, MANUAL, ROWS, Kind, Row, Setting

_WIDTH = 100
_HEADER = """\
# Configuration of the Azure Linux agent. One Key=Value per line, Booleans are y or n, None means "not set".
# Comments stand on lines of their own, with the # in the first column. Every other key has its default:
# waagent -show-configuration prints all of them. The file is read when the agent starts.
"""


def value(config: Config, key: str) -> Setting:
    """The effective value of a key, with what applies in its place while it is not set."""
    row = BY_KEY[key]
    found: Setting = getattr(getattr(config, row.section), row.field)
    if found is None and row.falls_back:
        return value(config, row.falls_back)
    if found is None and key == "Extensions.GoalStatePeriod":
        return EFFECTIVE_GOAL_STATE_PERIOD
    return found


def show(config: Config) -> str:
    """``Key = Value`` for every key that has an effect, in byte order; Booleans as True and False, not set as None."""
    lines = (f"{row.shown or row.key} = {value(config, row.key)}" for row in ROWS)
    return "".join(f"{line}\n" for line in sorted(lines, key=lambda line: line.partition(" = ")[0].encode()))


def sample(values: Mapping[str, str] | None = None) -> str:
    """The packaged waagent.conf. Comments are on lines of their own: other readers of the file know no others.

    ``values`` are those of one system's own, by key; they take the place of the usual ones.
    """
    own = values or {}
    rows = sorted((row for row in ROWS if row.sample is not None or row.key in own), key=lambda row: row.key.encode())
    return _HEADER + "".join(f"\n{_comment(row.meaning)}{row.key}={own.get(row.key, row.sample)}\n" for row in rows)


def docs() -> str:
    """The page of the docs, as Markdown."""
    known = sorted(ROWS, key=lambda row: row.key.encode())
    return "\n".join(
        (
            "# waagent.conf",
            "",
            "One `Key=Value` per line. A line that starts with `#` is a comment; a value ends at the first `#`. Booleans are",
            "`y` or `n`. `None` means not set: the default applies. Keys are case-sensitive, the last line of a key wins.",
            "What cannot be understood is reported once in the log, with line and key, and leaves the default.",
            "",
            "| Key | Type | Default | Since | Meaning |",
            "|---|---|---|---|---|",
            *(_docs_row(row) for row in known),
            "",
            "Accepted without effect: " + ", ".join(f"`{key}`" for key in sorted(DEAD_KEYS)) + ".",
            "",
        )
    )


def _docs_row(row: Row) -> str:
    notes = row.meaning.replace("|", "\\|")
    if row.falls_back:
        notes += f" Without a line: the value of `{row.falls_back}`."
    if row.alias:
        notes += f" `{row.alias}` is an old name for it."
    if row.shown:
        notes += f" `-show-configuration` calls it `{row.shown}`."
    if row.idle:
        notes += f" Without effect: {row.idle}"
    since = "the original manual" if row.since == MANUAL else row.since
    return f"| `{row.key}` | {row.kind.value} | {_written(row)} | {since} | {notes} |"


def _written(row: Row) -> str:
    if row.default is None:
        return "not set"
    if row.kind is Kind.BOOLEAN:
        return "`y`" if row.default else "`n`"
    return f"`{row.default}`"


def _comment(text: str) -> str:
    import textwrap

    return "".join(f"# {line}\n" for line in textwrap.wrap(text, _WIDTH, break_long_words=False))
