"""Machines with RDMA, family by family, and what their tools say; the plans of each are golden files."""

from __future__ import annotations

from typing import Any

from unit.fakes import FakeSockets, FrozenClock, ListLog, MemoryFiles, ScriptedCommands
from unit.fakes import system as fake_system
from waagent.codec import kvp_pool
from waagent.config.parse import parse
from waagent.config.paths import Paths
from waagent.guest.detect import detect
from waagent.rdma.run import Rdma, reboot_note

MAC, IP = "00155D33FF1A", "172.16.1.7"
POOL = "/var/lib/hyperv/.kvp_pool_0"
TOOLS = ["modprobe", "modinfo", "ip", "shutdown"]
SLES = 'ID=sles\nVERSION_ID="12.3"\nNAME="SLES"\n'
CENTOS = 'ID=centos\nVERSION_ID="7"\nNAME="CentOS Linux"\n'
UBUNTU = 'ID=ubuntu\nVERSION_ID="16.04"\nNAME="Ubuntu"\n'
ROWS = """Loading repository data...
S | Name                  | Type    | Version                        | Arch   | Repository
--+-----------------------+---------+--------------------------------+--------+-----------
{old} | msft-rdma-kmp-default | package | 142.0_k3.12.49_3-20160118        | x86_64 | repo
  | msft-rdma-kmp-default | package | 144.0_k3.12.49_3-20160229        | x86_64 | repo
{pool} | msft-rdma-kmp-azure | package | 144.0_k4.4.21_2-20160229        | x86_64 | repo
"""
KMOD = "kmod-microsoft-hyper-v-rdma-4.1.0.144"
RPMS = tuple(
    f"/opt/microsoft/rdma/rhel73/{name}"
    for name in (
        f"{KMOD}-20160229.x86_64.rpm",
        f"{KMOD}-20160701.x86_64.rpm",
        "kmod-microsoft-hyper-v-rdma-4.1.0.142-20170101.x86_64.rpm",
        "microsoft-hyper-v-rdma-4.1.0.144-20160701.x86_64.rpm",
        f"{KMOD}-20180101.src.rpm",
    )
)

Said = dict[tuple[str, ...], tuple[int, str]]


def shared_config(**attributes: str) -> bytes:
    words = " ".join(f'{name}="{value}"' for name, value in attributes.items())
    text = f'<SharedConfig><Incarnation instance="_a"/><Instances><Instance id="_b"/><Instance id="_a" {words}/></Instances>'
    return f"{text}</SharedConfig>".encode()


class Machine:
    """``said``: exit status and output of commands; ``version`` of the firmware, ``cards`` of the pool."""

    def __init__(
        self,
        release: str = CENTOS,
        *,
        version: str | None = "144.0",
        cards: str | None = None,
        config: str = "OS.EnableRDMA=y\n",
        said: Said | None = None,
        files: dict[str, str] | None = None,
        tools: list[str] | None = None,
        interfaces: tuple[tuple[str, bytes], ...] = (("eth0", bytes(6)), ("eth1", bytes.fromhex(MAC))),
    ) -> None:
        self.config, _ = parse(config)
        self.paths = Paths.of(self.config)
        self.files = MemoryFiles({"/etc/os-release": release, "/proc/sys/kernel/random/boot_id": "boot-1\n"})
        self.files.put("/proc/sys/kernel/osrelease", "3.12.49-11-default\n").put_directory(self.paths.lib)
        records = [("NdDriverVersion", version), ("IPoIB_Data", cards)]
        self.files.put(POOL, kvp_pool.render((key, value) for key, value in records if value is not None))
        for path, text in (files or {}).items():
            self.files.put(path, text)
        self.commands = ScriptedCommands(TOOLS if tools is None else tools)
        for argv, (status, output) in {**USUAL, **(said or {})}.items():
            self.commands.on(*(... if word == "..." else word for word in argv), exit_code=status, stdout=output)
        self.noted: list[bool] = []
        """Whether each reboot was on record when it was asked for."""
        note = reboot_note(self.paths)
        self.clock, self.log = FrozenClock(), ListLog()
        self.obeys = True
        """Whether a reboot that is asked for ends the program."""

        def shut_down(call: object) -> None:
            self.noted.append(self.files.exists(note))
            self.clock.ending = self.obeys

        self.commands.on("shutdown", "-r", "now", effect=shut_down)
        self.sockets = FakeSockets(interfaces=interfaces)
        self.system = fake_system(
            files=self.files, commands=self.commands, clock=self.clock, log=self.log, sockets=self.sockets
        )
        self.guest = detect(self.files, "Linux", "3.12")
        self.shared = shared_config(rdmaIPv4Address=IP, rdmaMacAddress=MAC)
        self.fetched = 0

    def fetch(self) -> bytes:
        self.fetched += 1
        return self.shared

    def set_up(self) -> bool:
        return Rdma(self.system, self.guest, self.config, self.paths, self.fetch).set_up()

    def boot_again(self) -> bool:
        self.files.put("/proc/sys/kernel/random/boot_id", "boot-2\n")
        self.clock.ending = False
        return self.set_up()

    def ran(self, *programs: str) -> list[str]:
        return [" ".join(line) for line in self.commands.lines if not programs or line[0] in programs]


USUAL: Said = {
    ("modprobe", "-R", "hv_network_direct"): (1, ""),
    ("modprobe", "..."): (0, ""),
    ("modinfo", "-F", "version", "..."): (0, "4.0\n"),
    ("modinfo", "..."): (1, ""),
    ("rpm", "-q", "..."): (1, "not installed"),
    ("rpm", "-e", "..."): (0, ""),
    ("yum", "..."): (0, ""),
    ("zypper", "..."): (0, ""),
    ("apt-get", "..."): (0, ""),
    ("apt-cache", "..."): (0, ""),
    ("ip", "..."): (0, ""),
    ("ifconfig", "..."): (0, ""),
}
DAEMON = {"/proc/77/comm": "hypervkvpd\n"}
REDHAT_7_3 = {**DAEMON, "/etc/redhat-release": "CentOS Linux release 7.3.1611 (Core)\n", **dict.fromkeys(RPMS, "")}
AZURE_KERNEL = {"/proc/sys/kernel/osrelease": "4.15.0-1025-azure\n"}


def rows(old: str = " ") -> Said:
    return {("zypper", "-n", "se", "-s", "..."): (0, ROWS.format(old=old, pool=" "))}


FAMILIES: dict[str, dict[str, Any]] = {
    "sles12-installs": {"release": SLES, "said": rows()},
    "sles12-replaces-another": {"release": SLES, "said": rows("i+"), "files": {"/proc/modules": "hv_network_direct 1 0\n"}},
    "sles12-has-it": {"release": SLES, "version": "142.0", "said": rows("i")},
    "sles12-from-the-disk": {
        "release": SLES,
        "version": "150.0",
        "said": rows("i"),
        "files": dict.fromkeys(
            (
                "/opt/microsoft/rdma/msft-rdma-kmp-default-150.0_k3.src.rpm",
                "/opt/microsoft/rdma/msft-rdma-kmp-default-150.0_k3.rpm",
            ),
            "",
        ),
    },
    "sles12-has-none": {"release": SLES, "version": "150.0", "said": rows()},
    "sles12-azure-kernel": {"release": SLES, "said": rows(), "files": AZURE_KERNEL},
    "sles15": {"release": SLES.replace("12.3", "15.4")},
    "sles11": {"release": SLES.replace("12.3", "11")},
    "centos7-installs": {"files": REDHAT_7_3},
    "centos7-replaces": {
        "files": REDHAT_7_3 | {"/proc/modules": "hv_network_direct 1 0\n"},
        "said": {
            ("rpm", "-q", "hypervkvpd"): (0, "hypervkvpd-0-0.29\n"),
            ("rpm", "-q", "msft-rdma-drivers"): (0, "msft-rdma-drivers-4.2\n"),
            ("rpm", "-q", "microsoft-hyper-v-rdma"): (0, "microsoft-hyper-v-rdma-4.1.0.142-20160101.x86_64\n"),
            ("rpm", "-q", "kmod-microsoft-hyper-v-rdma"): (0, "kmod-microsoft-hyper-v-rdma-4.1.0.142-20160101.x86_64\n"),
        },
    },
    "centos7-has-it": {
        "files": REDHAT_7_3,
        "said": {("rpm", "-q", "microsoft-hyper-v-rdma"): (0, "microsoft-hyper-v-rdma-4.1.0.144-20160701.x86_64\n")},
    },
    "centos7-without-daemon": {},
    "centos7-daemon-does-not-run": {"said": {("rpm", "-q", "microsoft-hyper-v"): (0, "microsoft-hyper-v-4.1\n")}},
    "centos7-has-none": {"files": DAEMON | {"/etc/redhat-release": "release 7.3"}},
    "centos7-without-consent": {"files": REDHAT_7_3, "config": "OS.CheckRdmaDriver=y\n"},
    "rocky9": {"release": 'ID=rocky\nVERSION_ID="9.4"\nNAME="Rocky Linux"\n', "files": DAEMON},
    "rhel8": {"release": 'ID=rhel\nVERSION_ID="8.9"\nNAME="Red Hat Enterprise Linux"\n'},
    "ubuntu-has-it": {
        "release": UBUNTU,
        "said": {("modprobe", "-R", "hv_network_direct"): (0, "hv_network_direct_144_0\n")},
    },
    "ubuntu-sets-the-alias": {
        "release": UBUNTU,
        "said": {("modinfo", "hv_network_direct_144_0"): (0, "filename: x\n")},
        "files": {"/etc/modprobe.d/vmbus-rdma.conf": "# ours\nalias hv_network_direct hv_network_direct_142_0\n"},
    },
    "ubuntu-updates-the-kernel": {
        "release": UBUNTU,
        "config": "OS.UpdateRdmaDriver=y\n",
        "files": AZURE_KERNEL,
        "said": {("apt-cache", "..."): (0, "Package: linux-azure\nVersion: 4.15.0.1026.20\n")},
    },
    "ubuntu-has-the-newest": {
        "release": UBUNTU,
        "config": "OS.UpdateRdmaDriver=y\n",
        "files": AZURE_KERNEL,
        "said": {("apt-cache", "..."): (0, "Package: linux-azure\nVersion: 4.15.0.1025.20\n")},
    },
    "ubuntu-may-not-update": {"release": UBUNTU, "files": AZURE_KERNEL},
    "debian": {"release": 'ID=debian\nVERSION_ID="12"\nNAME="Debian GNU/Linux"\n'},
}
