"""What each directive that the unit leaves out would take from extensions and from provisioning (docs/exposure.md).

Every case is run twice by systemd in a guest, in a service of its own: it works as the unit is, and no longer with the
directive. Clocks, modules and reboots are the real machine's and are left alone: of those, only what is inherited is looked at.
"""

import platform
import shlex
import struct
from collections.abc import Iterator

import pytest

from fabriclab.guests import assemble
from fabriclab.guests.adapter import Adapter
from fabriclab.guests.process import Completed
from fabriclab.guests.root import RootUnavailable
from fabriclab.journal.journal import Journal
from fabriclab.scenario.lab import Lab, opened
from fabriclab.scenario.runner import Runner
from scenarios import labs, systemd_labs
from scenarios.systemd_labs import IMAGE, do, machine

pytestmark = [*systemd_labs.on_systemd, pytest.mark.slow, pytest.mark.timeout(300)]

MOUNT = "mount -t tmpfs none /mnt"
MOUNTS_OF_ITS_OWN = (
    *("PrivateMounts=yes", "PrivateTmp=yes", "PrivateDevices=yes", "ProtectSystem=yes", "ProtectHome=yes"),
    *("ProtectKernelTunables=yes", "ProtectKernelModules=yes", "ProtectKernelLogs=yes", "ProtectControlGroups=yes"),
    *("ProtectProc=invisible", "ProcSubset=pid"),
)
PYTHON = "/usr/bin/python3 -c "
WORKS = {
    "User=nobody": MOUNT,
    "PrivateNetwork=yes": "ip link show eth0",
    "PrivateUsers=yes": "touch /srv/owned && chown 12345 /srv/owned",
    "NoNewPrivileges=yes": 'test "$(setpriv --reuid=65534 --clear-groups /srv/root-id -u)" = 0',
    "RestrictSUIDSGID=yes": "touch /srv/set-uid && chmod u+s /srv/set-uid",
    "LockPersonality=yes": "setarch --addr-no-randomize true",
    "RestrictNamespaces=yes": "unshare --net true",
    "MemoryDenyWriteExecute=yes": PYTHON + shlex.quote("import mmap; mmap.mmap(-1, 4096, prot=7)"),
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET": PYTHON
    + shlex.quote("import socket; socket.socket(socket.AF_VSOCK)"),
    "SystemCallArchitectures=native": "/srv/of-32-bits",
    "UMask=0077": "rm -f /srv/new && touch /srv/new && setpriv --reuid=65534 --clear-groups cat /srv/new",
    "ProtectHostname=yes": "hostname renamed",
}
SYSTEM_CALLS = ("clock", "cpu-emulation", "debug", "module", "mount", "obsolete", "privileged", "raw-io", "reboot", "resources")
CAPABILITIES = (
    *("audit_control", "audit_write", "block_suspend", "bpf", "chown", "dac_override", "fowner", "fsetid", "ipc_lock", "kill"),
    *("lease", "linux_immutable", "mac_admin", "mknod", "net_admin", "net_bind_service", "net_raw", "setfcap", "setgid"),
    *("setpcap", "setuid", "sys_admin", "sys_boot", "sys_chroot", "sys_module", "sys_nice", "sys_pacct", "sys_ptrace"),
    *("sys_rawio", "sys_resource", "sys_time", "sys_tty_config", "syslog", "wake_alarm"),
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A booted machine without an agent."""
    layer = tmp_path_factory.mktemp("layer")
    (layer / "srv").mkdir()
    (layer / "srv/of-32-bits").write_bytes(program_of_32_bits())
    (layer / "srv/of-32-bits").chmod(0o755)
    used = assemble.on_systemd(Adapter("none", layer / "adapter.toml", copy=".", command=("true",), unit=""), "bookworm")
    try:
        assemble.root_of(used)
    except RootUnavailable as problem:
        pytest.skip(f"no root with systemd: {problem}")
    with opened(labs.scenario_of(tmp_path_factory.mktemp("image"), IMAGE), used, Journal()) as made:
        Runner(made, lambda text: None).begin()
        machine(made).await_boot()
        do(made, "cp /usr/bin/id /srv/root-id && chmod 4755 /srv/root-id")
        yield made


def program_of_32_bits() -> bytes:
    """The smallest program for i386: exit(0)."""
    code = bytes.fromhex("b801000000 31db cd80".replace(" ", ""))
    start, header = 0x08048000, 52 + 32
    size = header + len(code)
    ident = b"\x7fELF\x01\x01\x01" + bytes(9)
    elf = struct.pack("<16sHHIIIIIHHHHHH", ident, 2, 3, 1, start + header, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    return elf + struct.pack("<IIIIIIII", 1, 0, start, start, size, size, 5, 4096) + code


def in_a_service(lab: Lab, command: str, *properties: str) -> Completed:
    given = " ".join(f"--property={shlex.quote(one)}" for one in properties)
    return lab.guest.shell(f"systemd-run --quiet --wait --pipe --collect {given} /bin/sh -c {shlex.quote(command)}")


@pytest.mark.parametrize("directive", MOUNTS_OF_ITS_OWN)
def test_a_disk_that_is_mounted_would_be_seen_by_nobody_else(lab: Lab, directive: str) -> None:
    try:
        assert in_a_service(lab, MOUNT).ok
        assert lab.guest.shell("mountpoint -q /mnt").ok
        do(lab, "umount /mnt")
        in_a_service(lab, MOUNT, directive)
        assert not lab.guest.shell("mountpoint -q /mnt").ok
    finally:
        lab.guest.shell("mountpoint -q /mnt && umount /mnt")


@pytest.mark.parametrize("directive", WORKS)
def test_what_extensions_and_provisioning_do_would_fail(lab: Lab, directive: str) -> None:
    if "Architectures" in directive and platform.machine() != "x86_64":
        pytest.skip("only this processor has programs of two sizes here")
    try:
        before = do(lab, "hostname")
        done = in_a_service(lab, WORKS[directive])
        if not done.ok and ("VSOCK" in WORKS[directive] or "32-bits" in WORKS[directive]):
            pytest.skip(f"this kernel has no such thing at all: {done.errors.strip()[-100:]}")
        assert done.ok, done.errors
        lab.guest.shell(f"hostname {before.strip()}; umount /mnt 2>/dev/null")
        done = in_a_service(lab, WORKS[directive], directive)
        assert not done.ok or do(lab, "hostname") == before
        if directive != "ProtectHostname=yes":
            assert not done.ok
    finally:
        lab.guest.shell(f"hostname {before.strip()}; mountpoint -q /mnt && umount /mnt")


@pytest.mark.parametrize("directive", ["RestrictRealtime=yes", *(f"SystemCallFilter=~@{group}" for group in SYSTEM_CALLS)])
def test_a_filter_of_system_calls_stays_on_every_descendant(lab: Lab, directive: str) -> None:
    """And its cost: a program for each call, and before Linux 5.16 the processor's speculation is curbed besides."""
    count = "setsid sh -c 'sed -n s/^Seccomp_filters:.//p /proc/self/status'"
    before = int(in_a_service(lab, count).output)
    assert int(in_a_service(lab, count, directive, "SystemCallErrorNumber=ENOSYS").output) > before


def test_without_any_one_capability_a_privileged_container_cannot_be_started(lab: Lab) -> None:
    """What runc does for it: capset with all of them, which one that is missing makes fail. The lab itself keeps some back."""
    asked = {name: f"setpriv --inh-caps=+{name} true" for name in CAPABILITIES}
    given = [name for name in CAPABILITIES if in_a_service(lab, asked[name]).ok]
    assert {"sys_admin", "net_admin", "block_suspend", "wake_alarm", "lease"} <= set(given)
    possible = [name for name in given if in_a_service(lab, asked[name], f"CapabilityBoundingSet=~CAP_{name.upper()}").ok]
    assert possible == []


def test_the_scope_of_an_extension_inherits_all_of_it(lab: Lab) -> None:
    """The scope is made of a child of the agent: systemd moves it to another control group, and takes nothing off it."""
    command = "systemd-run --quiet --scope --slice=azure-vmextensions-Lab.slice setarch --addr-no-randomize true"
    assert in_a_service(lab, command).ok
    assert not in_a_service(lab, command, "LockPersonality=yes").ok
