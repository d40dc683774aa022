"""What can be said of a package's commands without running them. Pure but for `runnable`: interpreters are looked up here."""

import shlex
from collections.abc import Iterator
from pathlib import Path

from fabriclab.judge import manifest
from fabriclab.judge.handler import Source
from fabriclab.judge.manifest import BadManifest, Manifest
from fabriclab.judge.rule import Judgement, Problem, not_seen, unless

EVERYWHERE = ("/bin/sh", "/bin/bash", "/usr/bin/bash", "/usr/bin/sh", "/usr/bin/python3", "/usr/bin/env", "/usr/bin/perl")
PROGRAMS_EVERYWHERE = ("sh", "bash", "python3", "perl", "awk")
GONE = ("python", "python2", "python2.7")
ELF, BOM = b"\x7fELF", b"\xef\xbb\xbf"
MACHINES = {62: "x86-64", 183: "arm64", 3: "x86", 40: "arm"}


def named(source: Source) -> Judgement:
    read = _manifest(source)
    if isinstance(read, Judgement):
        return read
    problems = []
    for name in manifest.COMMANDS:
        found = read.handler.get(f"{name}Command")
        if not isinstance(found, str):
            problems.append(f"{name}Command is missing" if found is None else f"{name}Command is no text")
        elif not found.strip():
            problems.append(f"{name}Command is empty: it fails with exit status 126")
    return unless(problems)


def exist(source: Source) -> Judgement:
    read = _manifest(source)
    if isinstance(read, Judgement):
        return read
    problems = []
    for name, text in read.commands.items():
        word = _word(text)
        if word is None:
            problems.append(f'{name}Command "{text}" has an open quote')
        elif word and word not in source.files:
            inside = next((other for other in source.files if other.lower() == word.lower()), None)
            hint = f", but {inside}" if inside else ""
            problems.append(f'{name}Command "{text}": there is no file {word} in the package{hint}')
    return unless(problems, ", ".join(sorted({word for _, word in _files(source, read)})))


def runnable(source: Source) -> Judgement:
    read = _manifest(source)
    if isinstance(read, Judgement):
        return read
    problems: list[Problem] = []
    seen = set()
    for name, word in _files(source, read):
        content = source.files[word]
        if content.startswith(ELF):
            seen.add(f"{word} for {MACHINES.get(int.from_bytes(content[18:20], 'little'), 'another machine')}")
            continue
        line = content.removeprefix(BOM).split(b"\n", 1)[0].rstrip(b"\r").decode("utf-8", "replace")
        if not line.startswith("#!"):
            problems.append((name, f"{word} is neither a program nor does it begin with #!"))
            continue
        seen.add(line)
        problems += [(name, f"{word} {reason}") for reason in _interpreter(line[2:].split())]
    return unless(problems, ", ".join(sorted(seen)))


def line_ends(source: Source) -> Judgement:
    problems, scripts = [], 0
    for name, content in source.files.items():
        if not content.removeprefix(BOM).startswith(b"#!") and not name.endswith((".sh", ".bash")):
            continue
        scripts += 1
        if b"\r\n" in content:
            problems.append(f"{name} has Windows line ends")
        if content.startswith(BOM):
            problems.append(f"{name} begins with a byte order mark, so that #! is not seen")
    return unless(problems, f"{scripts} scripts")


def _interpreter(words: list[str]) -> list[str]:
    if not words:
        return ["names no interpreter after #!"]
    path = words[0]
    program = (
        next((word for word in words[1:] if not word.startswith("-")), "") if path.endswith("/env") else path.rpartition("/")[2]
    )
    if program in GONE:
        return [f"is called by {program}, which current distributions do not have"]
    if not path.startswith("/"):
        return [f"names the interpreter {path} without its directory"]
    known = path in EVERYWHERE and (not path.endswith("/env") or program in PROGRAMS_EVERYWHERE)
    return [] if known or Path(path).exists() else [f"is called by {path}, which is not everywhere"]


def _files(source: Source, read: Manifest) -> Iterator[tuple[str, str]]:
    """Command and file, for those that are there."""
    for name, text in read.commands.items():
        word = _word(text)
        if word and word in source.files:
            yield name, word


def _word(text: str) -> str | None:
    """The file that a command begins with; None for a text that no shell could read."""
    try:
        words = shlex.split(text.strip().lstrip("/"))
    except ValueError:
        return None
    return words[0].removeprefix("./") if words else ""


def _manifest(source: Source) -> Manifest | Judgement:
    data = source.manifest_data
    if data is None:
        return not_seen("there is no manifest")
    try:
        return manifest.read(data)
    except BadManifest as problem:
        return not_seen(str(problem))
