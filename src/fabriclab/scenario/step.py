"""What a scenario does, as values: [[step]] tables are read by steps.py and carried out by doing.py."""

from dataclasses import dataclass

from fabriclab.faults.rule import Rule
from fabriclab.scenario.disks import Drive
from fabriclab.scenario.expected import START
from fabriclab.scenario.medium import Medium
from fabriclab.world.events import Channel, Event
from fabriclab.world.extension import Extension


@dataclass(frozen=True)
class Source:
    """Where an extension's package comes from: `kind` as in packages.KINDS, and a name or a path."""

    kind: str
    name: str


@dataclass(frozen=True)
class Wanted:
    """An extension to publish and its package."""

    extension: Extension
    source: Source


@dataclass(frozen=True)
class Publish:
    """`only`: what was published before is no longer mentioned."""

    wanted: tuple[Wanted, ...]
    only: bool = False
    channel: Channel = "wire"


@dataclass(frozen=True)
class Happen:
    """An event of the world."""

    event: Event


@dataclass(frozen=True)
class Inject:
    fault: Rule


@dataclass(frozen=True)
class Lift:
    """The one fault that is written so."""

    fault: Rule


@dataclass(frozen=True)
class ClearFaults:
    pass


@dataclass(frozen=True)
class DoAgent:
    """start, stop (SIGTERM), kill (SIGKILL) or restart (stop and start)."""

    what: str


@dataclass(frozen=True)
class Reboot:
    """Power off and on. `agent`: started again after it, as by the service manager."""

    agent: bool = True


@dataclass(frozen=True)
class InsertMedium:
    """Another DVD in the drive of the running guest, in place of the one there is."""

    medium: Medium


@dataclass(frozen=True)
class EjectMedium:
    pass


@dataclass(frozen=True)
class ReplaceDisk:
    """Another disk, or one that was not there: from the next boot on, as after a redeployment."""

    drive: Drive


@dataclass(frozen=True)
class RemoveDisk:
    """The disk is gone with the next boot, as after a resize to a VM without one."""

    name: str


@dataclass(frozen=True)
class AttachDisk:
    """A disk comes into the running guest, as when somebody adds a data disk to a VM."""

    drive: Drive


@dataclass(frozen=True)
class DetachDisk:
    """The disk is taken out of the running guest."""

    name: str


@dataclass(frozen=True)
class Pause:
    """Every process of the guest stands still, as while a VM is moved; `over`: they go on."""

    over: bool = False


@dataclass(frozen=True)
class Run:
    """A shell command in the guest, as root. `status` None: any."""

    command: str
    status: int | None = 0


@dataclass(frozen=True)
class Note:
    """Nothing but a line in the timeline; with `delay` it makes the run last."""

    text: str


Do = (
    Publish
    | Happen
    | Inject
    | Lift
    | ClearFaults
    | DoAgent
    | Reboot
    | InsertMedium
    | EjectMedium
    | ReplaceDisk
    | RemoveDisk
    | AttachDisk
    | DetachDisk
    | Pause
    | Run
    | Note
)


@dataclass(frozen=True)
class Step:
    """`at`: the step or expectation after which it is due, or "start": before the agent starts. `delay`: seconds later."""

    do: Do
    name: str
    at: str = START
    delay: float = 0.0
