"""A fabric on loopback sockets, and a client that says what a well-behaved agent says."""

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fabriclab.documents.certificates import TenantKeys
from fabriclab.emulator.binder import LoopbackBinder
from fabriclab.emulator.fabric import Fabric
from fabriclab.journal.entry import Entry
from fabriclab.journal.journal import Journal
from fabriclab.world.switches import switch
from fabriclab.world.values import World

AGENT = {"x-ms-version": "2012-11-30", "x-ms-agent-name": "WALinuxAgent"}
XML = {**AGENT, "Content-Type": "text/xml;charset=utf-8"}
METADATA = {"Metadata": "True"}
KEYS = TenantKeys()  # made once: a key takes long


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def document(self) -> Any:
        return json.loads(self.body)


class FixedClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Bench:
    def __init__(self, fabric: Fabric, journal: Journal, clock: FixedClock, binder: LoopbackBinder) -> None:
        self.fabric = fabric
        self.journal = journal
        self.clock = clock
        self.binder = binder

    def ask(
        self, service: str, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        client = http.client.HTTPConnection(self.fabric.authority(service), timeout=10)
        try:
            client.request(method, target, body, {**(headers or {}), "Connection": "close"})
            answer = client.getresponse()
            return Answer(answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()})
        finally:
            client.close()

    def wire(self, target: str, headers: Mapping[str, str] = AGENT) -> Answer:
        return self.ask("wireserver", "GET", target, headers)

    def post(self, target: str, body: str | bytes, headers: Mapping[str, str] = XML) -> Answer:
        return self.ask("wireserver", "POST", target, headers, body.encode() if isinstance(body, str) else body)

    def metadata(self, target: str, headers: Mapping[str, str] = METADATA) -> Answer:
        return self.ask("imds", "GET", target, headers)

    @property
    def identity(self) -> dict[str, str]:
        """The headers of a HostGAPlugin request of the VM as it is now."""
        identity = self.fabric.world.identity
        return {
            "x-ms-version": "2015-09-01",
            "x-ms-containerid": identity.container_id,
            "x-ms-host-config-name": identity.config_name,
            "x-ms-client-correlationid": "12345678-0000-4000-8000-000000000000",
        }

    def plugin(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes | None = None, **more: str
    ) -> Answer:
        given = {
            **(self.identity if headers is None else headers),
            **{name.replace("_", "-"): text for name, text in more.items()},
        }
        return self.ask("hostplugin", method, target, given, body)

    @property
    def last(self) -> Entry:
        return self.journal.entries()[-1]


def world(**switches: Any) -> World:
    made = World()
    changed = made.switches
    for name, value in switches.items():
        changed = switch(changed, name, value)
    return World(switches=changed)


@contextmanager
def running(of: World | None = None) -> Iterator[Bench]:
    journal, clock, binder = Journal(), FixedClock(), LoopbackBinder()
    with Fabric(binder, of or World(), journal, clock=clock, keys=KEYS) as fabric:
        yield Bench(fabric, journal, clock, binder)
