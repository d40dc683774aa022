"""Making a VM into an image again (guest.md 3): what will go, the actions in order, and what is left afterwards.

Warnings and actions are built purely, before anything changes: the user to delete is named by a file that an action
deletes (trap 38), which for the same reason comes after the user: run again after it was killed, this still knows whom to
delete. All actions are tried, and every failure is kept. ``/etc/resolv.conf`` stays where it is a link to what
a resolver makes at boot: without it the next VM has no DNS (trap 39).
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field, replace

from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.guest import accounts, dhcp, firewall, hostname, network, network_setup, selinux, services, sudo
from waagent.guest.accounts import Account
from waagent.guest.dhcp import DhcpFacts
from waagent.guest.profile import Guest, ResolvConf
from waagent.model.failure import Failure
from waagent.system.action import EmptyDirectory, Plan, Remove
from waagent.system.apply import apply
from waagent.system.port import Kind, System

QUESTION = "Do you want to proceed (y/n)"
"""Tools match ``(y/n)`` here and ``WARNING!`` in the warnings."""
HOST_NAME = "localhost.localdomain"
RESOLV_CONF = "/etc/resolv.conf"
RESOLVCONF_TARGET = "/run/resolvconf/resolv.conf"
_RESOLVER_DIRECTORIES = ("/run/systemd/resolve/", "/run/NetworkManager/", "/usr/lib/systemd/")
LEASE_DIRECTORIES = ("/var/lib/dhclient", "/var/lib/dhcpcd", "/var/lib/dhcp")
LEASE_FILES = (
    "/var/db/dhclient.leases.*",
    "/var/lib/NetworkManager/dhclient-*.lease",
    "/var/lib/NetworkManager/internal-*.lease",
    "/run/systemd/netif/leases/*",
)
DROP_INS = ("10-Slice.conf", "11-CPUAccounting.conf", "12-CPUQuota.conf", "13-MemoryAccounting.conf")
IDENTITY_FILES = (
    *("HostingEnvironmentConfig.xml", "Incarnation", "partition", "Protocol", "SharedConfig.xml", "WireServerEndpoint"),
    *("dhcp_routes.json", "published_hostname", "fast_track.json"),
    *("initial_goal_state", "waagent_rsm_update", "waagent_initial_update"),
    *("Extensions.*.xml", "ExtensionsConfig.*.xml", "GoalState.*.xml"),
)
EXTENSION_STATE = ("status/*.status", "config/*.settings", "config/HandlerStatus", "mrseq")


@dataclass(frozen=True)
class DeprovisionFacts:
    """What the plan depends on. ``saved_user`` None: the saved document is missing or does not parse."""

    saved_user: str | None = None
    account: Account | None = None
    uid_min: int = 1000
    sudo_rules: str | None = None
    resolv_target: str | None = None
    """Where /etc/resolv.conf points, made absolute; None when it is no link."""
    host_name_text: str | None = None
    dhcp: DhcpFacts = field(default_factory=DhcpFacts)
    tools: frozenset[str] = frozenset()
    password_file_empty: bool = False
    packet_filter: Plan = ()
    """What takes away the rules that keep the wire server for root, as far as there are any."""


@dataclass(frozen=True)
class Deprovision:
    """Lines for the terminal, and what will be done in order."""

    warnings: tuple[str, ...]
    actions: Plan


@dataclass(frozen=True)
class Left:
    """Something that is still there. ``expected`` things are left on purpose, the others are failures."""

    text: str
    expected: bool = False


def observe(system: System, guest: Guest, config: Config, paths: Paths) -> DeprovisionFacts:
    """Read the machine; nothing is changed."""
    name = _saved_user(system, paths)
    persistent = hostname.persistent_file(guest)
    return DeprovisionFacts(
        saved_user=name,
        account=accounts.find(system, name) if name else None,
        uid_min=accounts.uid_min(_text(system, "/etc/login.defs")),
        sudo_rules=_text(system, sudo.rules_path(guest, config.os.sudoers_dir)),
        resolv_target=_link_target(system, RESOLV_CONF),
        host_name_text=_text(system, persistent) if persistent else None,
        # the connection belongs to this VM's network, not to the image: only files are prepared for the next one
        dhcp=replace(dhcp.observe(system, guest, network.primary_interface(system, guest)), connection=None),
        tools=frozenset(tool for tool in ("hostnamectl", "getenforce", "restorecon") if system.commands.find(tool)),
        password_file_empty=not (_text(system, config.os.password_path) or "").strip(),
        packet_filter=firewall.withdrawal(system, guest, paths) if firewall.has_traces(system, guest, paths) else (),
    )


def plan(config: Config, guest: Guest, paths: Paths, facts: DeprovisionFacts, *, with_user: bool) -> Deprovision:
    """Warnings and actions of guest.md 3.2, in its order but for the user, who goes before what names them."""
    name = guest.service_name
    parts = (
        (f"The {name} service will be stopped.", services.control(guest, "stop")),
        ("", facts.packet_filter),
        _host_keys(config),
        ("Cached DHCP leases will be deleted.", leases()),
        ("", _host_name(guest, facts)),
        _root(config, guest, facts),
        *(_user(config, guest, paths, facts) if with_user else ()),
        (
            "",
            (EmptyDirectory(paths.lib, why="forget this VM"), EmptyDirectory(config.extensions.log_dir, why="forget its logs")),
        ),
        ("", _files(guest, paths)),
        _resolv_conf(guest, facts),
        ("", units(guest, paths)),
        _machine_id(guest),
    )
    warnings = tuple(f"WARNING! {text}" for text, _ in parts if text)
    return Deprovision(warnings, tuple(action for _, actions in parts for action in actions))


def run(system: System, actions: Plan) -> tuple[Failure, ...]:
    """Apply every action, whatever the others did; the failures in order."""
    failures: list[Failure] = []
    for action in actions:
        try:
            apply(system, (action,))
        except Failure as failure:
            failures.append(failure)
    return tuple(failures)


def leftovers(
    system: System, guest: Guest, config: Config, paths: Paths, facts: DeprovisionFacts, *, with_user: bool
) -> tuple[Left, ...]:
    """Look again and say what is still there: an image builder has to know that the image is general."""
    files = system.files
    found: list[Left] = []
    if config.provisioning.regenerate_ssh_host_key_pair and files.glob(f"{config.os.ssh_dir}/ssh_host_*key*"):
        found.append(Left(f"SSH host keys are still in {config.os.ssh_dir}"))
    for directory in (paths.lib, *LEASE_DIRECTORIES):
        if files.names(directory):
            found.append(Left(f"{directory} is not empty: {', '.join(files.names(directory)[:5])}"))
    pid = (_text(system, paths.pid) or "").strip()
    if pid.isdigit() and files.exists(f"/proc/{pid}"):
        found.append(Left(f"the agent still runs (process {pid}) and may write its state again"))
    if with_user and facts.account and accounts.find(system, facts.account.name):
        found.append(Left(f"the account {facts.account.name} still exists"))
    if config.provisioning.delete_root_password and not _root_locked(system, config):
        found.append(Left(f"root still has a password in {config.os.password_path}"))
    if not guest.forget_machine_id and files.exists("/etc/machine-id"):
        found.append(Left("/etc/machine-id is kept: clones of this image share it", expected=True))
    if files.names("/var/lib/cloud/instances"):
        found.append(Left("cloud-init keeps its own state: cloud-init clean --logs removes it", expected=True))
    return tuple(found)


def changed_id_plan(guest: Guest, paths: Paths, names: tuple[str, ...]) -> Plan:
    """The clean-up of a clone whose VM id changed (guest.md 3.5); ``names``: the entries of the state directory.

    It takes no user, no host key, no log and no /etc/resolv.conf away.
    """
    why = "forget the VM this one was copied from"
    extensions = (name for name in names if re.fullmatch(r"[^-]+-\d+(?:\.\d+)*", name) and not name.startswith("WALinuxAgent-"))
    return (
        *leases(),
        *(Remove(f"{paths.lib}/{name}", why=why) for name in IDENTITY_FILES),
        *(Remove(f"{paths.lib}/{name}/{state}", why=why) for name in extensions for state in EXTENSION_STATE),
        *units(guest, paths),
    )


def leases() -> Plan:
    why = "forget cached DHCP leases"
    return (
        *(EmptyDirectory(directory, why=why) for directory in LEASE_DIRECTORIES),
        *(Remove(pattern, why=why) for pattern in LEASE_FILES),
    )


def units(guest: Guest, paths: Paths) -> Plan:
    """The units and drop-ins that an agent leaves beside the package's own."""
    why = "drop what the agent added to systemd"
    directory, name = guest.unit_directory, guest.service_name
    return (
        *network_setup.forget(guest, paths.network_setup),
        *(Remove(f"{directory}/{name}.service.d/{drop_in}", why=why) for drop_in in DROP_INS),
        Remove(f"{directory}/azure-walinuxagent-logcollector.slice", why=why),
    )


_Part = tuple[str, Plan]


def _host_keys(config: Config) -> _Part:
    if not config.provisioning.regenerate_ssh_host_key_pair:
        return "", ()
    remove = Remove(f"{config.os.ssh_dir}/ssh_host_*key*", why="have the next VM make its own host keys")
    return "All SSH host key pairs will be deleted.", (remove,)


def _host_name(guest: Guest, facts: DeprovisionFacts) -> Plan:
    set_name = hostname.set_name(guest, HOST_NAME, text=facts.host_name_text, tools=facts.tools)
    return (*set_name, *dhcp.publish(guest, HOST_NAME, facts.dhcp))


def _root(config: Config, guest: Guest, facts: DeprovisionFacts) -> _Part:
    if not config.provisioning.delete_root_password:
        return "", ()
    path = config.os.password_path
    lock = accounts.lock_root(guest, path, empty=facts.password_file_empty)
    text = "The root password will be disabled. You will not be able to log in as root."
    return text, (*lock, *selinux.restore((path,), facts.tools))


def _files(guest: Guest, paths: Paths) -> Plan:
    return tuple(Remove(path, why="forget this VM") for path in ("/root/.bash_history", paths.log, *guest.forget))


def _resolv_conf(guest: Guest, facts: DeprovisionFacts) -> _Part:
    target = facts.resolv_target or ""
    if guest.resolv_conf is ResolvConf.RESOLVCONF and target == RESOLVCONF_TARGET:
        parts = tuple(f"/etc/resolvconf/resolv.conf.d/{name}" for name in ("tail", "original"))
        return f"{parts[0]} and {parts[1]} will be deleted.", tuple(
            Remove(path, why="forget its name servers") for path in parts
        )
    if guest.resolv_conf is ResolvConf.KEEP:
        return f"{RESOLV_CONF} will NOT be removed, this is a behavior change to earlier versions of Ubuntu.", ()
    if target.startswith(_RESOLVER_DIRECTORIES):
        return f"{RESOLV_CONF} will NOT be removed: it is a link to {target}, which is made anew at boot.", ()
    return f"{RESOLV_CONF} will be deleted.", (Remove(RESOLV_CONF, why="forget its name servers"),)


def _user(config: Config, guest: Guest, paths: Paths, facts: DeprovisionFacts) -> tuple[_Part, ...]:
    name = facts.saved_user
    if name is None:
        return ((f"{paths.ovf_env} was not found, or does not tell a user.", ()), ("The deletion of a user is skipped.", ()))
    rules = sudo.revoke(guest, name, sudoers_dir=config.os.sudoers_dir, rules=facts.sudo_rules)
    if facts.account is None:
        rest = (*accounts.forget_backups(guest), *rules)
        return ((f"The account {name} does not exist; only its rights and what is kept of it are dropped.", rest),)
    system_user = accounts.is_system_user(guest, facts.account, facts.uid_min)
    if facts.account.uid == 0 or (system_user and not config.provisioning.allow_reset_sys_user):
        return ((f"{name} is a system user and will NOT be deleted.", ()),)
    text = f"The account {name} and its entire home directory will be deleted."
    return ((text, (*accounts.remove(guest, name), *accounts.forget_backups(guest), *rules)),)


def _machine_id(guest: Guest) -> _Part:
    if not guest.forget_machine_id:
        return "", ()
    return "/etc/machine-id will be removed.", (Remove("/etc/machine-id", why="have the next VM make its own"),)


def _saved_user(system: System, paths: Paths) -> str | None:
    from waagent.codec import ovf_env

    content = system.files.read_if_there(paths.ovf_env)
    if content is None:
        return None
    try:
        return accounts.check_name(ovf_env.parse(content).user_name)
    except Failure as failure:
        system.log.warning(f"{paths.ovf_env}: {failure.reason}")
        return None


def _link_target(system: System, path: str) -> str | None:
    facts = system.files.facts(path)
    if facts is None or facts.kind is not Kind.LINK or facts.target is None:
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), facts.target))


def _root_locked(system: System, config: Config) -> bool:
    for line in (_text(system, config.os.password_path) or "").splitlines():
        if line.startswith("root:"):
            return line.split(":")[1].startswith(("*", "!"))
    return True


def _text(system: System, path: str) -> str | None:
    content = system.files.read_if_there(path)
    return None if content is None else content.decode("utf-8", "surrogateescape")
