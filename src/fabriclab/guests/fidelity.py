"""What is real in each kind of guest and what is not, as data: told in every timeline, listed in docs/lab.md, and tried out.

A claim's probe is a shell command that succeeds in a guest where the thing is real, and fails where it is not: the tests run
each in all kinds. None where there is nothing that could be tried without harm to the machine that carries the guest.
"""

from dataclasses import dataclass

from fabriclab.guests.adapter import SANDBOX, SYSTEMD, VM, Adapter

ALL = (SANDBOX, SYSTEMD, VM)
MANAGED = (SYSTEMD, VM)
OWN_MACHINE = (VM,)
NONE: tuple[str, ...] = ()


@dataclass(frozen=True)
class Claim:
    """`real_in`: kinds of guest."""

    what: str
    real_in: tuple[str, ...]
    probe: str | None


CLAIMS = (
    Claim("users and host name", ALL, "useradd --no-create-home lab-probe && userdel lab-probe && hostname >/dev/null"),
    Claim("packet filter", ALL, "python3 -c 'import socket; socket.socket(16, 3, 12)'"),
    Claim("Azure's names in the DMI data", ALL, "grep -q ^7783-7084- /sys/class/dmi/id/chassis_asset_tag"),
    Claim("service manager, units, journal", MANAGED, "systemctl is-system-running | grep -Eq 'running|degraded|starting'"),
    Claim("a DHCP client of its own", MANAGED, "networkctl status eth0 | grep -q DHCP4"),
    Claim("kernel and modules", OWN_MACHINE, "grep -q ' lab.generation=' /proc/cmdline && grep -q . /proc/modules"),
    Claim("sysctl", OWN_MACHINE, "cat /proc/sys/vm/swappiness >/proc/sys/vm/swappiness"),
    Claim("kernel log", OWN_MACHINE, "dmesg | grep -q 'lab.generation='"),
    Claim("clock", OWN_MACHINE, None),
    Claim("control groups of version 2 with controllers", OWN_MACHINE, "grep -q memory /sys/fs/cgroup/cgroup.controllers"),
    Claim("a UDF drive", OWN_MACHINE, "modprobe udf && test -e /sys/block/sr0/device/vendor"),
    Claim("SCSI disks", OWN_MACHINE, "ls /sys/block/sd*/device/timeout"),
    Claim("swap", OWN_MACHINE, '! grep -q swap-calls "$(command -v swapon)"'),
    Claim("udev's events", OWN_MACHINE, "udevadm control --ping"),
    Claim("Microsoft's hypervisor, as systemd tells it", OWN_MACHINE, "systemd-detect-virt | grep -qx microsoft"),
    Claim("Hyper-V's bus and network card", NONE, "ls /sys/bus/vmbus/drivers/hv_netvsc"),
    Claim("accelerated networking", NONE, "ls /sys/bus/pci/drivers/mlx5_core"),
    Claim("NVMe disks with Azure's model names", (SANDBOX, SYSTEMD), None),
    Claim("a processor of full speed", (SANDBOX, SYSTEMD), None),
)


def told(adapter: Adapter) -> tuple[str, str]:
    """Two sentences for people: what is real in the agent's kind of guest, and what is not."""
    real = [one.what for one in CLAIMS if adapter.guest in one.real_in]
    other = [one.what for one in CLAIMS if adapter.guest not in one.real_in]
    return f"real in this guest: {', '.join(real)}", f"not real in it: {', '.join(other)}"
