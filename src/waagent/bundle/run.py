"""The collector (extensions.md 9.6): listings and files into ``logs.zip``, what was done into ``results.txt``.

Both are written under another name and take theirs when they are complete, so that two collectors, or one that is killed,
leave a whole bundle. Odd: files that cannot be read count, and with the eighth it stops with what it has.
"""

from __future__ import annotations

from contextlib import closing

from waagent.bundle import content, gather
from waagent.bundle.archive import Archive
from waagent.bundle.content import LeftOut
from waagent.bundle.manifest import Manifest
from waagent.bundle.restraint import Restraint
from waagent.bundle.results import Results
from waagent.config.paths import Paths
from waagent.model.failure import CommandFailure, Failure, SystemFailure
from waagent.system.port import Kind, System

TOTAL = 150 * 1024 * 1024
"""Bytes of all files before packing."""
ERRORS = 8
_LISTED = 128 * 1024
_ROOM = 64 * 1024 * 1024
"""Bytes of the disk that stay free."""


def collect(system: System, paths: Paths, manifest: Manifest, restraint: Restraint, process_id: int) -> str:
    """Make the bundle; its path. Errors: ``SystemFailure``, ``GaveUp``."""
    place = paths.log_collector
    system.files.make_directory(place, mode=0o700)
    _sweep(system, place)
    restraint.check()
    bundle, temporary = f"{place}/logs.zip", f"{place}/logs.zip.{process_id}"
    try:
        results = _Collector(system, paths, restraint, temporary).write(manifest)
        system.files.rename(temporary, bundle)
    except BaseException:
        system.files.remove(temporary)
        raise
    system.files.write(f"{place}/results.txt", results, mode=0o600)
    return bundle


def _sweep(system: System, place: str) -> None:
    """What killed collectors left; one that still runs keeps what it has open, and fails at the end."""
    old = system.clock.now().timestamp() - 3600.0
    for name in system.files.names(place):
        facts = system.files.facts(f"{place}/{name}")
        if name.startswith("logs.zip.") and facts is not None and facts.modified < old:
            system.files.remove(f"{place}/{name}")


class _Collector:
    def __init__(self, system: System, paths: Paths, restraint: Restraint, temporary: str) -> None:
        self._system = system
        self._paths = paths
        self._restraint = restraint
        self._temporary = temporary
        self._results = Results(system)
        self._errors = 0

    def write(self, manifest: Manifest) -> bytes:
        """Write the zip; the text of the results, which is in it too."""
        files, results = self._system.files, self._results
        total = min(TOTAL, max(0, files.space(self._paths.log_collector) - _ROOM))
        if total < TOTAL:
            results.warn(f"the disk is nearly full: {total} bytes are collected at most")
        for directory in manifest.listings:
            self._list(directory)
        with closing(files.create(self._temporary, mode=0o600)) as stream:
            with Archive(stream, self._system.clock.now(), self._restraint.check) as archive:
                for path in gather.gather(files, manifest):
                    if not self._add(archive, path, total):
                        break
                results.say(f"{archive.total} bytes were collected, {self._errors} files could not be read")
                text = results.content()
                archive.add("results.txt", (text,))
            return text

    def _list(self, directory: str) -> None:
        try:
            done = self._system.commands.run(["ls", "-alF", "--", directory], timeout=30.0, ok=None)
        except CommandFailure as failure:
            self._results.warn(f"{directory} is not listed: {failure.reason}")
            return
        self._results.quote(f"ls -alF {directory}\n{(done.stdout or done.stderr)[:_LISTED]}")

    def _add(self, archive: Archive, path: str, total: int) -> bool:
        """Add one file; False when there shall be no more."""
        self._results.say(path)
        self._restraint.check()
        try:
            return self._copy(archive, path, total)
        except LeftOut as reason:
            self._results.warn(f"{path} is left out: {reason}")
        except (Failure, OSError) as error:
            if isinstance(error, SystemFailure) and error.facts.get("path") == self._temporary:
                raise
            self._errors += 1
            self._results.warn(f"{path} is not there as a whole: {error}")
        if self._errors >= ERRORS:
            self._results.warn(f"{self._errors} files could not be read; no more is collected")
            return False
        return True

    def _copy(self, archive: Archive, path: str, total: int) -> bool:
        facts = self._system.files.facts(path)
        if facts is None:
            raise LeftOut("it has gone")
        if facts.kind is Kind.OTHER or (facts.kind is Kind.LINK and self._is_hostile(path)):
            raise LeftOut(f"it is {'a link' if facts.kind is Kind.LINK else 'no plain file'}")
        with closing(self._system.files.open_warily(path)) as stream:
            size = stream.seek(0, 2)
            stream.seek(0)
            name = content.name_of(path, size)
            if archive.total + min(size, content.LIMIT) > total:
                self._results.warn(f"{path} would be too much; no more is collected")
                return False
            pieces = content.pieces(path, size, stream, self._paths, archive.spend)
            if size > content.LIMIT:
                self._results.warn(f"{path} is too long: its last {content.LIMIT} bytes are collected")
            added = archive.add(name, pieces, packed=content.is_packed(path))
        self._results.say(f"{name}: {added} bytes")
        return True

    def _is_hostile(self, path: str) -> bool:
        """Extensions keep house there, so that a link may lead anywhere."""
        return path.startswith((f"{self._paths.lib}/", f"{self._paths.extension_logs}/"))
