"""Boot options as actions: which files are edited, which commands follow (guest.md 6.4). Pure.

What a file was before is kept beside it until the options are taken back: that copy tells exactly what was added. A plan that
was cut short anywhere and is made again ends the same: the copy is written first and removed last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from waagent.guest import bootloader
from waagent.guest.bootloader import BootFormat, Options
from waagent.guest.profile import Guest
from waagent.kernel import entries
from waagent.kernel.observe import BootFacts, BootFile, saved_path
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
    keeps = _keeps((file for file in facts.files if file.path in edited), purpose)
    writes = tuple(WriteFile(path, _bytes(text), why=purpose.why) for path, text in edited.items())
    regenerate = _regenerate(facts) if edited or _is_stale(facts, purpose.options) else ()
    return (*keeps, *_undisturbed(facts, _entries_added(facts, purpose), writes), *writes, *regenerate)


def remove(facts: BootFacts, guest: Guest, purpose: Purpose) -> Plan:
    """Actions that take back exactly what ``add`` did; none where it did nothing."""
    ours = tuple(file for file in facts.files if file.saved is not None)
    edited = _edited(replace(facts, files=tuple(_before(file) for file in facts.files)), guest, purpose)
    writes = tuple(action for file in ours for action in _restored(facts, guest, purpose, file, edited.get(file.path)))
    forget = tuple(Remove(saved_path(file.path, purpose.name), why=_FORGET) for file in ours)
    regenerate = _regenerate(facts) if ours else ()
    return (*_undisturbed(facts, _entries_removed(facts, purpose), writes), *writes, *regenerate, *forget)


def _edited(facts: BootFacts, guest: Guest, purpose: Purpose) -> dict[str, str]:
    """The new texts of the files that lack something."""
    kind = facts.kind
    if kind is None:
        return {}
    key = _key(facts, guest)
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


def _key(facts: BootFacts, guest: Guest) -> str:
    return OEM_KEYS[-1] if facts.kind is BootFormat.OEM else facts.key or guest.boot_key


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
    text = bootloader.removed(file.text, before, facts.kind, _key(facts, guest), options)
    return () if text == file.text else (WriteFile(file.path, _bytes(text), why=why),)


def _regenerate(facts: BootFacts) -> Plan:
    return tuple(Run(argv, timeout=REGENERATE, why="have the boot loader's own file made anew") for argv in facts.regenerate)


def _is_stale(facts: BootFacts, options: Options) -> bool:
    """Whether a grub.cfg starts kernels and gives none of them the options: making it was cut short."""
    for text in facts.generated:
        lines = re.findall(r"^[ \t]*linux(?:16|efi)?[ \t][^\n]*", text, re.MULTILINE)
        if lines and all(bootloader.missing(line.split(), options) for line in lines):
            return True
    return False


def _keeps(files: Iterable[BootFile], purpose: Purpose) -> Plan:
    return tuple(
        WriteFile(saved_path(file.path, purpose.name), _bytes(ABSENT if file.text is None else file.text), file.mode, why=_KEEP)
        for file in files
        if file.saved is None
    )


def _entries_added(facts: BootFacts, purpose: Purpose) -> Plan:
    """By grubby where it only adds; where it would replace, and for kernels to come, in the files."""
    variable = entries.variable(facts.grubenv.text or "")
    lacking = {file: entries.lacking(file, file.text or "", variable, purpose.options) for file in facts.entries}
    wanting = {file: options for file, options in lacking.items() if options}
    if not wanting:
        return ()
    # what grubby edits by the way is written again after it, also where nothing lacks
    edited = {
        file: entries.added(file, file.text or "", options)
        for file, options in lacking.items()
        if not (facts.grubby and entries.is_entry(file))
        or entries.clashes(entries.words(file, file.text or "", variable), options)
    }
    by_tool = {file: options for file, options in lacking.items() if entries.is_entry(file)}
    whole = all(file in wanting and file not in edited for file in by_tool)
    names = {entries.kernel(file): options for file, options in by_tool.items() if file not in edited}
    grubenv = () if facts.grubenv.text is None else (facts.grubenv,)
    return (
        *_keeps((*facts.entries, *grubenv), purpose),
        *(Run(argv, timeout=REGENERATE, why=purpose.why) for argv in entries.commands("args", names, all_kernels=whole)),
        *(WriteFile(file.path, _bytes(text), why=purpose.why) for file, text in edited.items()),
    )


def _undisturbed(facts: BootFacts, steps: Plan, writes: Plan) -> Plan:
    """grubby edits the file of defaults by the way: what is written after it is what was planned, or what was there."""
    planned = {action.path for action in writes if isinstance(action, WriteFile | Remove)}
    if not any(isinstance(step, Run) for step in steps):
        return steps
    why = "have no other tool's edit in it"
    rest = tuple(file for file in facts.files if file.text is not None and file.path not in planned)
    return (*steps, *(WriteFile(file.path, _bytes(file.text or ""), why=why) for file in rest))


def _entries_removed(facts: BootFacts, purpose: Purpose) -> Plan:
    """Taken from the entries that had not had them; an entry that is new since has them from the others."""
    kept = tuple(file for file in (*facts.entries, facts.grubenv) if file.saved is not None)
    if not kept:
        return ()
    why = "take the options back"
    variable = entries.variable(facts.grubenv.saved or facts.grubenv.text or "")
    before = {
        file: entries.lacking(file, file.saved, variable, purpose.options) for file in facts.entries if file.saved is not None
    }
    lacked = [options for file, options in before.items() if entries.is_entry(file)]
    common = tuple(option for option in purpose.options if lacked and all(option in each for each in lacked))
    ours = {file: before.get(file, common if entries.is_entry(file) else ()) for file in facts.entries}
    by_tool = {entries.kernel(file): options for file, options in ours.items() if entries.is_entry(file)}
    commands = entries.commands("remove-args", by_tool, all_kernels=True) if facts.grubby else ()
    texts = {file: _entry_restored(file, options) for file, options in ours.items()}
    return (
        *(Run(argv, timeout=REGENERATE, why=why) for argv in commands),
        *(WriteFile(file.path, _bytes(text), why=why) for file, text in texts.items() if commands or text != file.text),
        # the entries' copies together and last: an entry without one counts as new
        *(Remove(saved_path(file.path, purpose.name), why=_FORGET) for file in kept if not entries.is_entry(file)),
        Remove(saved_path(bootloader.ENTRIES, purpose.name), why=_FORGET),
    )


def _entry_restored(file: BootFile, options: Options) -> str:
    """Every byte as it was; where somebody has edited it since, only what is ours goes."""
    text = file.text or ""
    if file.saved is not None and (
        entries.same(text, file.saved) or entries.same(text, entries.added(file, file.saved, options))
    ):
        return file.saved
    return entries.removed(file, text, options)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
