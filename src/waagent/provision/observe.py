"""Everything the plan needs to know about this machine, read once before it (guest.md 2.3)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.guest import accounts, dhcp, hostname, network, ssh, sudo
from waagent.guest.accounts import Account
from waagent.guest.dhcp import DhcpFacts
from waagent.guest.profile import Guest
from waagent.model.failure import CommandFailure, DocumentFailure
from waagent.model.ovf import OvfEnvironment
from waagent.model.secret import Secret
from waagent.provision import hostkeys, keys, marker
from waagent.provision.keys import Certificate
from waagent.system.port import System

TOOLS = (
    *("useradd", "adduser", "chpasswd", "visudo", "doas", "sshd", "hostnamectl", "getenforce", "restorecon", "chcon"),
    *("userdel", "networkctl", "nmcli"),
)
SSHD_PLACES = ("/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd")
VENDOR_SSHD_CONFIG = "/usr/etc/ssh/sshd_config"


@dataclass(frozen=True)
class SshdFacts:
    """sshd's configuration. ``config`` None: there is no file; ``vendor``: it is not ours to edit."""

    path: str = ""
    config: str | None = None
    vendor: bool = False
    drop_ins: tuple[tuple[str, str], ...] = ()
    check: tuple[str, ...] = ()
    """The command that judges a configuration (``{}``); empty where it cannot even judge the present one."""
    missing_directory: str | None = None
    """What ``sshd -t`` insists on although the unit that makes it has not been started yet."""


@dataclass(frozen=True)
class Facts:
    """Texts are None where the file is missing."""

    user: Account | None = None
    group_exists: bool = False
    uid_min: int = 1000
    tools: frozenset[str] = frozenset()
    host_name_text: str | None = None
    dhcp: DhcpFacts = field(default_factory=DhcpFacts)
    sudo_rules: str | None = None
    sudoers: str | None = None
    sudoers_directory: bool = True
    sshd: SshdFacts = field(default_factory=SshdFacts)
    host_keys: tuple[str, ...] = ()
    new_host_keys: tuple[str, ...] = ()
    """Types of the pairs that wait in ``hostkeys.new_directory``; empty when host keys are kept."""
    authorized_keys: tuple[tuple[str, str], ...] = ()
    certificates: tuple[Certificate, ...] = ()
    password_file_empty: bool = False
    vm_id: str = ""


def observe(
    system: System, guest: Guest, config: Config, paths: Paths, ovf: OvfEnvironment, new_host_keys: tuple[str, ...] = ()
) -> Facts:
    """Read the machine; nothing is changed. Errors: ``SystemFailure`` for an unreadable file, ``ProvisionFailure``."""
    user = accounts.find(system, ovf.user_name)
    persistent = hostname.persistent_file(guest)
    sudoers_dir = config.os.sudoers_dir
    return Facts(
        user=user,
        group_exists=_has_group(_text(system, "/etc/group") or "", ovf.user_name),
        uid_min=accounts.uid_min(_text(system, "/etc/login.defs")),
        tools=frozenset(tool for tool in TOOLS if system.commands.find(tool)),
        host_name_text=_text(system, persistent) if persistent else None,
        dhcp=dhcp.observe(system, guest, network.primary_interface(system, guest)),
        sudo_rules=_text(system, sudo.rules_path(guest, sudoers_dir)),
        sudoers=_text(system, sudo.parent_path(sudoers_dir)),
        sudoers_directory=system.files.exists(sudoers_dir),
        sshd=_sshd(system, config, new_host_keys),
        host_keys=hostkeys.present(system, config),
        new_host_keys=new_host_keys,
        authorized_keys=_authorized(system, config, ovf, user),
        certificates=_certificates(system, config, paths, ovf),
        password_file_empty=not (_text(system, config.os.password_path) or "").strip(),
        vm_id=marker.vm_id(system, guest),
    )


def _text(system: System, path: str) -> str | None:
    content = system.files.read_if_there(path)
    return None if content is None else content.decode("utf-8", "surrogateescape")


def _has_group(text: str, name: str) -> bool:
    return any(line.split(":")[0] == name for line in text.splitlines())


def _sshd(system: System, config: Config, new_host_keys: tuple[str, ...]) -> SshdFacts:
    path = config.os.sshd_config_path or f"{config.os.ssh_dir}/sshd_config"
    text = _text(system, path)
    vendor = text is None and system.files.exists(VENDOR_SSHD_CONFIG)
    if vendor:
        text = _text(system, VENDOR_SSHD_CONFIG)
    found: dict[str, str] = {}
    for pattern in ssh.includes(text or "", config.os.ssh_dir):
        for name in system.files.glob(pattern):
            found[name] = _text(system, name) or ""
    check, missing = _sshd_check(system, config, VENDOR_SSHD_CONFIG if vendor else path, new_host_keys)
    return SshdFacts(path, text, vendor, tuple(found.items()), check, missing)


def _sshd_check(
    system: System, config: Config, path: str, new_host_keys: tuple[str, ...]
) -> tuple[tuple[str, ...], str | None]:
    """How to check a configuration. sshd wants an absolute program path, a host key and its runtime directory for it."""
    program = system.commands.find("sshd") or next((place for place in SSHD_PLACES if system.files.exists(place)), None)
    if new_host_keys:
        key = f"{hostkeys.new_directory(config)}/{hostkeys.key_name(new_host_keys[0])}"
    else:
        key = next((name for name in hostkeys.present(system, config) if name.endswith("_key")), "")
    if program is None or not key or not system.files.exists(path):
        return (), None
    check = (program, "-t", "-h", key, "-f", "{}")
    try:
        said = system.commands.run((*check[:-1], path), ok=None)
    except CommandFailure as failure:
        system.log.warning(f"sshd's configuration cannot be checked: {failure.reason}")
        return (), None
    missing = re.search(r"Missing privilege separation directory: (/\S+)", said.stderr)
    if said.exit_code == 0 or missing:
        return check, missing[1] if missing else None
    system.log.warning(f"sshd does not accept its present configuration, so ours is not checked: {said.stderr.strip()[-300:]}")
    return (), None


def _authorized(system: System, config: Config, ovf: OvfEnvironment, user: Account | None) -> tuple[tuple[str, str], ...]:
    found: dict[str, str] = {}
    for key in ovf.public_keys:
        path = keys.resolve(key.path, ovf.user_name, config.os.home_dir, user)
        text = _text(system, path)
        if text is not None:
            found[path] = text
    return tuple(found.items())


def _certificates(system: System, config: Config, paths: Paths, ovf: OvfEnvironment) -> tuple[Certificate, ...]:
    """The certificates that the document names and the fabric sent; a missing one is the plan's to complain about."""
    wanted = [key.fingerprint for key in ovf.public_keys if not key.value]
    wanted += [pair.fingerprint for pair in ovf.key_pairs]
    found: dict[str, Certificate] = {}
    for text in wanted:
        fingerprint = keys.normal_fingerprint(text or "")
        if fingerprint and fingerprint not in found and re.fullmatch(r"[0-9A-F]{40}", fingerprint):
            certificate = _certificate(system, config, paths, fingerprint)
            if certificate:
                found[fingerprint] = certificate
    return tuple(found.values())


def _certificate(system: System, config: Config, paths: Paths, fingerprint: str) -> Certificate | None:
    openssl = config.os.openssl_path or "openssl"
    path = f"{paths.lib}/{fingerprint}.crt"
    private = system.files.read_if_there(f"{paths.lib}/{fingerprint}.prv")
    content = system.files.read_if_there(path)
    if content is None and private is None:
        return None
    try:
        if content is not None:
            argv: tuple[str, ...] = (openssl, "x509", "-pubkey", "-noout")
            pem = system.commands.run(argv, stdin=content).stdout
        else:
            pem = system.commands.run((openssl, "pkey", "-pubout"), stdin=private).stdout
        public = ssh.from_spki(pem, path)
    except (CommandFailure, DocumentFailure) as failure:
        system.log.warning(f"{path}: {failure.reason}")
        return None
    return Certificate(fingerprint, public, Secret(private.decode("ascii", "replace")) if private else None)
