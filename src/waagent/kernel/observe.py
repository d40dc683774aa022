"""What this machine's boot loader is, and what its files say (guest.md 6.4). Reads only."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from waagent.guest import bootloader
from waagent.guest.bootloader import BootFormat
from waagent.guest.profile import Argv, BootLoader, Guest
from waagent.system.port import Kind, System

GRUBENV = "/boot/grub2/grubenv"
NEW_KERNELS = "/etc/kernel/cmdline"
LIMIT = 4 * 1024 * 1024
_MAIN_CONFIG = "/boot/grub2/grub.cfg"
_EFI_CONFIGS = "/boot/efi/EFI/*/grub.cfg"


@dataclass(frozen=True)
class BootFile:
    """A file of options. ``text`` None: it is not there. ``saved``: what it was before this purpose, None: not touched."""

    path: str
    text: str | None
    mode: int = 0o644
    saved: str | None = None


@dataclass(frozen=True)
class BootFacts:
    """``kind`` None: no boot loader is known here. ``entries``: where each kernel's options are in a file of its own, which
    ``grubby`` changes if it is there; ``grubenv`` is what they may refer to.

    ``key`` where it is not the guest's; ``regenerate`` are the commands that make ``generated`` (the texts of grub.cfg) from
    the files.
    """

    kind: BootFormat | None = None
    files: tuple[BootFile, ...] = ()
    regenerate: tuple[Argv, ...] = ()
    generated: tuple[str, ...] = ()
    key: str = ""
    entries: tuple[BootFile, ...] = ()
    grubby: bool = False
    grubenv: BootFile = BootFile(GRUBENV, None)

    @property
    def touched(self) -> bool:
        """Whether the options were put in before, and not taken back."""
        return any(file.saved is not None for file in (*self.files, *self.entries))


def saved_path(path: str, purpose: str) -> str:
    """Where a file's former content is kept while our options are in it; no program takes it for a configuration."""
    return f"{path}.waagent-{purpose}"


def observe(system: System, guest: Guest, purpose: str) -> BootFacts:
    """Files, entries and commands of this machine's boot loader. Errors: ``SystemFailure``, ``CommandFailure``."""
    look = _Look(system, purpose)
    if guest.boot_loader is BootLoader.LOADER:
        return BootFacts(BootFormat.LOADER, (look.file(bootloader.LOADER_CONF),))
    if guest.boot_loader is BootLoader.OEM:
        return _oem(system, look)
    return _grub(system, look) if guest.boot_loader is BootLoader.GRUB else BootFacts()


def _oem(system: System, look: _Look) -> BootFacts:
    there = [path for path in bootloader.OEM_FILES if system.files.exists(path)]
    possible = [path for path in bootloader.OEM_FILES if system.files.exists(posixpath.dirname(path))]
    path = next(iter(there + possible), None)
    return BootFacts() if path is None else BootFacts(BootFormat.OEM, (look.file(path),))


def _grub(system: System, look: _Look) -> BootFacts:
    files = system.files
    defaults = tuple(look.file(path) for path in (bootloader.DEFAULT_GRUB, *files.glob(bootloader.GRUB_OVERRIDES)))
    entries = files.glob(bootloader.ENTRIES)
    grubby = system.commands.find("grubby") is not None
    if entries and (grubby or bootloader.reads_entries(defaults[0].text or "")):
        main = defaults[:1] if defaults[0].text is not None else ()
        more = (NEW_KERNELS,) if files.exists(NEW_KERNELS) else ()
        kept = tuple(look.file(path) for path in (*entries, *more))
        return BootFacts(BootFormat.DEFAULTS, main, entries=kept, grubby=grubby, grubenv=look.file(GRUBENV))
    commands, configs = _makers(system)
    if commands:
        generated = tuple(look.text(path) or "" for path in configs)
        return BootFacts(BootFormat.DEFAULTS, defaults, commands, generated)
    if files.exists(bootloader.EXTLINUX) and system.commands.find("update-extlinux"):
        main = (look.file(bootloader.EXTLINUX),)
        return BootFacts(BootFormat.DEFAULTS, main, (("update-extlinux",),), key="default_kernel_opts")
    menu = next((path for path in bootloader.LEGACY_FILES if files.exists(path)), None)
    return BootFacts() if menu is None else BootFacts(BootFormat.MENU, (look.file(menu),))


def _makers(system: System) -> tuple[tuple[Argv, ...], tuple[str, ...]]:
    """The commands that make grub.cfg, and the files that they make."""
    find, files = system.commands.find, system.files
    if find("update-grub"):
        return (("update-grub",),), ("/boot/grub/grub.cfg",)
    if find("grub2-mkconfig"):
        efi = [path for path in files.glob(_EFI_CONFIGS) if bootloader.GENERATED.encode() in files.read(path, LIMIT)]
        configs = tuple(([_MAIN_CONFIG] if files.exists(posixpath.dirname(_MAIN_CONFIG)) else []) + efi)
        return tuple(("grub2-mkconfig", "-o", path) for path in configs), configs
    if find("grub-mkconfig"):
        return (("grub-mkconfig", "-o", "/boot/grub/grub.cfg"),), ("/boot/grub/grub.cfg",)
    return (), ()


class _Look:
    """Reads files for one purpose. A link is written through by writing what it leads to."""

    def __init__(self, system: System, purpose: str) -> None:
        self._system = system
        self._purpose = purpose

    def file(self, path: str) -> BootFile:
        path = self._target(path)
        facts = self._system.files.facts(path)
        return BootFile(path, self.text(path), 0o644 if facts is None else facts.mode, self.saved(path))

    def saved(self, path: str) -> str | None:
        return self.text(saved_path(path, self._purpose))

    def text(self, path: str) -> str | None:
        content = self._system.files.read_if_there(path, LIMIT)
        return None if content is None else content.decode("utf-8", "surrogateescape")

    def _target(self, path: str) -> str:
        for _ in range(8):
            facts = self._system.files.facts(path)
            if facts is None or facts.kind is not Kind.LINK or facts.target is None:
                break
            path = posixpath.normpath(posixpath.join(posixpath.dirname(path), facts.target))
        return path
