"""The version of the agent from its one source, spelt for each kind of package: `versions.py [source|python|debian|rpm]`.

Standard library only. The fabric compares versions number by number, a missing number is 0, and a candidate (`rc2`) comes
before its release (fabric.md 8.2). dpkg and rpm do not agree with that for every text: for them `3.0` is older than `3.0.0`,
and `3.0.0.0rc1` is newer than `3.0.0.0`. So a release has four numbers, always, and a candidate is `~rc1` for dpkg and rpm;
what is spelt otherwise is refused here, and with that by every build.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "src/waagent/__init__.py"
FORM = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){3}(rc[1-9]\d*)?")
SPELLINGS = ("source", "python", "debian", "rpm")
BESIDE = (".cdx.json", ".licences.txt", ".md", "SHA256SUMS")
"""What lies beside artifacts and is none itself."""
UNNUMBERED = ("waagent.pp",)  # a policy module is loaded by its file's name


class Misspelt(Exception):
    """A version that would not compare alike everywhere."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Print the version of the agent.")
    parser.add_argument("spelling", nargs="?", choices=SPELLINGS, default="source")
    try:
        print(spelt(current(), parser.parse_args().spelling))
    except Misspelt as problem:
        print(f"versions.py: {problem}", file=sys.stderr)
        return 1
    return 0


def current(source: Path = SOURCE) -> str:
    """The version as it is written in the source, and as the agent says it to the fabric."""
    found = re.search(r'^__version__ = "(.*)"$', source.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise Misspelt(f'{source} has no line __version__ = "..."')
    return found[1]


def spelt(version: str, spelling: str = "source") -> str:
    """A version as one kind of package spells it. Errors: ``Misspelt``."""
    if not FORM.fullmatch(version):
        raise Misspelt(
            f'"{version}" is no version of a release: four numbers without leading zeros, as 3.0.1.0, and rc1 behind them for '
            "a candidate; others do not compare alike for the fabric, Python, dpkg and rpm"
        )
    return version.replace("rc", "~rc") if spelling in ("debian", "rpm") else version


def artifacts(directory: Path, version: str | None = None) -> Iterator[Path]:
    """What was built of one version, by the names; of the current one if none is given."""
    spellings = {spelt(version or current(), spelling) for spelling in SPELLINGS}
    for path in sorted(directory.iterdir()) if directory.is_dir() else ():
        # behind the version there is a word of the file's own, never more of the version
        named = any(re.search(rf"[-_]{re.escape(text)}(?![0-9~]|\.[0-9]|rc)", path.name) for text in spellings)
        if path.is_file() and (named or path.name in UNNUMBERED) and not path.name.endswith(BESIDE):
            yield path


if __name__ == "__main__":
    sys.exit(main())
