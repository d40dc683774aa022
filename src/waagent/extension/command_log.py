"""CommandExecution.log, the agent's log of one handler (extensions.md 1.7).

Every line also goes to the agent's own log. Odd: the folder is made 0755 when it is missing and never touched again; a
file that grew beyond 10 MiB keeps its last 10 MiB without the first, broken line.
"""

from __future__ import annotations

from contextlib import closing

from waagent.extension.place import Place
from waagent.model.failure import SystemFailure
from waagent.model.secret import redact
from waagent.system.port import System

LIMIT = 10 * 1024 * 1024


class CommandLog:
    """Writes lines for one handler, or for one of its several extensions."""

    def __init__(self, system: System, place: Place, extension: str | None = None) -> None:
        self._system = system
        self._place = place
        self._path = place.command_log(extension)
        name = place.name if extension is None else f"{place.name}.{extension}"
        self._label = f"[{name}-{place.version}]"

    def info(self, text: str) -> None:
        self._system.log.info(f"{self._label} {text}")
        self._append("INFO", text)

    def warning(self, text: str) -> None:
        self._system.log.warning(f"{self._label} {text}")
        self._append("WARNING", text)

    def error(self, text: str) -> None:
        self._system.log.error(f"{self._label} {text}")
        self._append("ERROR", text)

    def trim(self) -> None:
        """Cut a file that is too long; one that cannot be cut is removed."""
        files = self._system.files
        facts = files.facts(self._path)
        if facts is None or facts.size <= LIMIT:
            return
        try:
            with closing(files.open(self._path)) as stream:
                stream.seek(facts.size - LIMIT)
                stream.readline()
                files.write(self._path, stream.read(LIMIT))
        except (SystemFailure, OSError):
            files.remove(self._path)

    def _append(self, level: str, text: str) -> None:
        moment = self._system.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        line = f"{moment} {level} ExtHandler {self._label} {redact(text)}\n"
        try:
            if not self._system.files.exists(self._place.logs):
                self._system.files.make_directory(self._place.logs, 0o755)
            self._system.files.append(self._path, line.encode("ascii", "backslashreplace"))
        except SystemFailure as failure:
            self._system.log.verbose(f"{self._label} {failure.reason}")
