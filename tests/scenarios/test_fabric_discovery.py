"""How the agent finds the wire server, and finds it again (fabric.md 1.2 to 1.4), in a real guest.

The server stands at another address than the known one, so that whoever reaches it was told of it.
"""

from pathlib import Path

import pytest

from fabriclab.world.addresses import SECOND_WIRE_SERVER, WIRE_SERVER
from fabriclab.world.events import MoveWireServer
from scenarios import fabric_labs as fabric
from scenarios import labs

pytestmark = labs.in_a_guest

ELSEWHERE = f'wire_server = "{SECOND_WIRE_SERVER}"\n'
UNNAMED = f'[fabric]\n{ELSEWHERE}option_245 = ""\n'
ISC = "lease {\n  option unknown-245 a8:3f:81:11;\n  expire never;\n}\n"
OF_THE_BLOBS = ISC.replace("a8:3f:81:11", "a:4d:0:1")
EXPIRED = "lease {\n  option unknown-245 1.2.3.4;\n  expire 5 2020/01/02 03:04:05;\n}\n"
DHCPCD_PACKET = r"printf '\002\001\006\000%%0232d\143\202\123\143\365\004\250\077\201\021\377' 0 | tr 0 '\000' >%s"

CLIENTS = [
    ("debian", "dhclient", "/var/lib/dhcp/dhclient.eth0.leases", ISC),
    ("debian", "dhclient, the last valid lease", "/var/lib/dhcp/dhclient.eth0.leases", ISC + EXPIRED),
    ("rhel6", "dhclient", "/var/lib/dhclient/dhclient-eth0.leases", ISC),
    ("rhel7", "dhclient", "/var/lib/dhclient/dhclient-eth0.lease", ISC),
    ("rhel7", "NetworkManager with dhclient", "/var/lib/NetworkManager/dhclient-1-eth0.lease", ISC),
    ("ubuntu", "systemd-networkd", "/run/systemd/netif/leases/2", "ADDRESS=10.77.0.4\nOPTION_245=a83f8111\n"),
    ("rhel9", "NetworkManager by nmcli", "/usr/bin/nmcli", "#!/bin/sh\necho 'DHCP4.OPTION[3]: private_245 = a8:3f:81:11'\n"),
    ("suse", "dhcpcd", "/var/lib/dhcpcd/eth0.lease", None),
]
AT_HAND = {"dhclient, the last valid lease", "systemd-networkd", "dhcpcd"}
"""Those that every run of the tests plays."""
SYSTEMS = {
    "debian": None,
    "rhel6": 'ID="rhel"\nVERSION_ID="6.10"\n',
    "rhel7": 'ID="rhel"\nVERSION_ID="7.9"\n',
    "rhel9": 'ID="rhel"\nVERSION_ID="9.4"\n',
    "ubuntu": 'ID=ubuntu\nVERSION_ID="22.04"\n',
    "suse": 'ID="sles"\nVERSION_ID="11.4"\n',
}


def quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def scenario(place: str, content: str | None, system: str | None) -> str:
    write = DHCPCD_PACKET % place if content is None else f"cat >{place} <<'END'\n{content}END"
    command = f"mkdir -p {Path(place).parent} && {write}\nchmod 755 {place}"
    if system is not None:
        command += f"\nrm -f /etc/os-release; cat >/etc/os-release <<'END'\n{system}END"
    return f'{UNNAMED}[machine]\nroutes = []\n[[step]]\ndo = "run"\ncommand = "{quoted(command)}"\n'


@pytest.mark.parametrize(
    ("system", "client", "place", "content"),
    [pytest.param(*one, marks=() if one[1] in AT_HAND else pytest.mark.slow) for one in CLIENTS],
    ids=[f"{one[0]}: {one[1]}" for one in CLIENTS],
)
def test_a_lease_of_the_running_client_names_it(
    tmp_path: Path, system: str, client: str, place: str, content: str | None
) -> None:
    text = scenario(place, content, SYSTEMS[system]) + fabric.OVF
    with labs.begun(labs.scenario_of(tmp_path, text)) as lab:
        labs.await_entry(lab, fabric.asked("wireserver", "comp=goalstate", 200), "the goal state is fetched", patience=15)
        assert not [entry for entry in lab.journal.entries() if entry.service == "dhcp"]
        labs.await_log(lab, f"the wire server is {SECOND_WIRE_SERVER} (found by: lease)")


def test_without_lease_and_route_a_question_of_our_own_finds_it(tmp_path: Path) -> None:
    with fabric.provisioned(tmp_path, f"[fabric]\n{ELSEWHERE}[machine]\nroutes = []\n") as lab:
        discovers = [entry for entry in lab.journal.entries() if entry.service == "dhcp"]
        assert [entry.facts["message"] for entry in discovers] == ["DISCOVER"]
        assert f"the wire server is {SECOND_WIRE_SERVER} (found by: dhcp)" in labs.log(lab)
        assert lab.guest.read("/var/lib/waagent/WireServerEndpoint") == SECOND_WIRE_SERVER.encode()
        assert lab.guest.read("/var/lib/waagent/Protocol") == b"WireProtocol"


def test_where_the_default_route_is_missing_the_broadcast_gets_a_route_that_is_gone_afterwards(tmp_path: Path) -> None:
    text = '[machine]\nroutes = []\n[[step]]\ndo = "run"\ncommand = "ip route del default"\n'
    with fabric.provisioned(tmp_path, text) as lab:
        routes = lab.guest.shell("ip route").output
        assert "255.255.255.255" not in routes
        assert "default via 10.77.0.1" in routes
        assert f"{WIRE_SERVER} via 10.77.0.1" in routes


@pytest.mark.parametrize(
    "more",
    [
        f'[machine]\nroutes = []\nfiles = {{ "/var/lib/dhcp/dhclient.eth0.leases" = "{quoted(OF_THE_BLOBS)}" }}\n',
        '[fabric]\noption_245 = "10.77.0.1"\n[machine]\nroutes = []\n',
    ],
    ids=["a lease names it", "DHCP names it"],
)  # fmt: skip
def test_a_server_that_is_no_wire_server_is_not_believed(tmp_path: Path, more: str) -> None:
    with fabric.provisioned(tmp_path, more) as lab:
        others = fabric.requests(lab, "blob")
        assert others, "the other server was not even asked"
        told = [entry.exchange.target for entry in others if entry.exchange and "$system" not in entry.exchange.target]
        assert set(told) == {"/?comp=versions"}, "something was told to a server that did not prove itself"


@pytest.mark.slow
def test_a_wire_server_that_moves_is_followed_without_a_restart(tmp_path: Path) -> None:
    with fabric.provisioned(tmp_path) as lab:
        fabric.await_success(lab, "one", fabric.publish(lab))
        number = lab.service.number
        before = lab.journal.last
        lab.fabric.apply(MoveWireServer(SECOND_WIRE_SERVER))
        labs.await_entry(lab, fabric.asked("wireserver", "comp=goalstate", 200), "it is found again", before, patience=40)
        fabric.await_success(lab, "two", fabric.change(lab, "wire", "two"))
        fabric.await_success(lab, "three", fabric.change(lab, "fast-track", "three"))
        assert lab.service.number == number
        assert lab.guest.read("/var/lib/waagent/WireServerEndpoint") == SECOND_WIRE_SERVER.encode()
        assert f"the wire server has moved from {WIRE_SERVER} to {SECOND_WIRE_SERVER}" in labs.log(lab)
