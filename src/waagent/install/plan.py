"""Laying the service and taking it away, as actions (guest.md 8.5, 10.1). Pure.

A file that is laid here is marked as ours (``mark``), and ``unregister`` takes nothing else; a directory that had to be made
goes with the last of its files, unless somebody else has put something there.
"""

from __future__ import annotations

import posixpath

from waagent.guest import services
from waagent.guest.profile import Argv, Guest
from waagent.install import mark
from waagent.install.observe import SAVED, Facts, link
from waagent.install.placement import Init, Placed, Placement
from waagent.model.failure import SystemFailure
from waagent.system.action import Action, MakeDirectory, Plan, Remove, Rename, Run, Symlink, WriteFile


def stage(placement: Placement, facts: Facts) -> Plan:
    """For packagers: every file below another root, without the mark; no command is run."""
    return (*_directories(facts), *(_lay(file, file.data(), None) for file in placement.files))


def register(guest: Guest, placement: Placement, facts: Facts, *, force: bool = False) -> Plan:
    """Lay what is missing, have the service started at boot; one that runs is started anew, one that does not is not.

    Errors: ``SystemFailure`` that names a file of somebody else in the place of ours, unless ``force`` puts it aside.
    """
    files: list[Action] = []
    for file in placement.files:
        files += _laid(placement, facts, file, force)
    commands = tuple(Run(argv, why="have the service started at boot", timeout=120.0) for argv in placement.register)
    again = (*services.control(guest, "stop"), *services.control(guest, "start")) if facts.running else ()
    return (*(_directories(facts) if files else ()), *files, *commands, *again)


def unregister(guest: Guest, placement: Placement, facts: Facts, undone: Plan = ()) -> Plan:
    """Stop the service, have it started at boot no longer, take away what is ours, put back what was there before.

    ``undone``: what takes back what the agent has done to the machine while it ran; it has to be stopped by then.
    """
    ours = [file.path for file in placement.files if _is_ours(placement, facts, file)]
    files: list[Action] = [Remove(path, why="take away what was laid") for path in ours]
    files += [Rename(path + SAVED, path, why="put back what was there before") for path in ours if path in facts.saved]
    files += _directories_gone(facts, frozenset(ours) - facts.saved)
    reload: Plan = ()
    if (files or undone) and placement.init is Init.SYSTEMD and facts.systemd_runs:
        reload = (Run(("systemctl", "daemon-reload"), why="have systemd forget the unit", optional=True),)
    stop = services.control(guest, "stop") if facts.running else ()
    return (*stop, *_forgotten(placement.unregister), *undone, *files, *_forgotten(placement.forget), *reload)


def _forgotten(commands: tuple[Argv, ...]) -> Plan:
    why = "have the service started at boot no longer"
    return tuple(Run(argv, why=why, optional=True, timeout=120.0) for argv in commands)


def left(placement: Placement, facts: Facts) -> tuple[str, ...]:
    """Files that stay when the service is taken away: they are a package's or somebody's."""
    return tuple(file.path for file in placement.files if file.path in facts.present and not _is_ours(placement, facts, file))


def _laid(placement: Placement, facts: Facts, file: Placed, force: bool) -> Plan:
    there = facts.present.get(file.path)
    content = file.data(mark.remark(facts.missing_directories.get(posixpath.dirname(file.path), "")))
    if there is None:
        return (_lay(file, content),)
    marked = mark.read(there)
    if there in (file.data(), link(file.target)) or file.keep or (marked and marked.body == file.content.encode()):
        return ()
    if _is_ours(placement, facts, file):
        return (_lay(file, file.data(mark.remark(marked.made if marked else ""))),)
    if file is placement.files[0]:
        return ()  # the program: whoever has put it there, it is the one that was asked
    if not force:
        raise SystemFailure(
            f"{file.path} is there and was not laid by this agent",
            hint="remove the package that owns it; or give -force: the file is put aside, and back by -unregister-service",
        )
    aside = () if file.path in facts.saved else (Rename(file.path, file.path + SAVED, why="keep what is there"),)
    return (*aside, _lay(file, content))


def _is_ours(placement: Placement, facts: Facts, file: Placed) -> bool:
    there = facts.present.get(file.path)
    if there is None:
        return False
    if file.target:
        return there == link(file.target) and any(mark.read(content) for content in facts.present.values())
    marked = mark.read(there)
    return marked is not None and (not file.keep or marked.body == file.content.encode())


def _directories_gone(facts: Facts, removed: frozenset[str]) -> Plan:
    """Directories that came with our files and have nothing else in them, the deepest first."""
    gone = set(removed)
    found: list[Action] = []
    for directory in sorted(facts.own_directories, key=len, reverse=True):
        if all(f"{directory}/{name}" in gone for name in facts.own_directories[directory]):
            gone.add(directory)
            found.append(Remove(directory, why="take away a directory that was made for it"))
    return tuple(found)


def _lay(file: Placed, content: bytes, owner: str | None = "root") -> Action:
    if file.target:
        return Symlink(file.path, file.target)
    return WriteFile(file.path, content, mode=file.mode, owner=owner)


def _directories(facts: Facts) -> Plan:
    return tuple(MakeDirectory(path) for path in facts.missing_directories)
