"""What boot loaders read, and their files with options put in or taken out (guest.md 6.4). Pure.

Odd: in a file of GRUB 2 only the last assignment of a key counts, and files of /etc/default/grub.d come after the main one.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence

from waagent.guest import assignment
from waagent.guest.assignment import Assignment

DEFAULT_GRUB = "/etc/default/grub"
GRUB_OVERRIDES = "/etc/default/grub.d/*.cfg"
LEGACY_FILES = ("/boot/grub/menu.lst", "/boot/grub/grub.conf")
EXTLINUX = "/etc/update-extlinux.conf"
OEM_FILES = ("/oem/grub.cfg", "/usr/share/oem/grub.cfg")
LOADER_CONF = "/boot/loader.conf"
ENTRIES = "/boot/loader/entries/*.conf"
GENERATED = "### BEGIN /etc/grub.d/"
"""In a real grub.cfg. What stands on an EFI partition may be only a pointer to the other one."""
COMMON_KEY = "GRUB_CMDLINE_LINUX"
"""For every entry; the key of a family may be for ordinary entries only."""


class BootFormat(enum.Enum):
    """How options are written in a file."""

    DEFAULTS = "defaults"
    """KEY="…" in a file of which the boot loader's own is made."""
    MENU = "menu"
    """Lines of GRUB legacy whose first word is kernel."""
    OEM = "oem"
    """set linux_append="…", which the image's own grub.cfg reads."""
    LOADER = "loader"
    """FreeBSD: each option is a line of its own."""


Options = tuple[str, ...]


def has(words: Sequence[str], option: str) -> bool:
    """Whether an option is given; ``console=ttyS0,115200`` is ``console=ttyS0`` with a speed."""
    plain = [word.replace("earlyprintk=serial,", "earlyprintk=") for word in words]
    return any(word == option or word.startswith(f"{option},") for word in plain)


def missing(words: Sequence[str], options: Options) -> Options:
    return tuple(option for option in options if not has(words, option))


def command(kind: BootFormat, blank: str = "") -> str:
    """The word before an assignment."""
    return f"set{blank}" if kind is BootFormat.OEM else ""


def words_of(texts: Sequence[str], keys: Sequence[str], command: str = "") -> tuple[str, ...]:
    """The words that the keys have after all files were read, in their order."""
    values: dict[str, tuple[str, ...]] = dict.fromkeys(keys, ())
    for text in texts:
        for key in keys:
            for each in assignment.find(text, key, command):
                kept = values[key] if each.refers_to(key) else ()
                values[key] = (*kept, *each.words)
    return tuple(word for key in keys for word in values[key])


def replaces(text: str, key: str) -> bool:
    """Whether a file assigns the key anew, so that what earlier files said is lost."""
    return any(not each.refers_to(key) for each in assignment.find(text, key))


def reads_entries(text: str) -> bool:
    """Whether GRUB 2 takes kernels from entries and not from its grub.cfg."""
    found = assignment.find(text, "GRUB_ENABLE_BLSCFG")
    return bool(found) and found[-1].words == ("true",)


def added(text: str, kind: BootFormat, key: str, options: Options) -> str:
    """The text with the options; what is there already stays as it is, and is not put in again."""
    if kind is BootFormat.MENU:
        return re.sub(_KERNEL_LINE, lambda match: _with_options(match[0], options), text)
    if kind is BootFormat.LOADER:
        for option in options:
            text = _set(text, option)
        return text
    last = _last(text, kind, key)
    if last is not None:
        lacking = missing(words_of((text,), (key,), command(kind)), options)
        return assignment.with_words(text, last, lacking) if lacking else text
    return _line_added(text, f'{command(kind, " ")}{key}="{" ".join(options)}"')


def removed(text: str, before: str, kind: BootFormat, key: str, options: Options) -> str:
    """The text without the options that ``before`` had not; for files that somebody has edited since."""
    if kind is BootFormat.LOADER:
        for option in options:
            text = _unset(text, before, option)
        return text
    if kind is BootFormat.MENU:
        old = [word for line in re.findall(_KERNEL_LINE, before) for word in line.split()]
        ours = missing(old, options)
        return re.sub(_KERNEL_LINE, lambda match: _without_options(match[0], ours), text)
    ours = missing(words_of((before,), (key,), command(kind)), options)
    for each in reversed(assignment.find(text, key, command(kind))):
        text = assignment.without_words(text, each, ours)
    return text if assignment.find(before, key, command(kind)) else text.replace(f'{command(kind, " ")}{key}=""\n', "", 1)


_KERNEL_LINE = re.compile(r"^[ \t]*kernel[ \t]+[^\r\n]*", re.MULTILINE)


def _last(text: str, kind: BootFormat, key: str) -> Assignment | None:
    found = assignment.find(text, key, command(kind))
    return found[-1] if found else None


def _line_added(text: str, line: str) -> str:
    return f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{line}\n"


def _with_options(line: str, options: Options) -> str:
    lacking = missing(line.split(), options)
    return line if not lacking else f"{line}{'' if line[-1].isspace() else ' '}{' '.join(lacking)}"


def _without_options(line: str, options: Options) -> str:
    for option in options:
        line = re.sub(rf"[ \t]+{re.escape(option)}(?!\S)", "", line)
    return line


def _set(text: str, option: str) -> str:
    """One line of loader.conf. Of a list of consoles those that are there stay, behind ours."""
    key, _, value = option.partition("=")
    found = assignment.find(text, key)
    if not found:
        return _line_added(text, f'{key}="{value}"')
    last = found[-1]
    old = "".join(last.words)
    if old.lower() == value.lower() or (key == "console" and "comconsole" in old.split(",")):
        return text
    if key == "console" and old:
        value = ",".join(("comconsole", *(each for each in old.split(","))))
    return f'{text[: last.start]}"{value}"{text[last.end :]}'


def _unset(text: str, before: str, option: str) -> str:
    key = option.partition("=")[0]
    ours, old = assignment.find(_set(before, option), key)[-1], assignment.find(before, key)
    found = assignment.find(text, key)
    if not found or found[-1].value != ours.value or (old and old[-1].value == ours.value):
        return text
    last = found[-1]
    if old:
        return text[: last.start] + old[-1].value + text[last.end :]
    start = text.rfind("\n", 0, last.start) + 1
    end = text.find("\n", last.end)
    return text[:start] + (text[end + 1 :] if end >= 0 else "")
