"""A machine with a packet filter that the firewall's duty works on, for its tests."""

from __future__ import annotations

from dataclasses import dataclass, field

from unit.fakes import FrozenClock, ListLog, MemoryFiles
from unit.fakes import system as fake_system
from unit.fakes.packet_filter import ADDRESS, ALL, PacketFilter
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.duties.firewall import Duty, Firewall
from waagent.guest.families.debian import DEBIAN
from waagent.model.event import Operation
from waagent.system.port import System

COMMAND = ("python3", "/usr/sbin/waagent")
LIB = {"/var/lib/waagent/.keep": ""}
SYSTEMD = {f"{place}/systemd/system/.keep": "" for place in ("/run", "/etc", "/lib")} | LIB
UNIT = "/lib/systemd/system/walinuxagent-network-setup.service"
LINK = "/etc/systemd/system/network.target.wants/walinuxagent-network-setup.service"
SCRIPT = "/var/lib/waagent/waagent-network-setup.py"
NOTE = "/var/lib/waagent/guarded_address"
DIRECT = "/etc/firewalld/direct.xml"
RULES = [
    f"-d {ADDRESS}/32 -p tcp -m tcp --dport 53 -j ACCEPT",
    f"-d {ADDRESS}/32 -p tcp -m owner --uid-owner 0 -j ACCEPT",
    f"-d {ADDRESS}/32 -p tcp -m conntrack --ctstate INVALID,NEW -j DROP",
]
FOREIGN = "-d 198.51.100.9/32 -p tcp -j DROP"


@dataclass
class Machine:
    filter: PacketFilter = field(default_factory=PacketFilter)
    files: MemoryFiles = field(default_factory=lambda: MemoryFiles(SYSTEMD))
    clock: FrozenClock = field(default_factory=FrozenClock)
    log: ListLog = field(default_factory=ListLog)
    told: list[Operation] = field(default_factory=list)
    address: str = ADDRESS

    def __post_init__(self) -> None:
        paths = Paths.of(Config())
        self.steps = Firewall(self.system, DEBIAN, paths, COMMAND)
        self.duty = self.started()

    @property
    def system(self) -> System:
        return fake_system(files=self.files, commands=self.filter, clock=self.clock, log=self.log)

    def started(self) -> Duty:
        return Duty(self.steps, lambda: self.address, self.told.append)

    @property
    def texts(self) -> list[str]:
        return [operation.message for operation in self.told]


def without_nft(**more: object) -> Machine:
    return Machine(PacketFilter(ALL - {"nft"}, **more))  # type: ignore[arg-type]


def guarded(machine: Machine) -> bool:
    reaches = machine.filter.reaches
    return not reaches("other", 80) and reaches("other", 53) and reaches("root", 80) and reaches("root", 32526)
