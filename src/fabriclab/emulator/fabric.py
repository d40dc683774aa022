"""The emulated fabric around one VM: its services on their addresses, its truth, its record, and what goes wrong on purpose.

    wire server    168.63.129.16:80      HostGAPlugin   168.63.129.16:32526      IMDS   169.254.169.254:80
                   (both may move to 168.63.129.17)
    blob store     10.77.0.1:80          DHCP           UDP 67 on fab0           DNS    168.63.129.16:53

A Fabric is made, filled (`blobs.put`, `apply`), started once and stopped once. Everything may be called from any thread.
"""

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack

from fabriclab.documents.certificates import TenantKeys
from fabriclab.emulator.binder import Binder, authority
from fabriclab.emulator.blobs import BlobService
from fabriclab.emulator.datagrams import DhcpDesk, DnsDesk
from fabriclab.emulator.desk import HttpDesk
from fabriclab.emulator.hostgaplugin import HostGaPlugin
from fabriclab.emulator.imds import MetadataService
from fabriclab.emulator.limits import Limits
from fabriclab.emulator.message import At, Service
from fabriclab.emulator.server import Server
from fabriclab.emulator.state import State
from fabriclab.emulator.storage import BlobStore
from fabriclab.emulator.wireserver import WireServer
from fabriclab.faults import words
from fabriclab.faults.plan import Counted, FaultPlan
from fabriclab.faults.rule import Rule
from fabriclab.journal.journal import Journal
from fabriclab.world.addresses import SECOND_WIRE_SERVER, WIRE_SERVER
from fabriclab.world.events import Event
from fabriclab.world.values import World

METADATA = "169.254.169.254"
BRIDGE = "10.77.0.1"
HOST_PLUGIN_PORT = 32526
BRIDGE_DEVICE = "fab0"

# What the guest's KVP pool 1 holds now (the file's bytes), None when there is no pool to read.
PoolReader = Callable[[], "bytes | None"]


class Fabric:
    """`clock` counts monotonic seconds, for what is allowed per second. `faults` are in force from the start. `keys`: those of
    an earlier fabric, to go on with them.

    `before_health` is called when a health report has come and before it is looked at: the moment the host reads the KVP pool.
    """

    def __init__(
        self,
        binder: Binder,
        world: World,
        journal: Journal,
        *,
        faults: Iterable[Rule] = (),
        limits: Limits | None = None,
        keys: TenantKeys | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.journal = journal
        self.blobs = BlobStore()
        self.keys = keys or TenantKeys()
        self.before_health: PoolReader | None = None
        self._binder = binder
        self._state = State(world)
        self._faults = FaultPlan(faults)
        self._stopping = threading.Event()
        self._authorities: dict[str, str] = {}
        self._wire_server = WireServer(self._state, self.keys, journal, clock, self._read_pool)
        movable = ((self._wire_server, 80), (HostGaPlugin(self.keys, self.blobs), HOST_PLUGIN_PORT))
        self._services: tuple[tuple[Service, str, int], ...] = (
            *((At(one, place), place, port) for one, port in movable for place in (WIRE_SERVER, SECOND_WIRE_SERVER)),
            (MetadataService(clock), METADATA, 80),
            (BlobService(self.blobs), BRIDGE, 80),
        )
        desk = HttpDesk(self._state, self._faults, journal, self._stopping)
        self._server = Server(limits or Limits(), self._stopping, desk.answer, desk.complain)

    def start(self) -> None:
        """Opens the sockets and begins to answer. Raises OSError when an address cannot be had; nothing is left open then."""
        self._make_keys(self.world)
        with ExitStack() as opened:
            for service, address, port in self._services:
                listening = opened.enter_context(self._binder.tcp(address, port))
                self._authorities.setdefault(service.name, authority(listening))
                if service.name == self._wire_server.name:
                    self._wire_server.authorities[address] = authority(listening)
                self._server.listen(listening, service)
            dhcp = opened.enter_context(self._binder.udp("0.0.0.0", 67, BRIDGE_DEVICE))
            dns_stream = opened.enter_context(self._binder.tcp(WIRE_SERVER, 53))
            dns = opened.enter_context(self._binder.udp(WIRE_SERVER, 53))
            opened.pop_all()
        self._server.listen_datagrams(dhcp, DhcpDesk(self._state, self._faults, self.journal, self._stopping).respond)
        names = DnsDesk(self._state, self._faults, self.journal, self._stopping)
        self._server.listen_datagrams(dns, names.respond)
        self._server.listen_framed(dns_stream, names.respond)
        self.blobs.authority = self._authorities["blob"].removesuffix(":80")
        self._server.start()

    def stop(self) -> None:
        """Ends all threads and connections, within a second."""
        self._server.stop()

    def __enter__(self) -> "Fabric":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def world(self) -> World:
        return self._state.world

    def apply(self, *events: Event) -> World:
        """All events at once, or none when one does not fit. Gives the world after them."""
        world = self._state.apply(events)
        self._make_keys(world)
        for event in events:
            self.journal.add("world", _told(event), facts={"kind": "world", "event": type(event).__name__, **_counters(world)})
        return world

    def inject(self, rule: Rule) -> None:
        """A fault more, counting from now."""
        self._faults.add(rule)
        facts = {"kind": "fault", "effect": words.effect(rule.effect)}
        self.journal.add("faults", f"fault: {words.about(rule)}", who="lab", facts=facts)

    @property
    def faults(self) -> tuple[Counted, ...]:
        """Those that can still strike, with what has come of them."""
        return self._faults.in_force(self.journal.elapsed())

    def lift(self, rule: Rule) -> bool:
        """One fault less; False when no such rule is in force."""
        lifted = self._faults.lift(rule)
        if lifted:
            self.journal.add("faults", f"fault lifted: {words.about(rule)}", who="lab", facts={"kind": "fault", "effect": None})
        return lifted

    def clear_faults(self) -> None:
        self._faults.clear()
        self.journal.add("faults", "no more faults", who="lab", facts={"kind": "fault", "effect": None})

    @property
    def connections(self) -> int:
        """TCP connections that were accepted so far, by all services together."""
        return self._server.connections

    def authority(self, service: str) -> str:
        """`address:port` of a service (wireserver, hostplugin, imds, blob), once started."""
        return self._authorities[service]

    def _make_keys(self, world: World) -> None:
        """Before anybody asks: making a key takes longer than any exchange should."""
        for certificate in world.certificates:
            self.keys.get(certificate)

    def _read_pool(self) -> bytes | None:
        reader = self.before_health
        try:
            return reader() if reader is not None else None
        except OSError as problem:
            self.journal.add("kvp", f"the KVP pool could not be read: {problem}", who="lab", facts={"kind": "lab_failure"})
            return None


def _told(event: Event) -> str:
    """The event's kind and what names it; never its content, which may be secret."""
    subject = getattr(event, "name", None) or getattr(getattr(event, "extension", None), "name", None)
    return f"{type(event).__name__} {subject}" if isinstance(subject, str) else type(event).__name__


def _counters(world: World) -> dict[str, object]:
    fast = world.fast_track
    return {
        "incarnation": world.incarnation,
        "container": world.identity.container_id,
        "etag": fast.etag if fast is not None else None,
    }
