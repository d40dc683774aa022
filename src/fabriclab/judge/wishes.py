"""What the user wants of a run, and the world that it begins in: a scenario without expectations, made in code."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fabriclab.documents.ovf import Ovf
from fabriclab.faults.rule import Rule
from fabriclab.judge.handler import Handler
from fabriclab.scenario.document import Scenario
from fabriclab.scenario.medium import Medium
from fabriclab.world.extension import Extension, Package, Settings

INSTANCES = ("first", "second")
"""Names of the settings instances that a multi-config handler is given."""
USER = "labuser"


@dataclass(frozen=True)
class Wishes:
    """`settings`: of the first goal state, and of the second; `old`: what the handler is updated from.

    `patience`: seconds that a command or a status may take before the run gives up on it, None for the contract's own times.
    """

    handler: Handler
    settings: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    protected: dict[str, Any] | None = field(default=None, repr=False)
    old: Handler | None = None
    faults: tuple[Rule, ...] = ()
    allowed: tuple[re.Pattern[str], ...] = ()
    patience: float | None = None

    @property
    def instances(self) -> tuple[str, ...]:
        return INSTANCES if self.handler.manifest.multi_config else ("",)

    @property
    def versions(self) -> tuple[Handler, ...]:
        """All that will be published, the lower first."""
        return (self.old, self.handler) if self.old is not None else (self.handler, self.handler.next_version())

    def extension(self, version: str, sequence: int, state: str = "enabled") -> Extension:
        public = self.settings[min(sequence, 1)]
        settings = tuple(
            Settings(sequence, public, self.protected, name, state if self.handler.manifest.multi_config else "enabled")
            for name in self.instances
        )
        return Extension(
            name=self.handler.name,
            version=version,
            state=state,
            settings=() if state == "uninstall" else settings,
            multi_config=self.handler.manifest.multi_config,
            packages=tuple(Package(one.version) for one in self.versions),
        )

    def scenario(self) -> Scenario:
        """A machine that is provisioned and wants nothing yet. Goal states are looked for each second, to lose no time."""
        return Scenario(
            name=f"{self.handler.name}-{self.handler.version}",
            source=Path(self.handler.source.path),
            medium=Medium(
                Ovf(hostname="judge", username=USER, disable_ssh_password_authentication="true"), ssh_keys=("generated",)
            ),
            configuration={"Extensions.GoalStatePeriod": "1", "Extensions.InitialGoalStatePeriod": "1"},
            faults=self.faults,
        )
