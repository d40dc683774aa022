"""A scenario, read from its TOML file: everything is checked before anything is started.

docs/lab.md is the reference for people; the keys are read here, in steps.py, expectations.py and medium.py.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from fabriclab.documents.ovf import NIL
from fabriclab.faults.rule import Rule
from fabriclab.given.spelling import meant
from fabriclab.guests.adapter import SANDBOX, SYSTEMD, VM
from fabriclab.guests.login import KeyPair
from fabriclab.guests.machine import FABRIC_ROUTES, LOOKS, SYSTEM_DISKS
from fabriclab.guests.vm_firmware import FIRMWARES
from fabriclab.scenario import disks, expectations, medium, steps, table
from fabriclab.scenario.disks import Drive
from fabriclab.scenario.expected import END, START, Expectation
from fabriclab.scenario.medium import Medium
from fabriclab.scenario.step import InsertMedium, Step
from fabriclab.scenario.table import BadScenario, Table
from fabriclab.world.switches import UnknownSwitch, switch
from fabriclab.world.values import Identity, World

LIBRARY = Path(__file__).parent / "library"
MEDIUM = "medium"  # the step that puts a delayed DVD into the drive
MEBIBYTE = 1 << 20
MOST_GUESTS = 64
KINDS = ("", SANDBOX, SYSTEMD, VM)


@dataclass(frozen=True)
class MachinePart:
    """The guest before its first boot. `resource_disk`: bytes of the temporary disk, 0 for none. `packages`: what the machine
    has besides; with any, its root is a Debian one of its own."""

    hostname: str = "guest"
    dmi: str = "azure"
    address: str | None = "10.77.0.4/24"
    routes: tuple[str, ...] = FABRIC_ROUTES
    files: dict[str, str] = field(default_factory=dict)
    resource_disk: int = 0
    disks: tuple[Drive, ...] = ()
    packages: tuple[str, ...] = ()
    second_card: str | None = None
    system_disk: str = "scsi"
    firmware: str = ""


@dataclass(frozen=True)
class Scenario:
    name: str
    source: Path
    about: str = ""
    machine: MachinePart = MachinePart()
    medium: Medium = field(default_factory=Medium)
    configuration: dict[str, str] = field(default_factory=dict)
    fabric: World = field(default_factory=World)
    faults: tuple[Rule, ...] = ()
    steps: tuple[Step, ...] = ()
    expectations: tuple[Expectation, ...] = ()
    lasts: float = 0.0
    starts_agent: bool = True
    count: int = 1
    """How many guests at a time (fleet.py)."""
    needs_guest: str = ""
    """The one kind of guest that it can be run in; empty: any."""

    @property
    def identity(self) -> Identity:
        return self.fabric.identity

    @property
    def address(self) -> str:
        """Where the fabric finds the guest: what the machine has by itself, else what DHCP gives it."""
        return (self.machine.address or self.identity.private_address).partition("/")[0]

    @property
    def needs_key(self) -> bool:
        """Whether some medium carries a key of the lab's own."""
        media = [self.medium, *(step.do.medium for step in self.steps if isinstance(step.do, InsertMedium))]
        return any(one.generates_key for one in media)

    def world(self, key: KeyPair | None) -> World:
        """The fabric's first world; metadata says what the medium says: both come from the deployment."""
        keys, ovf, metadata = self.medium.public_keys(key), self.medium.ovf, self.fabric.imds
        user = self.medium.user or self.identity.admin_user
        identity = replace(self.identity, admin_user=user, public_keys=keys)
        if ovf is not None and ovf.hostname not in (None, NIL) and not identity.computer_name:
            identity = replace(identity, computer_name=str(ovf.hostname))
        if ovf is not None and (ovf.disable_ssh_password_authentication or "").lower() == "false":
            metadata = replace(metadata, disable_password_authentication=False)
        return replace(self.fabric, identity=identity, imds=metadata)


@dataclass(frozen=True)
class ListedScenario:
    """A scenario of the library in a few words."""

    name: str
    about: str
    file: str
    guests: int
    steps: int
    expectations: int


def listed() -> tuple[ListedScenario, ...]:
    found = [find(name) for name in names()]
    return tuple(
        ListedScenario(one.name, one.about, str(one.source), one.count, len(one.steps), len(one.expectations)) for one in found
    )


def names() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in LIBRARY.glob("*.toml")))


def find(name: str) -> Scenario:
    """A scenario of the library by its name, or of a file. Raises BadScenario."""
    known = LIBRARY / f"{name}.toml"
    if known.is_file():
        return load(known)
    path = Path(name)
    if path.suffix == ".toml" or "/" in name:
        return load(path)
    near = meant(name, names()) or f"; known are {', '.join(names())}"
    raise BadScenario(f"{name}: no such scenario{near} (`fabriclab scenarios` lists them; else the name of a TOML file)")


def demand_expectations(scenario: Scenario) -> None:
    """A run without them could not fail."""
    if not scenario.expectations:
        raise BadScenario(f"{scenario.source}: expect: at least one [[expect]] is needed to run a scenario")


def load(path: Path) -> Scenario:
    return parse(table.read(path), path)


def parse(top: Table, path: Path) -> Scenario:
    first = medium.parse(top)
    scenario = Scenario(
        name=top.text("name", path.stem),
        source=path,
        about=top.text("about", ""),
        machine=_machine(top.table("machine")),
        medium=first,
        configuration=top.words("configuration"),
        fabric=_fabric(top.table("fabric")),
        faults=tuple(steps.fault(part) for part in top.tables("fault")),
        steps=tuple(steps.parse(part, number) for number, part in enumerate(top.tables("step"), 1)),
        expectations=tuple(expectations.parse(part, number) for number, part in enumerate(top.tables("expect"), 1)),
        lasts=top.seconds("lasts", 0.0),
        starts_agent=top.flag("starts_agent", True),
        count=top.whole("count", 1),
        needs_guest=top.choice("needs_guest", KINDS, ""),
    )
    patience = top.seconds("patience", 0.0)
    if patience:
        patient = tuple(replace(one, within=one.within + patience) for one in scenario.expectations)
        scenario = replace(scenario, expectations=patient)
    if not 1 <= scenario.count <= MOST_GUESTS:
        top.wrong("count", f"{scenario.count} is not from 1 to {MOST_GUESTS}")
    top.finish()
    if first.delay:
        late = Step(InsertMedium(first), MEDIUM, START, first.delay)
        scenario = replace(scenario, steps=(*scenario.steps, late))
    _check_names(scenario, top.file)
    return scenario


def _machine(part: Table) -> MachinePart:
    address = part.text("address", MachinePart.address)
    machine = MachinePart(
        hostname=part.text("hostname", MachinePart.hostname),
        dmi=part.choice("dmi", tuple(LOOKS), MachinePart.dmi),
        address=None if address == "dhcp" else address,
        routes=part.texts("routes", FABRIC_ROUTES),
        files=part.words("files"),
        resource_disk=part.whole("resource_disk_mib", 0) * MEBIBYTE,
        disks=tuple(_disk(one) for one in part.tables("disk")),
        packages=part.texts("packages"),
        second_card=part.maybe_text("second_card"),
        system_disk=part.choice("system_disk", SYSTEM_DISKS, MachinePart.system_disk),
        firmware=part.choice("firmware", ("", *FIRMWARES), MachinePart.firmware),
    )
    for name in machine.files:
        if not name.startswith("/"):
            part.wrong(f"files.{name}", "does not begin with /")
    part.finish()
    return machine


def _disk(part: Table) -> Drive:
    drive = disks.parse(part)
    part.finish()
    return drive


def _fabric(part: Table) -> World:
    """The keys are the fields of the world; `switches` are checked by their own table."""
    switches = World().switches
    for name, value in part.plain("switches").items():
        try:
            switches = switch(switches, name, value)
        except UnknownSwitch as problem:
            part.wrong("switches", str(problem))
    return part.lay_over(World(switches=switches))


def _check_names(scenario: Scenario, file: str) -> None:
    """Each name once, and nothing hangs on a name that nobody has or on itself."""
    known = {START, END}
    for where, name in _named(scenario):
        if name in known:
            raise BadScenario(f'{file}: {where}.id: "{name}" is used twice')
        known.add(name)
    hangs = {one.name: one.at for one in _parts(scenario)}
    for where, name in _named(scenario):
        if hangs[name] not in known:
            raise BadScenario(f'{file}: {where}.at: "{hangs[name]}" is no step or expectation of this scenario')
        seen, at = {name}, hangs[name]
        while at in hangs:
            if at in seen:
                raise BadScenario(f'{file}: {where}.at: "{hangs[name]}" waits for this one in the end')
            seen.add(at)
            at = hangs[at]
        if at == END and where.startswith("step"):
            raise BadScenario(f"{file}: {where}.at: a step cannot be after the end")


def _named(scenario: Scenario) -> Iterable[tuple[str, str]]:
    for number, step in enumerate(scenario.steps, 1):
        yield f"step[{number}]", step.name
    for number, expectation in enumerate(scenario.expectations, 1):
        yield f"expect[{number}]", expectation.name


def _parts(scenario: Scenario) -> tuple[Step | Expectation, ...]:
    return (*scenario.steps, *scenario.expectations)
