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
    later = "cloud-init.service" if guest.family in (*_NETWORKD, *_UBUNTU) else ""
    later = "sshd-keygen.service" if guest.family == "coreos" else later
    words = {
        # where a socket starts sshd, asking for the service takes the socket away
        "wants": f"{online} {'' if guest.family == 'coreos' else 'sshd.service '}sshd-keygen.service",
        "after": f"{online} {later}".rstrip(),
        "python": python,
        "program": program,
        "configuration": configuration,
        "path": _PATH if guest.family == "chainguard" else "",
        "limits": _LIMITS if guest.family in SLICED else "",
    }
    return templates.text("systemd/waagent.service", words)


def cloud_config(name: str, text: str) -> str:
    """The cloud-config of an OEM image: the unit ``text``, made anew and started at each boot; nothing has to be enabled."""
    lines = text.partition("\n[Install]\n")[0].splitlines()
    kept = (line for line in lines if not line.startswith(("#", "Condition")))
    content = "\n".join(f"        {line}".rstrip() for line in kept)
    return templates.text("coreos/cloud-config.yml", {"name": name}) + content.rstrip() + "\n"


_PATH = "Environment=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LIMITS = """\
# The agent and its extensions have a slice of their own, whose use can be read.
Slice=azure.slice
CPUAccounting=yes
MemoryAccounting=yes"""
