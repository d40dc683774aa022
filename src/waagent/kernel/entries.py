"""Boot loader entries: a file for each kernel, and the line that new kernels are given (guest.md 6.4). Pure.

Format of an entry: ``linux /vmlinuz-…`` and ``options WORD WORD …``; ``$kernelopts`` among the words stands for a value in
grubenv. ``/etc/kernel/cmdline`` has the words alone. They are changed by ``grubby``, as their system wants it. Odd: grubby
puts a value in place of another one of the same name, so that an entry with a console of its own would lose it; such an
entry is edited here.
"""

from __future__ import annotations

import posixpath
import re

from waagent.guest import bootloader
from waagent.guest.bootloader import Options
from waagent.guest.profile import Argv
from waagent.kernel.observe import BootFile

VARIABLE = "$kernelopts"
_ENTRY = re.compile(r"^options(?:[ \t]+[^\r\n]*|$)", re.MULTILINE)
_PLAIN = re.compile(r"\A[^\r\n]*")


def is_entry(file: BootFile) -> bool:
    return file.path.endswith(".conf")


def kernel(file: BootFile) -> str:
    """What grubby calls the kernel of an entry."""
    match = re.search(r"^linux[ \t]+(\S+)", file.text or file.saved or "", re.MULTILINE)
    return f"/boot/{posixpath.basename(match[1])}" if match else ""


def words(file: BootFile, text: str, variable: str) -> tuple[str, ...]:
    """The options in a text of that file."""
    found = [word for line in _line(file).findall(text) for word in line.split()]
    found = found[1:] if is_entry(file) else found
    return tuple(word for each in found for word in (variable.split() if each == VARIABLE else [each]))


def variable(grubenv: str) -> str:
    """The value of kernelopts; lines of grubenv are ``name=value``."""
    match = re.search(r"^kernelopts=(.*)$", grubenv, re.MULTILINE)
    return match[1] if match else ""


def clashes(found: tuple[str, ...], options: Options) -> bool:
    """Whether grubby would put one of the options in place of another value of its name."""
    names = tuple(f"{option.partition('=')[0]}=" for option in options)
    return any(word.startswith(names) for word in found)


def added(file: BootFile, text: str, options: Options) -> str:
    if not options:
        return text
    match = _line(file).search(text)
    if match is None:
        return f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}options {' '.join(options)}\n"
    line = match[0]
    return f"{text[: match.end()]}{'' if not line or line[-1].isspace() else ' '}{' '.join(options)}{text[match.end() :]}"


def removed(file: BootFile, text: str, options: Options) -> str:
    def without(match: re.Match[str]) -> str:
        line = match[0]
        for option in options:
            line = re.sub(rf"(?:(?<=\s)|^){re.escape(option)}(?:[ \t]+|$)", "", line)
        return line if line == match[0] else line.rstrip(" \t")

    return _line(file).sub(without, text, count=1)


def same(one: str, other: str) -> bool:
    """Whether two texts differ in nothing but blanks, which grubby does not keep."""
    return [line.split() for line in one.splitlines()] == [line.split() for line in other.splitlines()]


def commands(verb: str, wanted: dict[str, Options], *, all_kernels: bool) -> tuple[Argv, ...]:
    """One command for all kernels where they want the same, else one for each that wants something."""
    if all_kernels and len(set(wanted.values())) == 1:
        options = next(iter(wanted.values()))
        return (_command("ALL", verb, options),) if options else ()
    return tuple(_command(each, verb, options) for each, options in wanted.items() if options and each)


def lacking(file: BootFile, text: str, variable: str, options: Options) -> Options:
    return bootloader.missing(words(file, text, variable), options)


def _line(file: BootFile) -> re.Pattern[str]:
    return _ENTRY if is_entry(file) else _PLAIN


def _command(name: str, verb: str, options: Options) -> Argv:
    return ("grubby", f"--update-kernel={name}", f"--{verb}={' '.join(options)}")
