"""RDMA: drivers of every family, addresses of every kind of device, one reboot (guest.md 6.6)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from unit.rdma.machines import CENTOS, FAMILIES, IP, MAC, REDHAT_7_3, Machine, shared_config
from waagent.codec.shared_config import rdma_address
from waagent.config.parse import parse
from waagent.model.failure import DocumentFailure
from waagent.model.network import RdmaAddress
from waagent.rdma import devices, firmware

DAT = 'ofa-v2-ib0 u2.0 nonthreadsafe default libdaplofa.so.2 dapl.2.0 "{} 0" ""\n'
OTHER = 'ofa-v2-mlx4_0-1 u2.0 nonthreadsafe default libdaploscm.so.2 dapl.2.0 "mlx4_0 1" ""\n'
NETWORK_DIRECT: dict[str, Any] = {"release": CENTOS, "files": {**REDHAT_7_3, "/etc/rdma/dat.conf": OTHER + DAT.format("eth1")}}
NETWORK_DIRECT["said"] = FAMILIES["centos7-has-it"]["said"]
CARDS = f"NUMPAIRS:2|{MAC}:{IP}|00155D33FF1B:172.16.1.8"
IB0 = bytes.fromhex("20000a89fe80000000000000" + "00155d" + "fffe" + "33ff1a")
"""An InfiniBand address: bytes 13 to 15 and 18 to 20 are the ones that the platform says."""


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_what_is_done_for_a_driver_is_the_reviewed_list(name: str, golden: Callable[[str, Any], None]) -> None:
    machine = Machine(**FAMILIES[name])
    machine.shared = shared_config()
    reboots = machine.set_up()
    look = ("modprobe -R", "modinfo", "rpm -q", "zypper -n se", "apt-cache")
    value = {
        "system": machine.guest.full_name,
        "settings": FAMILIES[name].get("config", "OS.EnableRDMA=y\n").split(),
        "said": [text for level, text in machine.log.lines if text.startswith("RDMA: ")][1:],
        "looked at": [line for line in machine.ran() if line.startswith(look)],
        "done": [line for line in machine.ran() if not line.startswith(look)],
        "files": {path: machine.files.read(path).decode() for path in machine.files.glob("/etc/modprobe.d/*")},
        "reboots": reboots,
    }
    golden(f"rdma/{name}", json.loads(json.dumps(value)))


class TestSettings:
    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            ("", False),
            ("OS.EnableRDMA=y\n", True),
            ("OS.UpdateRdmaDriver=y\n", True),
            ("OS.CheckRdmaDriver=y\n", True),
            ("OS.CheckRdmaDriver=n\n", False),
            ("OS.EnableRDMA=n\nOS.CheckRdmaDriver=n\n", False),
        ],
    )
    def test_any_of_the_three_asks_for_rdma(self, text: str, wanted: bool) -> None:
        assert parse(text)[0].os.wants_rdma is wanted

    def test_with_check_off_the_driver_is_left_alone_and_only_the_card_is_named(self) -> None:
        machine = Machine(**{**NETWORK_DIRECT, "config": "OS.EnableRDMA=y\nOS.CheckRdmaDriver=n\n"})
        machine.set_up()
        assert machine.ran("rpm", "yum", "modprobe", "modinfo") == []
        assert machine.ran("ip") == ["ip link set eth1 up", f"ip addr add {IP}/16 dev eth1"]


class TestReboots:
    def machine(self, **more: Any) -> Machine:
        said = {("modprobe", "--first-time", "hv_network_direct"): (1, "")}
        return Machine(**{"files": REDHAT_7_3, "said": said, **more})

    def test_a_driver_that_does_not_load_wants_one_and_nothing_else_is_done_before(self) -> None:
        machine = self.machine()
        assert machine.set_up() is True
        assert machine.ran("shutdown") == ["shutdown -r now"]
        assert machine.fetched == 0

    def test_there_is_one_for_one_reason_also_in_the_next_boot(self) -> None:
        machine = self.machine()
        machine.set_up()
        assert machine.boot_again() is False
        assert len(machine.ran("shutdown")) == 1
        assert "none is done now" in machine.log.text

    def test_there_is_one_in_a_boot_whatever_for(self) -> None:
        machine = Machine()
        assert machine.set_up() is True, "the daemon's package was installed"
        again = self.machine()
        again.files.put(f"{again.paths.lib}/rdma_reboot.json", machine.files.read(f"{machine.paths.lib}/rdma_reboot.json"))
        assert again.set_up() is False
        assert again.boot_again() is True

    def test_a_machine_that_does_not_reboot_is_served_after_ten_minutes(self) -> None:
        machine = self.machine()
        machine.obeys = False
        assert machine.set_up() is False
        assert machine.clock.pauses == [600.0]
        assert "has not rebooted" in machine.log.text

    def test_it_is_remembered_before_it_is_done(self) -> None:
        machine = self.machine()
        machine.set_up()
        assert machine.noted == [True]


class TestNetworkDirect:
    def test_the_providers_entry_gets_the_address_and_nothing_else_changes(self) -> None:
        machine = Machine(**NETWORK_DIRECT)
        machine.files.put_other(devices.DEVICE)
        machine.set_up()
        assert machine.files.read("/etc/rdma/dat.conf").decode() == OTHER + DAT.format(IP)

    def test_the_device_is_waited_for_and_told_its_addresses(self) -> None:
        machine = Machine(**NETWORK_DIRECT)
        machine.files.later(30.0, lambda: machine.files.put_other(devices.DEVICE))
        machine.set_up()
        text = f'rdmaMacAddress="00:15:5D:33:FF:1A" rdmaIPv4Address="{IP}"'
        assert text in machine.files.tree()[devices.DEVICE]
        assert machine.ran("modprobe")[-1] == "modprobe hv_network_direct"
        assert machine.ran("ip") == ["ip link set eth1 up", f"ip addr add {IP}/16 dev eth1"]

    def test_a_device_that_never_comes_ends_it_after_two_minutes(self) -> None:
        machine = Machine(**NETWORK_DIRECT)
        machine.set_up()
        assert sum(machine.clock.pauses) == pytest.approx(120.0)
        assert "did not appear within 120 s" in machine.log.text
        assert machine.ran("ip") == []

    def test_a_driver_that_names_itself_is_told_nothing(self) -> None:
        said = {**NETWORK_DIRECT["said"], ("modinfo", "-F", "version", "..."): (0, "4.1.0\n")}
        machine = Machine(**{**NETWORK_DIRECT, "said": said})
        machine.set_up()
        assert machine.clock.pauses == []
        assert machine.ran("ip")

    def test_without_a_provider_nothing_is_done(self) -> None:
        machine = Machine(files=REDHAT_7_3, said=NETWORK_DIRECT["said"])
        machine.set_up()
        assert "there is none of /etc/dat.conf" in machine.log.text
        assert machine.ran("ip", "modprobe") == []

    def test_systems_without_ip_use_ifconfig(self) -> None:
        machine = Machine(**{**NETWORK_DIRECT, "tools": ["ifconfig"], "config": "OS.EnableRDMA=y\nOS.CheckRdmaDriver=n\n"})
        machine.set_up()
        assert machine.ran("ifconfig") == ["ifconfig eth1 up", f"ifconfig eth1 {IP}/16"]

    def test_a_card_that_is_not_there_is_said(self) -> None:
        machine = Machine(
            **{
                **NETWORK_DIRECT,
                "interfaces": (("ib1", bytes.fromhex(MAC)),),
                "config": "OS.EnableRDMA=y\nOS.CheckRdmaDriver=n\n",
            }
        )
        machine.set_up()
        assert "no card has the address 00:15:5D:33:FF:1A" in machine.log.text

    def test_without_an_address_from_the_fabric_no_device_is_touched(self) -> None:
        machine = Machine(**NETWORK_DIRECT)
        machine.shared = shared_config(rdmaIPv4Address=IP)
        machine.set_up()
        assert "says no address" in machine.log.text
        assert machine.ran("ip", "modprobe") == []


class TestSriov:
    def test_each_card_of_the_pool_gets_its_address(self) -> None:
        cards = (("eth0", bytes(6)), ("ib0", IB0), ("eth2", bytes.fromhex("00155D33FF1B")))
        machine = Machine(version=None, cards=CARDS, interfaces=cards)
        machine.set_up()
        assert machine.ran("ip") == [
            *("ip link set ib0 up", f"ip addr add {IP}/16 dev ib0"),
            *("ip link set eth2 up", "ip addr add 172.16.1.8/16 dev eth2"),
        ]
        assert machine.clock.pauses == []

    def test_an_address_that_is_there_already_is_fine(self) -> None:
        said = {("ip", "addr", "add", "..."): (2, "")}
        machine = Machine(version=None, cards=f"NUMPAIRS:1|{MAC}:{IP}", interfaces=(("ib0", IB0),), said=said)
        machine.set_up()
        assert machine.log.of("error") == []

    def test_a_card_that_never_comes_is_waited_for_a_minute(self) -> None:
        machine = Machine(version=None, cards=CARDS, interfaces=(("ib0", IB0),))
        machine.set_up()
        assert sum(machine.clock.pauses) == pytest.approx(60.0)
        assert "no card has the address 00:15:5D:33:FF:1B" in machine.log.text

    @pytest.mark.parametrize("text", ["", "NUMPAIRS:3|" + CARDS.partition("|")[2], "NUMPAIRS:1|00155D33FF1:10.0.0.1", "x"])
    def test_a_list_that_makes_no_sense_names_nothing(self, text: str) -> None:
        machine = Machine(version=None, cards=text or "|", interfaces=(("ib0", IB0),))
        machine.set_up()
        assert machine.ran("ip") == []

    def test_without_a_list_the_infiniband_card_gets_the_fabrics_address(self) -> None:
        machine = Machine(version=None, interfaces=(("ib0", IB0),), files={"/sys/class/infiniband/mlx5_0": ""})
        machine.set_up()
        assert machine.ran("ip") == ["ip link set ib0 up", f"ip addr add {IP}/16 dev ib0"]

    def test_a_machine_without_infiniband_is_waited_for_two_minutes(self) -> None:
        machine = Machine(version=None)
        machine.set_up()
        assert sum(machine.clock.pauses) == pytest.approx(120.0)
        assert "no InfiniBand device appeared" in machine.log.text

    def test_no_driver_is_looked_for(self) -> None:
        machine = Machine(version=None, cards=CARDS, interfaces=(("ib0", IB0),))
        machine.set_up()
        assert machine.ran("rpm", "yum", "modprobe") == []


def test_the_end_of_the_agent_ends_every_wait() -> None:
    machine = Machine(version=None)
    machine.clock.ending = True
    machine.set_up()
    assert len(machine.clock.pauses) == 1


def test_a_failing_package_manager_ends_nothing_else() -> None:
    machine = Machine(files=REDHAT_7_3, said={("yum", "..."): (1, "no network")})
    assert machine.set_up() is False
    assert machine.ran("shutdown") == []


def test_the_address_of_the_own_instance_counts() -> None:
    assert rdma_address(shared_config(rdmaIPv4Address=IP, rdmaMacAddress=MAC.lower())) == RdmaAddress(IP, MAC)
    assert rdma_address(shared_config(rdmaIPv4Address="172.16", rdmaMacAddress=MAC)) is None
    assert rdma_address(shared_config(rdmaIPv4Address=IP, rdmaMacAddress="00155D33FF")) is None
    assert rdma_address(b"<SharedConfig/>") is None
    with pytest.raises(DocumentFailure):
        rdma_address(b"<Shared")


@pytest.mark.parametrize(("text", "itself"), [("4.0", False), ("4.1", True), ("4.10.2", True), ("", False), ("5", True)])
def test_drivers_from_4_1_on_name_themselves(text: str, itself: bool) -> None:
    assert devices.names_itself(text) is itself


def test_a_missing_pool_says_nothing() -> None:
    machine = Machine()
    machine.files.remove(firmware.POOL)
    assert firmware.read(machine.system) == firmware.Told()
