"""Boot options as actions: which files are edited, which commands follow (guest.md 6.4). Pure.

What a file was before is kept beside it until the options are taken back: that copy tells exactly what was added. A plan that
was cut short anywhere and is made again ends the same: the copy is written first and removed last.
"""

from __future__ import annotations

import re
from dataclasses import replace

from waagent.guest import bootloader
from waagent.guest.bootloader import BootFormat, Options
from waagent.guest.profile import Guest
from waagent.kernel import entries
from waagent.kernel.observe import SAVED_ENTRIES, BootFacts, BootFile, saved_path
from waagent.kernel.purpose import Purpose
from waagent.system.action import Plan, Remove, Run, WriteFile

OEM_KEYS = ("linux_console", "linux_append")
ABSENT = "# this file was not there before\n"
"""The copy of a file that had to be made."""
REGENERATE = 600.0
"""Seconds: looking for other systems on all disks takes its time."""
_KEEP = "be able to take it back"
_FORGET = "forget what was kept to go back to"


def add(facts: BootFacts, guest: Guest, purpose: Purpose) -> Plan:
    """Actions that give the options to the kernels of this machine; none where they have them."""
    edited = _edited(facts, guest, purpose)
    keeps = tuple(
        WriteFile(saved_path(file.path, purpose.name), _bytes(ABSENT if file.text is None else file.text), file.mode, why=_KEEP)
        for file in facts.files
        if file.path in edited and file.saved is None
    )
    writes = tuple(WriteFile(path, _bytes(text), why=purpose.why) for path, text in edited.items())
    regenerate = _regenerate(facts) if edited or _is_stale(facts, purpose.options) else ()
    # grubby edits the file of defaults by the way: what is written last is what was planned
    return (*keeps, *_entries_added(facts, purpose), *writes, *regenerate)


def remove(facts: BootFacts, guest: Guest, purpose: Purpose) -> Plan:
    """Actions that take back exactly what ``add`` did; none where it did nothing."""
    ours = tuple(file for file in facts.files if file.saved is not None)
    edited = _edited(replace(facts, files=tuple(_before(file) for file in facts.files)), guest, purpose)
    writes = tuple(action for file in ours for action in _restored(facts, guest, purpose, file, edited.get(file.path)))
    forget = tuple(Remove(saved_path(file.path, purpose.name), why=_FORGET) for file in ours)
    return (*_entries_removed(facts, purpose), *writes, *(_regenerate(facts) if ours else ()), *forget)


def _edited(facts: BootFacts, guest: Guest, purpose: Purpose) -> dict[str, str]:
    """The new texts of the files that lack something."""
    kind = facts.kind
    if kind is None:
        return {}
    key = _key(kind, guest)
    options, files = purpose.loader if kind is BootFormat.LOADER else purpose.options, facts.files
    if kind in (BootFormat.DEFAULTS, BootFormat.OEM):
        keys = OEM_KEYS if kind is BootFormat.OEM else tuple(dict.fromkeys((bootloader.COMMON_KEY, key)))
        texts = tuple(file.text or "" for file in files)
        options = bootloader.missing(bootloader.words_of(texts, keys, bootloader.command(kind)), options)
        files = tuple(file for file in files if file is files[0] or bootloader.replaces(file.text or "", key))
    if not options:
        return {}
    texts_by_path = {file.path: bootloader.added(file.text or "", kind, key, options) for file in files}
    return {file.path: texts_by_path[file.path] for file in files if texts_by_path[file.path] != (file.text or "")}


def _key(kind: BootFormat, guest: Guest) -> str:
    return OEM_KEYS[-1] if kind is BootFormat.OEM else guest.boot_key


def _before(file: BootFile) -> BootFile:
    return file if file.saved is None else replace(file, text=None if file.saved == ABSENT else file.saved, saved=None)


def _restored(facts: BootFacts, guest: Guest, purpose: Purpose, file: BootFile, edited: str | None) -> Plan:
    """The file as it was; where somebody has edited it since, only what is ours goes."""
    why = "take the options back"
    if file.text is None or file.saved is None or facts.kind is None or file.text == file.saved:
        return ()
    if file.text == edited:
        return (Remove(file.path, why=why),) if file.saved == ABSENT else (WriteFile(file.path, _bytes(file.saved), why=why),)
    before = "" if file.saved == ABSENT else file.saved
    options = purpose.loader if facts.kind is BootFormat.LOADER else purpose.options
    text = bootloader.removed(file.text, before, facts.kind, _key(facts.kind, guest), options)
    return () if text == file.text else (WriteFile(file.path, _bytes(text), why=why),)


def _regenerate(facts: BootFacts) -> Plan:
    return tuple(Run(argv, timeout=REGENERATE, why="make grub.cfg anew") for argv in facts.regenerate)


def _is_stale(facts: BootFacts, options: Options) -> bool:
    """Whether a grub.cfg starts kernels and gives none of them the options: making it was cut short."""
    for text in facts.generated:
        lines = re.findall(r"^[ \t]*linux(?:16|efi)?[ \t][^\n]*", text, re.MULTILINE)
        if lines and all(bootloader.missing(line.split(), options) for line in lines):
            return True
    return False


def _entries_added(facts: BootFacts, purpose: Purpose) -> Plan:
    if facts.entries is None:
        return ()
    commands = entries.commands("args", entries.lacking(entries.parse(facts.entries), purpose.options))
    if not commands:
        return ()
    path = saved_path(SAVED_ENTRIES, purpose.name)
    keep = () if facts.saved_entries is not None else (WriteFile(path, _bytes(facts.entries), 0o600, why=_KEEP),)
    return (*keep, *(Run(argv, timeout=REGENERATE, why=purpose.why) for argv in commands))


def _entries_removed(facts: BootFacts, purpose: Purpose) -> Plan:
    """Taken from the entries that had not had them; an entry that is new since has them from the others."""
    if facts.saved_entries is None:
        return ()
    before = entries.lacking(entries.parse(facts.saved_entries), purpose.options)
    commands = entries.commands("remove-args", entries.since(before, entries.parse(facts.entries or ""), purpose.options))
    runs = tuple(Run(argv, timeout=REGENERATE, why="take the options back") for argv in commands)
    return (*runs, Remove(saved_path(SAVED_ENTRIES, purpose.name), why=_FORGET))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
