"""Boot loader entries, one file per kernel, as ``grubby --info=ALL`` tells them and changes them. Pure.

Format: blocks of ``index=``, ``kernel="…"``, ``args="…"`` and more; one block per entry.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from waagent.guest import bootloader
from waagent.guest.bootloader import Options
from waagent.guest.profile import Argv

Lacking = dict[str, Options]
"""Kernel → options that at least one of its entries lacks, none left out; kernels that lack nothing have ()."""


@dataclass(frozen=True)
class Entry:
    kernel: str
    words: tuple[str, ...]


def parse(text: str) -> tuple[Entry, ...]:
    found = []
    for block in re.split(r"^index=", text, flags=re.MULTILINE)[1:]:
        values = dict(re.findall(r'^(kernel|args)="?(.*?)"?[ \t]*$', block, re.MULTILINE))
        if values.get("kernel"):
            found.append(Entry(values["kernel"], tuple(values.get("args", "").split())))
    return tuple(found)


def lacking(entries: tuple[Entry, ...], options: Options) -> Lacking:
    made: Lacking = {}
    for entry in entries:
        both = (*made.get(entry.kernel, ()), *bootloader.missing(entry.words, options))
        made[entry.kernel] = tuple(option for option in options if option in both)
    return made


def since(before: Lacking, now: tuple[Entry, ...], options: Options) -> Lacking:
    """What to take from the entries of now: what they lacked, and from new kernels what every old one lacked."""
    common = tuple(option for option in options if all(option in each for each in before.values()))
    return {
        entry.kernel: tuple(option for option in before.get(entry.kernel, common) if option in entry.words) for entry in now
    }


def commands(verb: str, wanted: Lacking) -> tuple[Argv, ...]:
    """One command for all kernels where all want the same, else one for each that wants something."""
    if len(set(wanted.values())) == 1:
        options = next(iter(wanted.values()))
        return (_command("ALL", verb, options),) if options else ()
    return tuple(_command(kernel, verb, options) for kernel, options in wanted.items() if options)


def _command(kernel: str, verb: str, options: Options) -> Argv:
    return ("grubby", f"--update-kernel={kernel}", f"--{verb}={' '.join(options)}")
