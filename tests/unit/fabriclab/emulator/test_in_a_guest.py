"""The fabric on Azure's own addresses, asked from inside a sandbox guest."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from fabriclab.emulator.fabric import Fabric
from fabriclab.guests import namespace
from fabriclab.guests.machine import Machine, azure_dmi
from fabriclab.guests.namespace import NamespaceBinder
from fabriclab.guests.sandbox import Sandbox
from fabriclab.journal.journal import Journal
from fabriclab.world.values import World

pytestmark = [
    pytest.mark.guest,
    pytest.mark.skipif(os.geteuid() != 0, reason="a sandbox guest needs root"),
]

PROJECT = Path(__file__).resolve().parents[4]

# An agent's probe, as a program: the wire server's address out of option 245, or the reason why there is none.
PROBE = """
import socket, sys
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
client.settimeout(5)
client.bind(("0.0.0.0", 68))
packet = bytearray(244)
packet[0:3] = b"\\1\\1\\6"
packet[4:8] = b"abcd"
packet[10] = int(sys.argv[1], 16)
packet[28:34] = bytes.fromhex("000d3a112233")
packet[236:244] = bytes.fromhex("63825363350101ff")
client.sendto(bytes(packet), ("255.255.255.255", 67))
answer = client.recv(1024)
place = 240
while answer[place] != 255:
    if answer[place] == 245:
        print(".".join(map(str, answer[place + 2 : place + 6])))
    place += 2 + answer[place + 1]
"""

ASK = """
import sys, urllib.request
asked = urllib.request.Request(sys.argv[1], headers=dict(part.split("=", 1) for part in sys.argv[2:]))
print(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=10).read().decode())
"""


@dataclass
class Lab:
    fabric: Fabric
    journal: Journal
    guest: Sandbox

    def python(self, program: str, *arguments: str) -> str:
        done = self.guest.run(["/usr/bin/python3", "-c", program, *arguments], timeout=30)
        assert done.ok, done.errors
        return done.output.strip()


@contextmanager
def booted(address: str | None) -> Iterator[Lab]:
    with namespace.running() as made:
        journal = Journal()
        with Fabric(NamespaceBinder(made), World(), journal) as fabric:
            guest = Sandbox(made, Machine(dmi=azure_dmi(World().identity.vm_id), address=address))
            guest.prepare(PROJECT)
            guest.start()
            yield Lab(fabric, journal, guest)
            guest.stop()


@pytest.mark.parametrize("flags", ["0", "80"])
@pytest.mark.parametrize("address", [Machine().address, None])
def test_a_probe_finds_the_wire_server_with_and_without_an_address(address: str | None, flags: str) -> None:
    with booted(address) as lab:
        assert lab.python(PROBE, flags) == "168.63.129.16"
        (entry,) = lab.journal.entries()
        assert (entry.facts["message"], entry.facts["mac"]) == ("DISCOVER", "00:0d:3a:11:22:33")


def test_every_service_is_at_its_place() -> None:
    with booted(Machine().address) as lab:
        ask_every_service(lab)


def ask_every_service(lab: Lab) -> None:
    assert "2012-11-30" in lab.python(ASK, "http://168.63.129.16/?comp=versions")
    container = f"x-ms-containerid={lab.fabric.world.identity.container_id}"
    assert lab.python(ASK, "http://168.63.129.16:32526/versions", container) == '["2015-09-01"]'
    name = "http://169.254.169.254/metadata/instance/compute/name?api-version=2021-02-01&format=text"
    assert lab.python(ASK, name, "Metadata=true") == "labvm01"
    assert lab.python(ASK, lab.fabric.blobs.put("extensions", "note", b"hello")) == "hello"
    goal_state = lab.python(ASK, "http://168.63.129.16/machine/?comp=goalstate", "x-ms-version=2012-11-30", "x-ms-agent-name=x")
    assert "<SharedConfig>http://168.63.129.16:80/machine/" in goal_state
    assert lab.python("import socket; print(socket.gethostbyname('labvm01'))") == "10.77.0.4"
    assert {entry.exchange.client.split(":")[0] for entry in lab.journal.entries() if entry.exchange} == {"10.77.0.4"}
