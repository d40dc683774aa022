"""The tutorials are true: their files are written, their commands run in order, and what they show is what comes.

In a page, "```toml NAME" is a file, "```console" commands behind `$` with their output; `…` stands for any lines, a number for
any number. What is in "```sh" is not run here: it needs two terminals, a disk of one's own, or a package of somebody else.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scenarios import labs

pytestmark = [*labs.in_a_guest, pytest.mark.slow, pytest.mark.registry, pytest.mark.timeout(700)]

DOCS = labs.PROJECT / "docs"
ANY = "…"


@dataclass(frozen=True)
class Block:
    kind: str
    name: str
    text: str


@dataclass(frozen=True)
class Command:
    line: str
    output: tuple[str, ...]


def blocks(page: str) -> Iterator[Block]:
    for found in re.finditer(r"(?ms)^```(\w+) ?(\S*)\n(.*?)^```$", page):
        yield Block(found[1], found[2], found[3])


def commands(text: str) -> Iterator[Command]:
    for part in re.split(r"(?m)^\$ ", text)[1:]:
        line, *output = part.splitlines()
        yield Command(line, tuple(output))


def plain(line: str) -> str:
    """Without what differs from run to run."""
    return re.sub(r"[\s─━]+", " ", re.sub(r"\d+([.]\d+)*", "N", line)).strip()


def differs(wanted: tuple[str, ...], said: str) -> str | None:
    """The first line that does not come where it should; None when all do."""
    lines = [plain(line) for line in said.splitlines()]
    at, skips = 0, False
    for line in wanted:
        if line == ANY:
            skips = True
            continue
        fits = re.compile(re.escape(plain(line)).replace(ANY, ".*"))
        places = range(at, len(lines)) if skips else range(at, min(at + 1, len(lines)))
        found = next((place for place in places if fits.fullmatch(lines[place])), None)
        if found is None:
            return line
        at, skips = found + 1, False
    return None if skips or at == len(lines) else f"(nothing after this) {lines[at]}"


def environment(place: Path) -> dict[str, str]:
    """With this `fabriclab` and this interpreter first in the path."""
    for name, words in (("fabriclab", "-m fabriclab.cli.main "), ("python3", "")):
        shim = place / name
        shim.write_text(f'#!/bin/sh\nexec {sys.executable} {words}"$@"\n')
        shim.chmod(0o755)
    return {**labs.environment(), "PATH": f"{place}:{os.environ['PATH']}"}


def ended(line: str, place: Path, given: dict[str, str]) -> tuple[int, str]:
    """Status and words of a shell's line; what takes too long is ended whole. A root that is made first takes its time."""
    running = subprocess.Popen(
        ["/bin/sh", "-c", line],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=place,
        env=given,
        start_new_session=True,
    )
    try:
        said, _ = running.communicate(timeout=420)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGINT)
        said, _ = running.communicate(timeout=30)
    return running.returncode, said


@pytest.mark.parametrize("name", ["tutorial-image-builders", "tutorial-extension-authors"])
def test_the_tutorial_shows_what_comes(name: str, tmp_path: Path) -> None:
    tools, place = tmp_path / "bin", tmp_path / "work"
    tools.mkdir()
    place.mkdir()
    given, run = environment(tools), 0
    for block in blocks((DOCS / f"{name}.md").read_text()):
        if block.name:
            (place / block.name).write_text(block.text)
        for one in commands(block.text) if block.kind == "console" else ():
            status, said = ended(one.line, place, given)
            assert status == 0, f"$ {one.line}\n{said}"
            assert (wrong := differs(one.output, said)) is None, f"$ {one.line}\nnot as shown: {wrong}\n{said}"
            run += 1
    assert run >= 6, "the page's commands were not found"


def test_what_a_page_shows_is_compared() -> None:
    said = "  1.5 s  a\n x  7 MiB\nlast\n"
    assert differs((" 2.25 s a", "x 9 MiB", "last"), said) is None
    assert differs(("…", "last"), said) is None and differs((" 1 s a", "…"), said) is None
    assert differs(("… s a", "…"), said) is None
    for wrong in (("b", "…"), ("…", "x 9 GiB", "…"), (" 1 s a",), ("x 9 MiB", "last"), ()):
        assert differs(wrong, said) is not None, wrong


def test_the_packages_to_install_are_those_that_the_lab_installs() -> None:
    wanted = (labs.PROJECT / "packaging/setup-debian.sh").read_text()
    shown = re.findall(r"apt install ([^`]+)", (DOCS / "install.md").read_text())
    packages = {word for text in shown for word in text.replace("\\\n", " ").split()}
    assert len(packages) > 15
    assert [one for one in sorted(packages) if not re.search(rf"(?m)[\s(]{re.escape(one)}[\s)]", wanted)] == []
