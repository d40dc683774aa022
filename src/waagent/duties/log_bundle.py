"""Collecting logs for support, now and then: a process of its own makes the bundle, we carry it (extensions.md 9.6).

The collector is this program again, confined by systemd where that is, else made lowly by nice and ionice, and by its own
word. It may give up; what it then exits with says whether another try makes sense. The bundle goes from the disk to the
host plugin piece by piece.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.guest import cgroups
from waagent.model.event import Operation
from waagent.model.failure import CommandFailure
from waagent.system.port import System

CONFINED = "_AZURE_GUEST_AGENT_LOG_COLLECTOR_MONITOR_CGROUPS_"
"""In the collector's environment: 1, a control group confines it; 0, nothing but its own word does."""
TIMEOUT = 3000.0
"""Seconds after which a collector that has not ended is killed: at 5 % of a CPU a large bundle takes minutes."""
PATIENCE = 3
"""How often the collector may find itself in a wrong place."""
_GAVE_UP = {2: "the controllers it needs do not count for it", 3: "it would have needed more than it may use"}
_WRONG_PLACE = 4

Upload = Callable[[Callable[[], BinaryIO], int], object]
"""Opens the bundle anew for each try; and its size."""


class LogBundle:
    """``program`` runs this program again, ``upload`` brings a bundle to the host."""

    def __init__(
        self,
        system: System,
        config: Config,
        paths: Paths,
        program: tuple[str, ...],
        upload: Upload,
        tell: Callable[[Operation], object],
    ) -> None:
        self._system = system
        self._config = config
        self._paths = paths
        self._program = program
        self._upload = upload
        self._tell = tell
        self._misplaced = 0
        self.ended = False
        """No bundle is made any more until the agent is started again."""

    def run(self) -> None:
        """Make a bundle and carry it. Errors: ``ExchangeFailure`` of the upload."""
        if self.ended:
            return
        begun = self._system.clock.monotonic()
        environment, argv = command(self._system, self._config, self._program)
        try:
            done = self._system.commands.run(argv, timeout=TIMEOUT, ok=None, environment=environment)
        except CommandFailure as failure:
            self._say(False, f"the logs were not collected: {failure.reason}", begun)
            return
        if done.exit_code:
            self._judge(done.exit_code, done.stderr, begun)
            return
        size = self._carry()
        self._say(True, f"{size} bytes of logs were collected and taken by the host", begun)

    def _carry(self) -> int:
        path = f"{self._paths.log_collector}/logs.zip"
        facts = self._system.files.facts(path)
        size = 0 if facts is None else facts.size
        self._upload(lambda: self._system.files.open_warily(path), size)
        return size

    def _judge(self, status: int, said: str, begun: float) -> None:
        why = _GAVE_UP.get(status)
        if status == _WRONG_PLACE:
            self._misplaced += 1
            why = f"it ran outside of {cgroups.COLLECTOR}" if self._misplaced >= PATIENCE else None
        if why is not None:
            self.ended = True
            self._say(False, f"no more logs are collected until the agent is started again: {why}", begun)
            return
        last = next((line for line in reversed(said.splitlines()) if line.strip()), "")
        self._say(False, f"the logs were not collected: the collector ended with status {status} {last[:300]}".rstrip(), begun)

    def _say(self, success: bool, text: str, begun: float) -> None:
        (self._system.log.info if success else self._system.log.warning)(text)
        milliseconds = int((self._system.clock.monotonic() - begun) * 1000)
        self._tell(Operation("LogCollection", success, text, self._system.clock.now(), milliseconds))


def command(system: System, config: Config, program: tuple[str, ...]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Environment and command line of a collector that is kept within limits."""
    collector = (*program, "-collect-logs")
    group = cgroups.own(system.files)
    version = 0 if group is None or cgroups.objection(system.files, group) else group.version
    limited = version == 1 or (version == 2 and config.debug.enable_cgroup_v2_resource_limiting)
    launcher = system.commands.find("systemd-run") if limited else None
    if launcher is None:
        lowly = [("nice", "-n", "19"), ("ionice", "-c", "3")]
        words = [word for each in lowly if system.commands.find(each[0]) for word in each]
        return {CONFINED: "0"}, (*words, *collector)
    properties = ["CPUAccounting=yes", "MemoryAccounting=yes", "CPUQuota=5%"] + ["MemoryHigh=170M"] * (version == 2)
    scope = (
        "--unit=collect-logs.scope",
        f"--slice={cgroups.COLLECTOR}",
        "--scope",
        *(f"--property={each}" for each in properties),
    )
    return {CONFINED: "1"}, (launcher, *scope, *collector)
