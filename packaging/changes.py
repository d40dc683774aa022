"""The changes of a release, in the words of packages: `changes.py debian|rpm|check`.

docs/changes holds a file for each change that is not released yet, `<name>.<area>.md`; towncrier moves them into
docs/changelog.md once they are (docs/releasing.md). Both are read here, standard library only: packages are built where there
is no towncrier. Odd: the areas are read from towncrier's own table in pyproject.toml by a pattern, since Python 3.10 has no
reader of TOML. The time of the version that is being built is SOURCE_DATE_EPOCH.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from email.utils import format_datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import versions

PROJECT = Path(__file__).resolve().parents[1]
WHO = "The waagent authors <waagent@localhost.localdomain>"
AREA = re.compile(r'\{ directory = "(\w+)", name = "([^"]+)"')
LAB = "The lab"
RELEASE = re.compile(r"## (\S+) \((\d{4}-\d\d-\d\d)\)")


class Untold(Exception):
    """The changes of a version are missing or cannot be read."""


@dataclass(frozen=True)
class Change:
    """One change: what it is about, and the sentences."""

    area: str
    text: str


@dataclass(frozen=True)
class Release:
    """A version and what it changed."""

    version: str
    time: datetime
    changes: tuple[Change, ...]


def main() -> int:
    parser = argparse.ArgumentParser(description="Print the changes of this version and of those before it.")
    parser.add_argument(
        "form", choices=["debian", "rpm", "check"], help="check: print nothing, fail where a change is spelt wrong"
    )
    form = parser.parse_args().form
    try:
        found = [agents(release) for release in releases(PROJECT)]
        if form != "check":
            print("\n".join({"debian": debian, "rpm": rpm}[form](release) for release in found), end="")
    except (Untold, versions.Misspelt) as problem:
        print(f"changes.py: {problem}", file=sys.stderr)
        return 1
    return 0


def releases(project: Path) -> Iterator[Release]:
    """The version that is being built and those of docs/changelog.md, the newest first. Errors: ``Untold``."""
    time = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", datetime.now().timestamp())), timezone.utc)
    current, told = versions.current(project / "src/waagent/__init__.py"), list(past(project))
    if not told or told[0].version != current:
        # a tree between two releases may have no change to tell yet; `make release` refuses that
        yield Release(current, time, tuple(fragments(project)) or (Change("", "No change that is worth a word yet."),))
    yield from told


def agents(release: Release) -> Release:
    """Without what concerns the lab, which is in no package."""
    return replace(release, changes=tuple(change for change in release.changes if change.area != LAB))


def fragments(project: Path) -> Iterator[Change]:
    """What is not released yet, by the order of the areas, then by name. Errors: ``Untold`` for a wrong name or no text."""
    areas = dict(AREA.findall((project / "pyproject.toml").read_text(encoding="utf-8")))
    found = [path for path in sorted((project / "docs/changes").glob("*")) if path.name != "README.md"]
    for path in found:
        words = path.name.split(".")
        if len(words) != 3 or words[1] not in areas or words[2] != "md":
            raise Untold(
                f"docs/changes/{path.name} is no name of a change: <name>.<area>.md, with an area of {', '.join(areas)}"
            )
        if not path.read_text(encoding="utf-8").strip():
            raise Untold(f"docs/changes/{path.name} is empty: say in a sentence what is new for whoever uses it")
    for area, name in areas.items():
        for path in found:
            if path.name.split(".")[1] == area:
                yield Change(name, " ".join(path.read_text(encoding="utf-8").split()))


def past(project: Path) -> Iterator[Release]:
    """The releases of docs/changelog.md, as towncrier has written them."""
    text = (project / "docs/changelog.md").read_text(encoding="utf-8")
    for part in re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]:
        heading = RELEASE.match(part)
        if heading is None:
            raise Untold(f"docs/changelog.md has a heading that names no release: {part.splitlines()[0]}")
        time = datetime.strptime(heading[2], "%Y-%m-%d").replace(hour=12, tzinfo=timezone.utc)
        yield Release(heading[1], time, tuple(_changes(part)))


def _changes(part: str) -> Iterator[Change]:
    for section in re.split(r"^### ", part, flags=re.MULTILINE)[1:]:
        area, _, body = section.partition("\n")
        for text in re.split(r"^- ", body, flags=re.MULTILINE)[1:]:
            yield Change(area, " ".join(text.split()))


def debian(release: Release) -> str:
    """An entry of debian/changelog."""
    version = versions.spelt(release.version, "debian")
    texts = [_wrapped(change, "  * ", "    ") for change in release.changes]
    return f"waagent ({version}) unstable; urgency=medium\n\n{''.join(texts)}\n -- {WHO}  {format_datetime(release.time)}\n"


def rpm(release: Release) -> str:
    """An entry of a spec file's %changelog."""
    version = versions.spelt(release.version, "rpm")
    texts = [_wrapped(change, "- ", "  ").replace("%", "%%") for change in release.changes]
    names = (
        "Mon Tue Wed Thu Fri Sat Sun",
        "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    )  # strftime's depend on the locale
    day, month = names[0].split()[release.time.weekday()], names[1].split()[release.time.month - 1]
    return f"* {day} {month} {release.time.day:02} {release.time.year} {WHO} - {version}-1\n{''.join(texts)}"


def _wrapped(change: Change, first: str, other: str) -> str:
    text = f"{change.area}: {change.text}" if change.area else change.text
    wrapper = textwrap.TextWrapper(78, initial_indent=first, subsequent_indent=other)
    wrapper.break_on_hyphens = wrapper.break_long_words = False
    return wrapper.fill(text) + "\n"


if __name__ == "__main__":
    sys.exit(main())
