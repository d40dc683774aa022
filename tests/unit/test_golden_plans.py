"""Plans of provisioning and deprovisioning for every family, as JSON to review (``pytest --regenerate-golden``).

Each file holds what was given (system, files, tools, configuration, document) and the steps that follow from it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from unit.fakes import MemoryFiles, ScriptedCommands
from unit.fakes import system as fake_system
from waagent.config.parse import parse
from waagent.config.paths import Paths
from waagent.guest.detect import detect
from waagent.model.ovf import KeyPair, OvfEnvironment, PublicKey
from waagent.model.secret import Secret
from waagent.provision import deprovision, run
from waagent.system.action import Action

THUMB = "3F9A0C77D1E24B5580AA9E1D6B2C4F70918237C1"
PUBLIC = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
"""
PASSWD = "root:x:0:0:root:/root:/bin/sh\nbin:x:1:1:bin:/bin:/sbin/nologin\n"
SSHD = "Port 22\n#PasswordAuthentication yes\nUsePAM yes\nMatch User git\n  X11Forwarding no\n"
SSHD_INCLUDE = "Include /etc/ssh/sshd_config.d/*.conf\nPort 22\nKbdInteractiveAuthentication no\n"
ROUTES = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\neth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\n"
COMMON = {
    "/etc/passwd": PASSWD,
    "/etc/group": "root:x:0:\n",
    "/etc/shadow": "root:$6$x$y:19000:0:99999:7:::\n",
    "/etc/login.defs": "UID_MIN 1000\n",
    "/etc/sudoers": "root ALL=(ALL) ALL\n#includedir /etc/sudoers.d\n",
    "/etc/sudoers.d/README": "",
    "/etc/ssh/sshd_config": SSHD,
    "/etc/ssh/ssh_host_rsa_key": "old",
    "/etc/ssh/ssh_host_rsa_key.pub": "old",
    "/etc/ssh/ssh_host_dsa_key": "old",
    "/proc/net/route": ROUTES,
    "/sys/class/dmi/id/product_uuid": "544CDFD0-CB4E-4B4A-9954-5BDF3ED5C3B8\n",
}
TOOLS = ["useradd", "chpasswd", "visudo", "ssh-keygen", "openssl", "/usr/sbin/sshd"]
SYSTEMD = {"/run/systemd/system/.keep": ""}
SELINUX = ["getenforce", "restorecon", "chcon"]
DHCLIENT = {"/etc/dhcp/dhclient.conf": 'timeout 300;\n\nsend host-name "old";\n'}
IFCFG = {"/etc/sysconfig/network-scripts/ifcfg-eth0": "DEVICE=eth0\nBOOTPROTO=dhcp\n"}


def os_release(name: str, version: str, full: str = "") -> dict[str, str]:
    return {"/etc/os-release": f'ID={name}\nVERSION_ID="{version}"\nNAME="{full or name}"\n'}


BSD_FILES = {path: text for path, text in COMMON.items() if not path.startswith(("/proc", "/sys", "/etc/shadow", "/etc/login"))}

FAMILIES: dict[str, dict[str, Any]] = {
    "debian": {
        "files": os_release("debian", "12") | SYSTEMD | {"/etc/ssh/sshd_config": SSHD_INCLUDE},
        "tools": ["hostnamectl"],
    },
    "ubuntu12": {"files": os_release("ubuntu", "12.04") | {"/etc/dhcp3/dhclient.conf": ""}},
    "ubuntu14": {"files": os_release("ubuntu", "14.04") | DHCLIENT},
    "ubuntu16": {"files": os_release("ubuntu", "16.04") | SYSTEMD | DHCLIENT, "tools": ["hostnamectl"]},
    "ubuntu18": {
        "files": os_release("ubuntu", "22.04")
        | SYSTEMD
        | {"/etc/ssh/sshd_config": SSHD_INCLUDE, "/etc/ssh/sshd_config.d/50-cloud-init.conf": "PasswordAuthentication yes\n"},
        "tools": ["hostnamectl"],
    },
    "ubuntu-new": {"files": os_release("ubuntu", "26.04") | SYSTEMD | {"/etc/ssh/sshd_config": SSHD_INCLUDE}},
    "rhel6": {
        "files": {
            "/etc/redhat-release": "CentOS release 6.10 (Final)\n",
            "/etc/sysconfig/network": "NETWORKING=yes\n\nHOSTNAME=old\n",
        }
        | IFCFG,
        "tools": SELINUX,
        "config": "Provisioning.SshHostKeyPairType=auto\n",
        "no keys": ["ecdsa", "ed25519"],
    },
    "rhel7": {"files": os_release("centos", "7") | SYSTEMD | IFCFG, "tools": [*SELINUX, "hostnamectl"]},
    "rhel8.6": {
        "files": os_release("rhel", "9.4") | SYSTEMD | {"/etc/ssh/sshd_config": SSHD_INCLUDE},
        "tools": [*SELINUX, "hostnamectl", "nmcli"],
    },
    "suse11": {"files": {"/etc/SuSE-release": "SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\n"} | DHCLIENT},
    "suse": {
        "files": os_release("sles", "15.6") | SYSTEMD | {"/etc/sysconfig/network/dhcp": 'DHCLIENT_HOSTNAME_OPTION="old"\n'},
        "tools": ["hostnamectl"],
    },
    "flatcar": {"files": os_release("flatcar", "3815.2.0") | SYSTEMD | {"/etc/ssh/sshd_config": SSHD}},
    "azurelinux": {
        "files": os_release("azurelinux", "3.0") | SYSTEMD | {"/etc/ssh/sshd_config": SSHD_INCLUDE},
        "tools": SELINUX,
    },
    "alpine": {"files": os_release("alpine", "3.19.1"), "tools": ["adduser"], "without": ["useradd"]},
    "default": {"files": os_release("gentoo", "2.14") | SYSTEMD},
    "freebsd": {
        "kernel": ("FreeBSD", "14.0-RELEASE"),
        "files": {
            "/etc/rc.conf": 'hostname="old"\nsshd_enable="YES"\n',
            "/etc/master.passwd": "root:*:0:0::0:0::/root:/bin/sh\n",
        },
        "config": "OS.PasswordPath=/etc/master.passwd\nOS.SudoersDir=/usr/local/etc/sudoers.d\n",
        "without": ["useradd", "chpasswd"],
    },
    "openbsd": {
        "kernel": ("OpenBSD", "7.4"),
        "files": {"/etc/master.passwd": "root:*:0:0::0:0::/root:/bin/sh\n"},
        "config": "OS.PasswordPath=/etc/master.passwd\nProvisioning.SshHostKeyPairType=auto\n",
        "without": ["chpasswd"],
    },
}
DOCUMENTS = {
    "password": OvfEnvironment("db-node-7", "maria", Secret("Tr&nsit-91-quay"), disable_ssh_password_authentication=False),
    "keys": OvfEnvironment(
        "bastion",
        "kofi",
        disable_ssh_password_authentication=True,
        public_keys=(
            PublicKey("/home/kofi/.ssh/authorized_keys", value="ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTI= kofi@desk"),
            PublicKey("$HOME/kofi/.ssh/authorized_keys", fingerprint=THUMB),
        ),
        key_pairs=(KeyPair("$HOME/kofi/.ssh/id_rsa", THUMB),),
        custom_data=Secret("IyEvYmluL3NoCmVjaG8gaGkgPiAvcnVuL2hlbGxvCg=="),
    ),
}
CONFIG = {
    "password": "Provisioning.DeleteRootPassword=y\n",
    "keys": "Provisioning.ExecuteCustomData=y\n",
}


class Sample:
    """One family's machine in memory."""

    def __init__(self, name: str, case: str) -> None:
        given = FAMILIES[name]
        bsd = "kernel" in given
        self.files = MemoryFiles((BSD_FILES if bsd else COMMON) | given.get("files", {}))
        without = given.get("without", [])
        self.tools = [tool for tool in [*TOOLS, *given.get("tools", [])] if tool not in without]
        self.text = CONFIG[case] + given.get("config", "")
        self.config, _ = parse(self.text)
        self.paths = Paths.of(self.config)
        self.files.put(f"{self.paths.lib}/{THUMB}.crt", "certificate").put(f"{self.paths.lib}/{THUMB}.prv", "private key")
        kernel, release = given.get("kernel", ("Linux", "6.1"))
        self.guest = detect(self.files, kernel, release)
        self.system = fake_system(files=self.files, commands=self._commands(given))

    def _commands(self, given: dict[str, Any]) -> ScriptedCommands:
        names = [tool.rpartition("/")[2] for tool in self.tools]
        commands = ScriptedCommands([*names, "kenv", "sysctl", *self.tools])
        commands.on("openssl", "x509", ..., stdout=PUBLIC)
        commands.on("ssh-keygen", "-q", ..., effect=lambda call: self._keys(call.argv[-1]))
        commands.on("kenv", ..., stdout="544CDFD0-CB4E-4B4A-9954-5BDF3ED5C3B8\n")
        commands.on("sysctl", ..., stdout="544cdfd0-cb4e-4b4a-9954-5bdf3ed5c3b8\n")
        commands.on("ifconfig", ..., stdout="hvn0\n")
        commands.on("nmcli", "-g", ..., stdout="System eth0\n")
        for kind in given.get("no keys", []):
            commands.on("ssh-keygen", "-q", "-N", "", "-t", kind, ..., exit_code=255, stderr=f"unknown key type {kind}\n")
        if self.guest.service_name == "walinuxagent":
            refusal = "Missing privilege separation directory: /run/sshd\n"
            commands.on("/usr/bin/sshd", ..., exit_code=255, stderr=refusal)
        else:
            commands.on("/usr/bin/sshd", ...)
        return commands

    def _keys(self, path: str) -> None:
        self.files.put(path, "new").put(f"{path}.pub", "new")


def shown(action: Action) -> dict[str, Any]:
    """An action as JSON; secrets of these made-up documents are shown on purpose, so that a change is seen."""
    row: dict[str, Any] = {"do": type(action).__name__}
    for field in fields(action):
        value = getattr(action, field.name)
        if field.name == "why" or value == field.default:
            continue
        if isinstance(value, Secret):
            value = {"secret": value.reveal()}
        elif isinstance(value, bytes):
            value = value.decode()
        elif field.name == "mode":
            value = f"{value:04o}"
        row[field.name] = list(value) if isinstance(value, tuple) else value
    return row


@pytest.mark.parametrize("case", sorted(DOCUMENTS))
@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_the_provisioning_plan_is_the_reviewed_one(name: str, case: str, golden: Callable[[str, Any], None]) -> None:
    sample = Sample(name, case)
    document = DOCUMENTS[case]
    _, steps = run.prepare(
        sample.system, sample.guest, sample.config, sample.paths, document, lambda count: bytes(range(count))
    )
    plan = [{"step": step.name, "actions": [shown(action) for action in step.actions]} for step in steps]
    given = {"family": sample.guest.family, "config": sample.text.splitlines(), "tools": sorted(sample.tools), "document": case}
    golden(f"provision/{name}-{case}", json.loads(json.dumps({"given": given, "plan": plan})))


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_the_deprovisioning_plan_is_the_reviewed_one(name: str, golden: Callable[[str, Any], None]) -> None:
    sample = Sample(name, "password")
    sample.files.put("/etc/passwd", PASSWD + "maria:x:1000:1000::/home/maria:/bin/sh\n")
    rules = f"{sample.config.os.sudoers_dir}/waagent" if name != "openbsd" else "/etc/doas.conf"
    sample.files.put(rules, "permit keepenv persist maria\n" if name == "openbsd" else "maria ALL=(ALL) ALL\n")
    sample.files.put_link("/etc/resolv.conf", "../run/resolvconf/resolv.conf")
    sample.files.put(sample.paths.ovf_env, DOCUMENT)
    facts = deprovision.observe(sample.system, sample.guest, sample.config, sample.paths)
    planned = deprovision.plan(sample.config, sample.guest, sample.paths, facts, with_user=True)
    value = {"warnings": list(planned.warnings), "plan": [shown(action) for action in planned.actions]}
    golden(f"deprovision/{name}", json.loads(json.dumps(value)))


DOCUMENT = """<?xml version="1.0" encoding="utf-8"?>
<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:w="http://schemas.microsoft.com/windowsazure">
  <w:ProvisioningSection><w:Version>1.0</w:Version>
    <w:LinuxProvisioningConfigurationSet>
      <w:HostName>db-node-7</w:HostName><w:UserName>maria</w:UserName><w:UserPassword>*</w:UserPassword>
      <w:DisableSshPasswordAuthentication>false</w:DisableSshPasswordAuthentication>
    </w:LinuxProvisioningConfigurationSet>
  </w:ProvisioningSection>
  <w:PlatformSettingsSection><w:Version>1.0</w:Version>
    <w:PlatformSettings><w:ProvisionGuestAgent>true</w:ProvisionGuestAgent></w:PlatformSettings>
  </w:PlatformSettingsSection>
</Environment>
"""
