"""The last goal states, for support: ``<lib>/history/<time>__<tag>/``, redacted (fabric.md appendix B).

At most ``KEPT`` are kept, all but the newest as one zip each, so that neither bytes nor inodes grow without bound. The zip
is made by a short-lived child: its libraries would never leave the memory of a resident process.
"""

from __future__ import annotations

import sys

from waagent.config.paths import Paths
from waagent.fabric.parts import HistoryDocument
from waagent.model.failure import CommandFailure, SystemFailure
from waagent.system.port import Kind, System

KEPT = 50
_STAMP = "%Y-%m-%dT%H-%M-%S"


def archive(system: System, paths: Paths, tag: str, documents: tuple[HistoryDocument, ...]) -> None:
    """Keep the documents of one goal state; a problem is only logged."""
    name = f"{system.clock.now().strftime(_STAMP)}__{tag}"
    directory = f"{paths.history}/{name}"
    try:
        system.files.make_directory(paths.history, mode=0o700)
        system.files.make_directory(directory, mode=0o700)
        for document in documents:
            system.files.write(f"{directory}/{document.name}", document.content, mode=0o600)
        _tidy(system, paths.history, name)
    except SystemFailure as failure:
        system.log.warning(f"history: {failure.reason}")


def _tidy(system: System, place: str, newest: str) -> None:
    for name in system.files.names(place):
        path = f"{place}/{name}"
        facts = system.files.facts(path)
        if name != newest and "__" in name and facts is not None and facts.kind is Kind.DIRECTORY:
            _zip(system, path)
    ours = sorted(name for name in system.files.names(place) if "__" in name)
    for name in ours[:-KEPT]:
        system.files.remove(f"{place}/{name}")


def _zip(system: System, path: str) -> None:
    real = system.files.real_path(path)
    try:
        system.commands.run((sys.executable or "python3", "-m", "zipfile", "-c", f"{real}.zip.tmp", real), timeout=60.0)
    except CommandFailure as failure:
        system.log.verbose(f"history: {path} stays unzipped: {failure.reason}")
        return
    system.files.set_mode(f"{path}.zip.tmp", 0o600)
    system.files.rename(f"{path}.zip.tmp", f"{path}.zip")
    system.files.remove(path)
