"""The systemd unit of our service, by family (guest.md 10.2). Pure.

Odd: every variant waits five seconds before the agent is started again. Without that, five early deaths within a second
(as on Ubuntu, in the reference) end the service for good.
"""

from __future__ import annotations

from waagent.guest.profile import Guest
from waagent.install import templates

SLICED = ("rhel7", "rhel8.6", "euleros", "uos", "ubuntu16", "ubuntu18", "ubuntu", "chainguard")
"""Families whose units have the slice from the start; on others the agent makes it when it is needed."""
_NETWORKD = ("azurelinux", "photon")
_UBUNTU = ("ubuntu16", "ubuntu18", "ubuntu", "snappy")


def unit(guest: Guest, python: str, program: str, configuration: str) -> str:
    """The text of the unit."""
    online = "systemd-networkd-wait-online.service" if guest.family in _NETWORKD else "network-online.target"
    cloud_init = " cloud-init.service" if guest.family in (*_NETWORKD, *_UBUNTU) else ""
    words = {
        "wants": f"{online} ssh.service sshd.service sshd-keygen.service",
        "after": f"{online}{cloud_init}",
        "python": python,
        "program": program,
        "configuration": configuration,
        "limits": _LIMITS if guest.family in SLICED else "",
    }
    return templates.text("systemd/waagent.service", words)


_LIMITS = """\
# The agent and its extensions have a slice of their own, whose use can be read.
Slice=azure.slice
CPUAccounting=yes
MemoryAccounting=yes"""
