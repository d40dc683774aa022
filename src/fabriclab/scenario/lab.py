"""A scenario's lab, opened: namespaces, fabric, guest and agent, made from scenario and adapter, all ended at the end."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fabriclab.emulator.fabric import Fabric
from fabriclab.guests import assemble, dvd, fidelity, namespace
from fabriclab.guests.adapter import SANDBOX, SYSTEMD, VM, Adapter
from fabriclab.guests.assemble import MANAGED, Provisioning
from fabriclab.guests.control import ControlError
from fabriclab.guests.guest import Guest
from fabriclab.guests.login import KeyPair, make_key_pair
from fabriclab.guests.machine import LOOKS, Machine
from fabriclab.guests.namespace import FabricNamespace, NamespaceBinder
from fabriclab.guests.process import GuestTimeout
from fabriclab.guests.sandbox import Disk
from fabriclab.journal.entry import GUEST, LAB
from fabriclab.journal.journal import Journal
from fabriclab.scenario import outside
from fabriclab.scenario.document import MachinePart, Scenario
from fabriclab.scenario.medium import Medium, Thumbprint
from fabriclab.scenario.service import Service, UnseenService
from fabriclab.scenario.table import BadScenario
from fabriclab.scenario.unit import UnitService

DRIVE = "sr0"
POOL = "var/lib/hyperv/.kvp_pool_1"
GATEWAY = Machine().gateway
_GUEST = "guest"


@dataclass
class Lab:
    scenario: Scenario
    adapter: Adapter
    journal: Journal
    fabric: Fabric
    guest: Guest
    service: Service
    key: KeyPair | None = None
    _media: int = 0

    def insert_medium(self, medium: Medium) -> None:
        """Puts a DVD into the drive of the running guest, in place of the one there is."""
        files = medium.files(self.key, _thumbprints(self.fabric)) or {}
        self.eject_medium()
        self._media += 1
        image = f"medium-{self._media}.iso"
        self.guest.attach(Disk(DRIVE, image, read_only=True), dvd.make(files))

    def eject_medium(self) -> None:
        self.guest.detach(DRIVE)

    def reboot(self, start_agent: bool) -> None:
        """The provisioning medium is there on the first boot only (guest contract 1.1)."""
        self.guest.remove(DRIVE)
        if isinstance(self.guest, MANAGED):
            self.guest.idle = not start_agent
        self.guest.reboot()
        self.service.gone()
        _note_interface(self.guest)
        if start_agent:
            self.service.start()

    def end(self) -> None:
        if self.guest.is_running:
            self.service.stop(patience=5.0)
        self.guest.stop()


@contextmanager
def opened(scenario: Scenario, adapter: Adapter, journal: Journal) -> Iterator[Lab]:
    """The lab with its fabric answering and its guest up; the agent is not started yet.

    Raises NamespaceUnavailable, RootUnavailable, BadAdapter or BadScenario with one sentence.
    """
    if scenario.needs_guest and adapter.guest != scenario.needs_guest:
        raise BadScenario(f"{scenario.source}: needs_guest: it can only be run with --guest {scenario.needs_guest}")
    if adapter.image is not None:
        scenario, left_out = outside.seen(scenario)
        for text in left_out:
            journal.add("guest", f"left out, for the lab cannot go into a disk of your own: {text}", who=LAB)
    adapter = assemble.with_packages(adapter, scenario.machine.packages)
    base = assemble.root_of(adapter)
    needed = () if base == Path("/") else (base,)
    key = make_key_pair() if scenario.needs_key else None
    with namespace.running(needed) as space:
        journal.add("guest", f"namespaces made, addresses of the fabric in place (process {space.process})", who=LAB)
        fabric = Fabric(NamespaceBinder(space), scenario.world(key), journal, faults=scenario.faults)
        fabric.start()
        try:
            files = scenario.medium.files(key, _thumbprints(fabric)) if not scenario.medium.delay else None
            guest = _boot(scenario, adapter, space, base, files)
            journal.add("guest", f"guest up: {_described(scenario, adapter, base)}", who=LAB)
            unheeded = [f"without effect in this guest: machine.{text}" for text in outside.unheeded(scenario.machine, adapter)]
            for sentence in (*fidelity.told(adapter), *unheeded):
                journal.add("guest", sentence, who=LAB)
            fabric.before_health = lambda: _read_pool(guest)
            lab = Lab(scenario, adapter, journal, fabric, guest, _service(guest, adapter, journal), key)
            try:
                yield lab
            finally:
                lab.end()
        finally:
            fabric.stop()


def _service(guest: Guest, adapter: Adapter, journal: Journal) -> Service:
    if not guest.is_enterable:
        return UnseenService(guest, adapter, journal)
    if not isinstance(guest, MANAGED):
        return Service(guest, adapter, journal)
    service = UnitService(guest, adapter, journal)

    def end(again: bool) -> None:
        journal.add("guest", f"guest {'reboots' if again else 'has powered off'} by itself", who=GUEST)
        guest.remove(DRIVE)
        if again:
            service.rebooted()
        else:
            service.gone()

    guest.on_end = end
    return service


def _boot(scenario: Scenario, adapter: Adapter, space: FabricNamespace, base: Path, files: dict[str, bytes] | None) -> Guest:
    part = scenario.machine
    look = Machine(
        hostname=part.hostname,
        mac=scenario.identity.mac,
        address=part.address,
        routes=part.routes,
        second_card=part.second_card,
        system_disk=part.system_disk,
        firmware=part.firmware,
        dmi=LOOKS[part.dmi](scenario.identity.vm_id),
        files={**(_interfaces(part) if base != Path("/") and adapter.guest == SANDBOX else {}), **part.files},
    )
    provisioning = Provisioning(resource_disk=part.resource_disk)
    guest = assemble.assemble(space, adapter, base, look, provisioning, dict(scenario.configuration), _GUEST)
    if files is not None:
        guest.insert(Disk(DRIVE, "provisioning.iso", read_only=True), dvd.make(files))
    for drive in part.disks:
        drive.insert(guest)
    if isinstance(guest, MANAGED):
        guest.gate, guest.idle = adapter.unit or None, not scenario.starts_agent
    guest.start()
    _note_interface(guest)
    return guest


def _interfaces(part: MachinePart) -> dict[str, str]:
    """A Debian machine's own network configuration; static where the lab gives the address before any DHCP client could."""
    lines = ["auto lo eth0", "iface lo inet loopback", f"iface eth0 inet {'static' if part.address else 'dhcp'}"]
    if part.address is not None:
        lines += [f"    address {part.address}", f"    gateway {GATEWAY}"]
        lines += [f"    up ip route add {route} via {GATEWAY} || true" for route in part.routes]
    return {"/etc/network/interfaces": "\n".join(lines) + "\n"}


def _note_interface(guest: Guest) -> None:
    """Tells ifupdown, where there is one, that it has brought the interface up: `ifdown` and `ifup` then work."""
    if not guest.is_enterable:
        return
    guest.shell(
        "grep -qs 'eth0 inet static' /etc/network/interfaces || exit 0; mkdir -p /run/network; cd /run/network; "
        "echo eth0=eth0 >ifstate; echo eth0 >ifstate.eth0"
    )


def _read_pool(guest: Guest) -> bytes | None:
    """The key-value pool as the host sees it when a health report comes."""
    try:
        return guest.peek(POOL)
    except (ControlError, GuestTimeout):
        return None


def _thumbprints(fabric: Fabric) -> Thumbprint:
    return lambda name: fabric.keys.named(name, fabric.world.certificates).thumbprint


def _described(scenario: Scenario, adapter: Adapter, base: Path) -> str:
    if adapter.image is not None:
        return f"a virtual machine on {adapter.image}, {scenario.medium.text()}"
    root = "this machine's root" if base == Path("/") else f"a Debian {adapter.suite} root"
    root += {SYSTEMD: " with systemd", VM: ", a virtual machine"}.get(adapter.guest, "")
    return f"{scenario.machine.hostname} on {root}, {scenario.medium.text()}"
