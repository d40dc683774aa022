"""What many runs of the bench say together: for each measurement the agents beside each other, and which aims are met. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from fabriclab.scenario import measure, times
from fabriclab.scenario.measure import Run


@dataclass(frozen=True)
class Measurement:
    """`unit` as people read it; `scale` from the measured value to it."""

    name: str
    unit: str
    digits: int = 3
    scale: float = 1.0


MEASURED = (
    Measurement(times.READY, "s"),
    Measurement(times.FIRST_STATUS, "s"),
    Measurement(measure.NOTICED, "s"),
    Measurement(measure.FIRST_ENABLE, "s"),
    Measurement(measure.NEXT_ENABLE, "s"),
    Measurement(measure.UPLOAD, "s"),
    Measurement(measure.MANY, "s", 2),
    Measurement(measure.PSS_BOOT, "MiB", 1),
    Measurement(measure.PSS, "MiB", 1),
    Measurement(measure.CPU_BOOT, "s"),
    Measurement(measure.CPU_IDLE, "s"),
    Measurement(measure.REQUESTS, "", 1),
    Measurement(measure.CONNECTIONS, "", 1),
    Measurement(measure.BYTES, "KiB", 1, 1 / 1024),
    Measurement(measure.VERSION, "ms", 0, 1000),
)


@dataclass(frozen=True)
class Spread:
    least: float
    middle: float
    most: float
    number: int


@dataclass(frozen=True)
class Row:
    """`spreads` in the order of the agents; `ratio` of the medians, the first agent's to the second's."""

    measurement: Measurement
    spreads: tuple[Spread | None, ...]
    ratio: float | None


@dataclass(frozen=True)
class Aim:
    """`relative`: the limit is for the ratio to the other agent, else for the median itself, in the measured unit."""

    name: str
    limit: float
    relative: bool = False
    unit: str = ""

    def sentence(self) -> str:
        limit = f"{self.limit:g}× the other agent's" if self.relative else f"{self.limit:g} {self.unit}".rstrip()
        return f"{self.name} ≤ {limit}"


AIMS = (
    Aim(times.READY, 0.6, relative=True),
    Aim(times.READY, 0.4, relative=True),
    Aim(measure.NOTICED, 1.5, unit="s"),
    Aim(measure.UPLOAD, 0.2, unit="s"),
    Aim(measure.MANY, 0.08, relative=True),
    Aim(measure.PSS, 0.5, relative=True),
    Aim(measure.CPU_IDLE, 0.02, unit="s"),
    Aim(measure.CONNECTIONS, 2),
    Aim(measure.REQUESTS, 36),
)


@dataclass(frozen=True)
class Met:
    """An aim and whether it is met; `held` None: there was nothing to compare with."""

    aim: Aim
    held: bool | None
    value: float | None


@dataclass(frozen=True)
class AimDocument:
    """An aim as --json has it: its sentence, and whether it is met; `held` null: there was nothing to compare with."""

    aim: str
    held: bool | None
    value: float | None


def spread(values: Sequence[float]) -> Spread | None:
    return Spread(min(values), median(values), max(values), len(values)) if values else None


def rows(runs: Sequence[Run], agents: Sequence[str]) -> tuple[Row, ...]:
    """All values of all runs of an agent together, per measurement."""
    return tuple(_row(one, [_pooled(runs, agent, one.name) for agent in agents]) for one in MEASURED)


def met(table: Sequence[Row]) -> tuple[Met, ...]:
    """The first agent's aims."""
    by_name: Mapping[str, Row] = {row.measurement.name: row for row in table}
    return tuple(_met(aim, by_name[aim.name]) for aim in AIMS)


def _row(measurement: Measurement, values: Sequence[Sequence[float]]) -> Row:
    spreads = tuple(spread(all_) for all_ in values)
    first, second = (*spreads, None, None)[:2]
    ratio = first.middle / second.middle if first and second and second.middle else None
    return Row(measurement, spreads, ratio)


def _met(aim: Aim, row: Row) -> Met:
    value = row.ratio if aim.relative else row.spreads[0].middle if row.spreads[0] else None
    return Met(aim, None if value is None else value <= aim.limit, value)


def _pooled(runs: Sequence[Run], agent: str, name: str) -> list[float]:
    return [value for run in runs if run.agent == agent for value in run.values.get(name, ())]
