"""What is there already of all that a system is to be given, and whether the agent runs. Reads, and changes nothing."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field

from waagent.guest.profile import Guest, filled
from waagent.install import mark
from waagent.install.placement import Placement
from waagent.model.failure import CommandFailure
from waagent.system.port import Kind, System

SAVED = ".waagent-saved"
"""Put behind the name of somebody else's file that had to make room."""
NEEDED = ("ip", "openssl", "ssh-keygen", "useradd", "chpasswd", "sudo", "sfdisk", "mkfs", "parted", "shutdown")
NEEDED_BSD = ("openssl", "ssh-keygen", "pw", "sudo", "shutdown")


@dataclass(frozen=True)
class Facts:
    """``present``: path to content, or to ``-> target`` for a link; ``saved``: paths whose former file is kept beside them."""

    present: dict[str, bytes] = field(default_factory=dict)
    saved: frozenset[str] = frozenset()
    missing_directories: Mapping[str, str] = field(default_factory=dict)
    """Of our files, each with the topmost one that is missing above it."""
    own_directories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Those that came with our files, and what is in them."""
    running: bool = False
    systemd_runs: bool = False
    lacking: tuple[str, ...] = ()
    """Programs that provisioning works with and that are not installed."""


def observe(system: System, guest: Guest, placement: Placement, *, inert: bool = False) -> Facts:
    """``inert``: the tree is not that of a running machine; no command is asked."""
    present: dict[str, bytes] = {}
    for file in placement.files:
        facts = system.files.facts(file.path)
        if facts is not None:
            present[file.path] = link(facts.target or "") if facts.kind is Kind.LINK else system.files.read(file.path)
    directories = dict.fromkeys(posixpath.dirname(file.path) for file in placement.files)
    needed = NEEDED_BSD if guest.family == "freebsd" else () if guest.family == "openbsd" else NEEDED
    return Facts(
        present,
        frozenset(file.path for file in placement.files if system.files.facts(file.path + SAVED) is not None),
        {directory: _topmost(system, directory) for directory in directories if not system.files.exists(directory)},
        _own_directories(system, present),
        not inert and _runs(system, guest),
        not inert and system.files.exists("/run/systemd/system"),
        () if inert else tuple(name for name in needed if system.commands.find(name) is None),
    )


def _topmost(system: System, directory: str) -> str:
    while not system.files.exists(posixpath.dirname(directory)):
        directory = posixpath.dirname(directory)
    return directory


def _own_directories(system: System, present: Mapping[str, bytes]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for path, content in present.items():
        marked, directory = mark.read(content), posixpath.dirname(path)
        while marked and marked.made and f"{directory}/".startswith(f"{marked.made}/"):
            found[directory] = tuple(system.files.names(directory))
            directory = posixpath.dirname(directory)
    return found


def link(target: str) -> bytes:
    """How ``present`` holds a link."""
    return f"-> {target}".encode()


def modules_missing(system: System, python: str) -> str:
    """Why ``python`` cannot run the agent once it is a service, with nothing of the caller's environment; empty if it can."""
    try:
        done = system.commands.run((python, "-B", "-c", "import waagent.cli.main"), ok=None, directory="/")
    except CommandFailure as failure:
        return failure.reason
    return "" if done.exit_code == 0 else (done.stderr.strip().splitlines() or [f"exit status {done.exit_code}"])[-1]


def _runs(system: System, guest: Guest) -> bool:
    if not guest.service_control or system.commands.find(guest.service_control[0]) is None:
        return False
    verb = "check" if guest.family == "openbsd" else "status"
    try:
        done = system.commands.run(filled(guest.service_control, verb=verb, name=guest.service_name), ok=None)
    except CommandFailure:
        return False
    # upstart says 0 for a job that is there and stands still
    return done.exit_code == 0 and "stop/waiting" not in done.stdout
