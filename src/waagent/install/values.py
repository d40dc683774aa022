"""The settings that a family is given other than everybody (guest.md 7.4). Pure.

Only those that the family needs: where its files are, what its file systems are called, and what its images have somebody
else for (the temporary disk and the host name are cloud-init's on Ubuntu). Odd: Debian has none, its list is everybody's.
"""

from __future__ import annotations

from collections.abc import Mapping

from waagent.guest.profile import Guest

_BSD = {"OS.PasswordPath": "/etc/master.passwd", "ResourceDisk.EnableSwap": "y"}
_UBUNTU = {
    "Provisioning.RegenerateSshHostKeyPair": "n",
    "Provisioning.MonitorHostName": "n",
    "ResourceDisk.Format": "n",
    "ResourceDisk.MountPoint": "/mnt",
}
_COMMUNITY = {"ResourceDisk.Filesystem": "btrfs", "ResourceDisk.MountOptions": "compress=lzo"}
_DECODED = {"Provisioning.DecodeCustomData": "y"}
_BY_FAMILY: dict[str, Mapping[str, str]] = {
    "freebsd": {
        **_BSD,
        "OS.SudoersDir": "/usr/local/etc/sudoers.d",
        "ResourceDisk.Filesystem": "ufs",
        "ResourceDisk.SwapSizeMB": "16384",
    },
    "openbsd": {
        **_BSD,
        "OS.OpensslPath": "/usr/local/bin/eopenssl",
        "Provisioning.SshHostKeyPairType": "auto",
        "ResourceDisk.Filesystem": "ufs2",
        "ResourceDisk.SwapSizeMB": "65536",
    },
    **dict.fromkeys(("ubuntu12", "ubuntu14", "ubuntu16", "ubuntu18", "ubuntu", "snappy"), _UBUNTU),
    **dict.fromkeys(("suse", "suse11"), _COMMUNITY),
    "alpine": {**_DECODED, "Provisioning.ExecuteCustomData": "y", "Provisioning.MonitorHostName": "n"},
    "coreos": {"OS.AllowHTTP": "y", "Provisioning.RegenerateSshHostKeyPair": "n", "Provisioning.SshHostKeyPairType": "ed25519"},
    "clear": _DECODED,
    "azurelinux": {**_DECODED, "ResourceDisk.Format": "n"},
    "photon": {**_DECODED, "ResourceDisk.Format": "n"},
    "chainguard": {"Provisioning.SshHostKeyPairType": "auto"},
    "devuan": {"Provisioning.SshHostKeyPairType": "auto"},
    "iosxe": {
        "Provisioning.MonitorHostName": "n",
        "Provisioning.RegenerateSshHostKeyPair": "n",
        "ResourceDisk.Format": "n",
    },
}


def of(guest: Guest) -> Mapping[str, str]:
    """Key to the text of its value."""
    return _BY_FAMILY.get(guest.family, {})
