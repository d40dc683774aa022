"""What provisioning does to this machine: pure, from facts and the document to actions (guest.md 2.3, steps 7 to 19).

``steps`` keeps the names, so that a failure can say where; ``plan`` is the same as one run of actions. Applying it
again after it was cut off anywhere leads to the same end.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.guest import accounts, dhcp, hostname, selinux, services, ssh, sudo
from waagent.guest.profile import AccountTool, Guest
from waagent.model.failure import ProvisionFailure
from waagent.model.ovf import OvfEnvironment
from waagent.provision import customdata, hostkeys, keys, marker
from waagent.provision.observe import Facts
from waagent.system.action import MakeDirectory, Plan, WriteFile

PUBLISH = "publish the host name"


@dataclass(frozen=True)
class Step:
    """A named run of actions."""

    name: str
    actions: Plan


def steps(config: Config, guest: Guest, paths: Paths, ovf: OvfEnvironment, facts: Facts, random: bytes) -> tuple[Step, ...]:
    """Every step in order; ``random`` (64 bytes) makes the salt. Errors: ``ProvisionFailure`` before anything changed."""
    if guest.refusal:
        raise ProvisionFailure(guest.refusal)
    all_steps = (
        Step("host name", hostname.set_name(guest, ovf.host_name, text=facts.host_name_text, tools=facts.tools)),
        Step(PUBLISH, _publish(guest, paths, ovf, facts)),
        Step("account", _account(guest, ovf, facts)),
        Step("password", _password(config, guest, ovf, facts, random)),
        Step("sudo", _sudo(config, guest, ovf, facts)),
        Step("sshd configuration", sshd(config, guest, ovf, facts)),
        Step("public keys", _public_keys(config, ovf, facts)),
        Step("key pairs", _key_pairs(config, ovf, facts)),
        Step("custom data", customdata.save(config, paths, ovf.custom_data)),
        Step("root password", _root(config, guest, facts)),
        Step("host keys", _host_keys(config, facts)),
        Step("restart of sshd", services.restart_sshd(guest)),
        Step("marker", marker.write(paths, facts.vm_id)),
    )
    return tuple(step for step in all_steps if step.actions)


def plan(config: Config, guest: Guest, paths: Paths, ovf: OvfEnvironment, facts: Facts, random: bytes) -> Plan:
    return tuple(action for step in steps(config, guest, paths, ovf, facts, random) for action in step.actions)


def _publish(guest: Guest, paths: Paths, ovf: OvfEnvironment, facts: Facts) -> Plan:
    record = WriteFile(paths.published_hostname, ovf.host_name.encode(), mode=0o644, why="remember the published name")
    return (*dhcp.publish(guest, ovf.host_name, facts.dhcp), record)


def _account(guest: Guest, ovf: OvfEnvironment, facts: Facts) -> Plan:
    if facts.user is not None:
        return ()
    return accounts.create(guest, ovf.user_name, tools=facts.tools, group_exists=facts.group_exists)


def _password(config: Config, guest: Guest, ovf: OvfEnvironment, facts: Facts, random: bytes) -> Plan:
    if not ovf.user_password:
        return ()
    allowed = config.provisioning.allow_reset_sys_user
    if facts.user and not allowed and accounts.is_system_user(guest, facts.user, facts.uid_min):
        raise ProvisionFailure(
            f"{ovf.user_name} is a system user: its password is not set",
            hint="choose another user name, or set Provisioning.AllowResetSysUser=y",
        )
    # OpenBSD's crypt(3) knows Blowfish only, and only under its corrected name
    crypt_id = "2b" if guest.account_tool is AccountTool.OPENBSD else config.provisioning.password_crypt_id
    length = accounts.salt_length(crypt_id, config.provisioning.password_crypt_salt_length)
    hashed = accounts.hash_password(ovf.user_password, crypt_id, accounts.salt(random, length))
    return accounts.set_password(guest, ovf.user_name, hashed, tools=facts.tools)


def _sudo(config: Config, guest: Guest, ovf: OvfEnvironment, facts: Facts) -> Plan:
    return sudo.grant(
        guest,
        ovf.user_name,
        with_password=bool(ovf.user_password),
        sudoers_dir=config.os.sudoers_dir,
        rules=facts.sudo_rules,
        sudoers=facts.sudoers,
        directory_exists=facts.sudoers_directory,
        visudo="visudo" in facts.tools,
    )


def sshd(config: Config, guest: Guest, ovf: OvfEnvironment, facts: Facts) -> Plan:
    """Allow or forbid logging in by password: edit the file, and every drop-in that would win over the edit (trap 13)."""
    text = facts.sshd.config
    if text is None:
        return ()
    wanted = ssh.settings(
        password_login=not ovf.disable_ssh_password_authentication, client_alive_interval=config.os.ssh_client_alive_interval
    )
    why = "set which ways to log in sshd allows"
    edits: dict[str, str] = {}
    ours = ssh.drop_in_path(text, config.os.ssh_dir)
    if ours:
        edits[ours] = ssh.drop_in(wanted)
        for path, content in facts.sshd.drop_ins:
            if path < ours:
                edits[path] = ssh.edit(content, wanted, add=False)
    if guest.sshd_config_edited and not facts.sshd.vendor:
        edits[facts.sshd.path] = ssh.edit(text, wanted)
    before = dict(facts.sshd.drop_ins) | ({} if facts.sshd.vendor else {facts.sshd.path: text})
    # where an image owns the file, its drop-in directory may well be read-only
    optional = not guest.sshd_config_edited
    writes: Plan = tuple(
        WriteFile(path, content.encode("utf-8", "surrogateescape"), check=facts.sshd.check, why=why, optional=optional)
        for path, content in edits.items()
        if before.get(path) != content
    )
    places: Plan = ()
    if writes and facts.sshd.missing_directory:
        places = (MakeDirectory(facts.sshd.missing_directory, mode=0o755, why="let sshd check its configuration"),)
    if ours and before.get(ours) != edits[ours]:
        places = (*places, MakeDirectory(posixpath.dirname(ours), why="have a place for the drop-in", optional=optional))
    return (*places, *writes)


def _public_keys(config: Config, ovf: OvfEnvironment, facts: Facts) -> Plan:
    existing = dict(facts.authorized_keys)
    return keys.deploy_public(ovf, config.os.home_dir, facts.user, facts.certificates, existing, facts.tools)


def _key_pairs(config: Config, ovf: OvfEnvironment, facts: Facts) -> Plan:
    return keys.deploy_pairs(ovf.key_pairs, ovf, config.os.home_dir, facts.user, facts.certificates, facts.tools)


def _root(config: Config, guest: Guest, facts: Facts) -> Plan:
    if not config.provisioning.delete_root_password:
        return ()
    path = config.os.password_path
    locked = accounts.lock_root(guest, path, empty=facts.password_file_empty)
    return (*locked, *selinux.restore((path,), facts.tools))


def _host_keys(config: Config, facts: Facts) -> Plan:
    if not facts.new_host_keys:
        return ()
    swapped = hostkeys.swap(config, facts.new_host_keys, facts.host_keys)
    return (*swapped, *selinux.restore((config.os.ssh_dir,), facts.tools))
