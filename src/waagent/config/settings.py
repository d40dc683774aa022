"""THE table of settings: one row for each key of waagent.conf (guest.md 7.2, 7.3).

Parser, sections, ``-show-configuration``, the packaged file and the page of the docs all come from here. Odd: keys are
case-sensitive and their spelling is not regular (``Extension.LogDir``, ``Autoupdate.Frequency``); two keys are printed
under other names than they are read by; ``None`` counts as a missing line, except for the SCSI timeout.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

Setting = bool | int | str | None


class Kind(enum.Enum):
    BOOLEAN = "Boolean"
    INTEGER = "Integer"
    STRING = "String"
    PATH = "Path"
    """A string that must be an absolute path below ``/``."""


MANUAL = "manual"
"""Described by the original manual of the agent."""
REFERENCE = "2.15"
"""Found in the 2.15 line of agents."""
OURS = "this agent"
"""A key that only this agent knows."""


@dataclass(frozen=True)
class Row:
    """One key. ``default`` applies when no line sets it; None means "not set".

    ``sample`` is the text of the key in the packaged file, None when it is not in there. ``shown`` is the name in
    ``-show-configuration``. ``alias`` is an old name that still works. ``falls_back`` names the key whose value applies
    while this one is not set. ``unset_means_none``: an explicit ``None`` is a value of its own, not a missing line.
    ``minimum`` and ``maximum`` bound Integers. ``idle`` says why the key has no effect here; empty where it has one.
    """

    key: str
    kind: Kind
    default: Setting
    meaning: str
    since: str = REFERENCE
    section: str = ""
    field: str = ""
    sample: str | None = None
    choices: tuple[str, ...] = ()
    minimum: int = 0
    maximum: int | None = None
    shown: str = ""
    alias: str = ""
    falls_back: str = ""
    unset_means_none: bool = False
    idle: str = ""


_SECTIONS = {"Extension": "extensions", "Autoupdate": "auto_update", "CGroups": "cgroups", "": "general"}
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def snake_case(name: str) -> str:
    """``SwapSizeMB`` to ``swap_size_mb``."""
    return _HUMP.sub("_", name).lower()


def _row(key: str, kind: Kind, default: Setting, meaning: str, since: str, **more: object) -> Row:
    prefix, _, name = key.rpartition(".")
    section = _SECTIONS.get(prefix) or snake_case(prefix)
    return Row(key, kind, default, meaning, since, section, snake_case(name), **more)  # type: ignore[arg-type]


def _flag(key: str, default: bool | None, meaning: str, since: str = REFERENCE, **more: object) -> Row:
    return _row(key, Kind.BOOLEAN, default, meaning, since, **more)


def _number(key: str, default: int | None, meaning: str, since: str = REFERENCE, **more: object) -> Row:
    return _row(key, Kind.INTEGER, default, meaning, since, **more)


def _period(key: str, default: int | None, meaning: str, **more: object) -> Row:
    return _row(key, Kind.INTEGER, default, f"{meaning}, in seconds.", REFERENCE, minimum=1, **more)


def _text(key: str, default: str | None, meaning: str, since: str = REFERENCE, **more: object) -> Row:
    return _row(key, Kind.STRING, default, meaning, since, **more)


def _path(key: str, default: str | None, meaning: str, since: str = REFERENCE, **more: object) -> Row:
    return _row(key, Kind.PATH, default, meaning, since, **more)


_PROVISIONING = (
    _flag(
        "Provisioning.Enabled",
        True,
        "Provision the VM at its first boot. With n the host and user keys of the image stay, and what the platform asks "
        "for is ignored.",
        MANUAL,
        sample="y",
    ),
    _text(
        "Provisioning.Agent",
        "auto",
        "Who provisions: auto (cloud-init when it is enabled, else this agent), waagent, cloud-init, or disabled.",
        sample="auto",
    ),
    _flag(
        "Provisioning.DeleteRootPassword",
        False,
        "Lock the password of root during provisioning and deprovisioning.",
        MANUAL,
        sample="n",
    ),
    _flag(
        "Provisioning.RegenerateSshHostKeyPair",
        True,
        "Delete all SSH host keys of the image and make a new pair.",
        MANUAL,
        sample="y",
    ),
    _text(
        "Provisioning.SshHostKeyPairType",
        "rsa",
        "Type of the new pair: rsa, dsa, ecdsa, ed25519, or auto for every type that sshd supports.",
        MANUAL,
        sample="rsa",
    ),
    _flag("Provisioning.MonitorHostName", True, "Watch the host name and publish each change to DNS.", MANUAL, sample="y"),
    _period("Provisioning.MonitorHostNamePeriod", 30, "How often the host name is looked at"),
    _flag("Provisioning.DecodeCustomData", False, "Save the custom data decoded from Base64.", MANUAL, sample="n"),
    _flag(
        "Provisioning.ExecuteCustomData",
        False,
        "Execute the custom data after provisioning; it is decoded then in any case.",
        MANUAL,
        sample="n",
    ),
    _flag("Provisioning.AllowResetSysUser", False, "Allow to set password and keys of a system account (below UID_MIN)."),
    _text(
        "Provisioning.PasswordCryptId",
        "6",
        "Method of password hashes: 1 (MD5), 2a (Blowfish), 5 (SHA-256) or 6 (SHA-512).",
        MANUAL,
        sample="6",
        choices=("1", "2a", "5", "6"),
    ),
    _number("Provisioning.PasswordCryptSaltLength", 10, "Length of the random salt of password hashes.", MANUAL, sample="10"),
    _flag("Provisioning.UseCloudInit", False, "Old way to say Provisioning.Agent=cloud-init where provisioning is disabled."),
)

_RESOURCE_DISK = (
    _flag(
        "ResourceDisk.Format",
        True,
        "Format the resource disk if that is needed, and mount it. What is on it is lost whenever the VM moves.",
        MANUAL,
        sample="y",
    ),
    _text(
        "ResourceDisk.Filesystem",
        "ext4",
        "File system of the resource disk: any X for which there is a mkfs.X. A partition with ntfs is never formatted.",
        MANUAL,
        sample="ext4",
    ),
    _path("ResourceDisk.MountPoint", "/mnt/resource", "Where the resource disk is mounted.", MANUAL, sample="/mnt/resource"),
    _text("ResourceDisk.MountOptions", None, "Options for mount -o, a list with commas.", MANUAL, sample="None"),
    _flag("ResourceDisk.EnableSwap", False, "Make a swap file on the resource disk.", MANUAL, sample="n"),
    _number("ResourceDisk.SwapSizeMB", 0, "Size of the swap file in MB.", MANUAL, sample="0"),
    _flag("ResourceDisk.EnableSwapEncryption", False, "Encrypt the swap space (FreeBSD only)."),
    _flag(
        "ResourceDisk.FormatNvme",
        False,
        "Do with local NVMe disks as with the resource disk: the first disk is mounted at ResourceDisk.MountPoint, the others "
        "at the same with -2, -3 and so on behind it.",
        OURS,
    ),
)

_EXTENSIONS = (
    _flag("Extensions.Enabled", True, "Process extensions. With n the status is still reported, every 5 minutes."),
    _period(
        "Extensions.GoalStatePeriod",
        None,
        "How often the goal state is asked for. Without a line the agent chooses (6 at most)",
    ),
    _period(
        "Extensions.InitialGoalStatePeriod",
        None,
        "How often the goal state is asked for until the first one is done",
        falls_back="Extensions.GoalStatePeriod",
    ),
    _flag("Extensions.WaitForCloudInit", False, "Wait for cloud-init to end before the first extension."),
    _number("Extensions.WaitForCloudInitTimeout", 3600, "How long to wait for cloud-init, in seconds."),
    _path("Extension.LogDir", "/var/log/azure", "Directory of the logs of extensions."),
)

_NO_UPDATES = "this agent does not update itself yet."
_UPDATES = (
    _flag(
        "AutoUpdate.UpdateToLatestVersion",
        None,
        "Install newer versions of this agent.",
        falls_back="AutoUpdate.Enabled",
    ),
    _flag("AutoUpdate.Enabled", True, "Older switch for the same; with n the agent installed by the package runs."),
    _text("AutoUpdate.GAFamily", "Prod", "Family of agent versions to update within.", idle=_NO_UPDATES),
    _period("Autoupdate.Frequency", 3600, "How often newer versions are looked for", idle=_NO_UPDATES),
)

_GENERAL = (
    _flag("LBProbeResponder", True, "Answer the probes of a load balancer when the fabric asks for it.", MANUAL, sample="y"),
    _flag("EnableOverProvisioning", True, "Hold extensions back while the platform says that this VM is on hold."),
    _flag(
        "DetectScvmmEnv",
        None,
        "Look for the DVD of System Center Virtual Machine Manager: y always, n never. Without a line only on Hyper-V "
        "machines outside of Azure.",
    ),
    _flag(
        "Telemetry.Enabled",
        True,
        "Send events about this agent and about extensions to the platform. With n none is sent; what extensions leave for "
        "it is thrown away.",
        OURS,
    ),
    _flag("Logs.Verbose", False, "Write more to the log, /var/log/waagent.log.", MANUAL, sample="n"),
    _flag("Logs.Console", True, "Show what happens on the console until the VM is provisioned."),
    _flag("Logs.Collect", True, "Collect logs now and then for the support of the platform."),
    _period("Logs.CollectPeriod", 3600, "How often logs are collected"),
    _path("Lib.Dir", "/var/lib/waagent", "Directory of the state of the agent and of extensions."),
    _path("DVD.MountPoint", "/mnt/cdrom/secure", "Where the provisioning DVD is mounted."),
    _path("Pid.File", "/var/run/waagent.pid", "File with the process number of the agent."),
    _path("Policy.PolicyFilePath", "/etc/waagent_policy.json", "The policy that says which extensions are allowed."),
    _text(
        "Protocol.EndpointDiscovery",
        "dhcp",
        "How the wire server is found: dhcp, or static for its well-known address.",
    ),
    _text(
        "HttpProxy.Host",
        None,
        "Proxy for storage. Once it is set the environment (http_proxy, https_proxy) is not looked at; no_proxy counts.",
        MANUAL,
        sample="None",
    ),
    _number(
        "HttpProxy.Port", None, "Port of the proxy; needed with the host.", MANUAL, sample="None", minimum=1, maximum=65535
    ),
    _flag("CGroups.Enabled", True, "Watch and limit the agent and extensions by cgroups."),
    _flag("Monitor.NetworkConfigurationChanges", False, "Log changes of network interfaces and routes."),
)

_OS = (
    _flag("OS.EnableRDMA", False, "Install and load the RDMA driver that matches the firmware.", MANUAL, sample="n"),
    _flag("OS.UpdateRdmaDriver", False, "Allow to install or update kernel and driver for RDMA."),
    _flag(
        "OS.CheckRdmaDriver",
        None,
        "Look at the RDMA driver: y switches RDMA on like OS.EnableRDMA, n leaves the driver as it is.",
    ),
    _number(
        "OS.RootDeviceScsiTimeout",
        300,
        "Timeout of every SCSI disk in seconds, also of those that are attached later. None leaves what the system has.",
        MANUAL,
        sample="300",
        minimum=1,
        maximum=2_147_483,
        unset_means_none=True,
    ),
    _period("OS.RootDeviceScsiTimeoutPeriod", 30, "How often that timeout is set again"),
    _text("OS.OpensslPath", None, "Another openssl program than the one found on PATH.", MANUAL, sample="None"),
    _flag(
        "OS.AllowHTTP",
        False,
        "Fall back to HTTP where Python has no TLS.",
        idle="a Python without TLS cannot run this agent.",
    ),
    _flag("OS.EnableFIPS", False, "Set OPENSSL_FIPS=1 in the environment."),
    _flag(
        "OS.EnableFirewall",
        False,
        "Let only root talk to the wire server; DNS stays everybody's. With n, rules that were set before are taken away.",
    ),
    _period("OS.EnableFirewallPeriod", 300, "How often the firewall is checked"),
    _period("OS.RemovePersistentNetRulesPeriod", 30, "How often persistent names of network interfaces are removed"),
    _period("OS.MonitorDhcpClientRestartPeriod", 30, "How often a restart of the DHCP client is looked for"),
    _path("OS.SshDir", "/etc/ssh", "Directory of the configuration and host keys of sshd."),
    _path("OS.SshdConfigPath", None, "Configuration file of sshd, where it is not sshd_config in OS.SshDir."),
    _number("OS.SshClientAliveInterval", 180, "ClientAliveInterval of sshd, in seconds."),
    _path(
        "OS.HomeDir", "/home", "Directory of the home directories; it stands for $HOME in the paths of keys.", alias="Home.Dir"
    ),
    _path("OS.PasswordPath", "/etc/shadow", "File of the password hashes."),
    _path("OS.SudoersDir", "/etc/sudoers.d", "Directory of sudo rules."),
)

_DEBUG = (
    _period("Debug.CgroupCheckPeriod", 300, "Experimental. How often cgroups are checked"),
    _flag("Debug.CgroupLogMetrics", False, "Experimental. Log what was measured by cgroups."),
    _flag(
        "Debug.CgroupDisableOnProcessCheckFailure",
        True,
        "Experimental. Give cgroups up when there are unexpected processes in the agent's.",
    ),
    _flag("Debug.CgroupDisableOnQuotaCheckFailure", True, "Experimental. Give cgroups up when a quota check fails."),
    _number("Debug.AgentCpuQuota", 50, "Experimental. CPU of the agent, in percent of one CPU."),
    _number("Debug.AgentCpuThrottledTimeThreshold", 120, "Experimental. Throttled time that is too long, in seconds."),
    _number("Debug.AgentMemoryQuota", 31457280, "Experimental. Memory of the agent, in bytes."),
    _flag("Debug.EnableAgentMemoryUsageCheck", False, "Experimental. Restart the agent when it passes its memory."),
    _flag("Debug.EnableFastTrack", True, "Experimental. Take extensions from the host plugin too."),
    _flag("Debug.EnableGAVersioning", True, "Experimental. Let the service choose the version of the agent."),
    _flag("Debug.EnableRsmDowngrade", False, "Experimental. Let the service choose an older version too.", idle=_NO_UPDATES),
    _period("Debug.EtpCollectionPeriod", 300, "Experimental. How often events of extensions are collected"),
    _period(
        "Debug.SelfUpdateHotfixFrequency",
        14400,
        "Experimental. How often the agent updates itself to a hotfix",
        shown="Debug.AutoUpdateHotfixFrequency",
        idle=_NO_UPDATES,
    ),
    _period(
        "Debug.SelfUpdateRegularFrequency",
        86400,
        "Experimental. How often the agent updates itself otherwise",
        shown="Debug.AutoUpdateNormalFrequency",
        idle=_NO_UPDATES,
    ),
    _period(
        "Debug.FirewallRulesLogPeriod",
        86400,
        "Experimental. How often firewall rules are logged",
    ),
    _number("Debug.LogCollectorInitialDelay", 300, "Experimental. Delay before logs are first collected, in seconds."),
    _flag("Debug.EnableExtensionPolicy", False, "Experimental. Obey the extension policy."),
    _flag("Debug.EnableSignatureValidation", False, "Experimental. Check the signatures of extension packages."),
    _flag("Debug.EnableCgroupV2ResourceLimiting", True, "Experimental. Limit resources by cgroups of version 2."),
)

ROWS: tuple[Row, ...] = (*_PROVISIONING, *_RESOURCE_DISK, *_EXTENSIONS, *_UPDATES, *_GENERAL, *_OS, *_DEBUG)

DEAD_KEYS = frozenset(
    {
        "CGroups.EnforceLimits",
        "CGroups.Excluded",
        "Logs.File",
        "Network.Interface",
        "RSA.KeyLength",
        "Role.ConfigurationConsumer",
        "Role.StateConsumer",
        "Role.TopologyConsumer",
    }
)
"""Names found in files of distributions: accepted without a word, and without effect."""

BY_KEY = {row.key: row for row in ROWS}
ALIASES = {row.alias: row.key for row in ROWS if row.alias}
EFFECTIVE_GOAL_STATE_PERIOD = 6
"""Seconds between polls that ``-show-configuration`` names while no line sets them (guest.md 7.3)."""
