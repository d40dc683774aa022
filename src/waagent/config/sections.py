"""The configuration as frozen sections (guest.md 7). Names are the keys' in snake_case; defaults come from the table.

Odd: ``Extension.LogDir`` is in ``extensions``, ``Autoupdate.Frequency`` in ``auto_update``, keys without a prefix are in
``general``. A field that may be None has no default of its own: the reader decides what a missing line means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from waagent.config.settings import BY_KEY


def default(key: str) -> Any:
    """The default of a key, from the table."""
    return BY_KEY[key].default


@dataclass(frozen=True)
class Provisioning:
    """The settings ``Provisioning.*``."""

    enabled: bool = default("Provisioning.Enabled")
    agent: str = default("Provisioning.Agent")
    delete_root_password: bool = default("Provisioning.DeleteRootPassword")
    regenerate_ssh_host_key_pair: bool = default("Provisioning.RegenerateSshHostKeyPair")
    ssh_host_key_pair_type: str = default("Provisioning.SshHostKeyPairType")
    monitor_host_name: bool = default("Provisioning.MonitorHostName")
    monitor_host_name_period: int = default("Provisioning.MonitorHostNamePeriod")
    decode_custom_data: bool = default("Provisioning.DecodeCustomData")
    execute_custom_data: bool = default("Provisioning.ExecuteCustomData")
    allow_reset_sys_user: bool = default("Provisioning.AllowResetSysUser")
    password_crypt_id: str = default("Provisioning.PasswordCryptId")
    password_crypt_salt_length: int = default("Provisioning.PasswordCryptSaltLength")
    use_cloud_init: bool = default("Provisioning.UseCloudInit")


@dataclass(frozen=True)
class ResourceDisk:
    """The settings ``ResourceDisk.*``."""

    format: bool = default("ResourceDisk.Format")
    filesystem: str = default("ResourceDisk.Filesystem")
    mount_point: str = default("ResourceDisk.MountPoint")
    mount_options: str | None = default("ResourceDisk.MountOptions")
    enable_swap: bool = default("ResourceDisk.EnableSwap")
    swap_size_mb: int = default("ResourceDisk.SwapSizeMB")
    enable_swap_encryption: bool = default("ResourceDisk.EnableSwapEncryption")
    format_nvme: bool = default("ResourceDisk.FormatNvme")


@dataclass(frozen=True)
class Extensions:
    """The settings ``Extensions.*``."""

    enabled: bool = default("Extensions.Enabled")
    goal_state_period: int | None = default("Extensions.GoalStatePeriod")
    initial_goal_state_period: int | None = default("Extensions.InitialGoalStatePeriod")
    wait_for_cloud_init: bool = default("Extensions.WaitForCloudInit")
    wait_for_cloud_init_timeout: int = default("Extensions.WaitForCloudInitTimeout")
    log_dir: str = default("Extension.LogDir")


@dataclass(frozen=True)
class AutoUpdate:
    """The settings ``AutoUpdate.*``."""

    update_to_latest_version: bool | None = default("AutoUpdate.UpdateToLatestVersion")
    enabled: bool = default("AutoUpdate.Enabled")
    ga_family: str = default("AutoUpdate.GAFamily")
    frequency: int = default("Autoupdate.Frequency")


@dataclass(frozen=True)
class General:
    """Settings without a group."""

    lb_probe_responder: bool = default("LBProbeResponder")
    enable_over_provisioning: bool = default("EnableOverProvisioning")
    detect_scvmm_env: bool | None = default("DetectScvmmEnv")


@dataclass(frozen=True)
class Logs:
    """The settings ``Logs.*``."""

    verbose: bool = default("Logs.Verbose")
    console: bool = default("Logs.Console")
    collect: bool = default("Logs.Collect")
    collect_period: int = default("Logs.CollectPeriod")


@dataclass(frozen=True)
class Lib:
    """The settings ``Lib.*``."""

    dir: str = default("Lib.Dir")


@dataclass(frozen=True)
class Dvd:
    """The settings ``DVD.*``."""

    mount_point: str = default("DVD.MountPoint")


@dataclass(frozen=True)
class Pid:
    """The settings ``Pid.*``."""

    file: str = default("Pid.File")


@dataclass(frozen=True)
class Policy:
    """The settings ``Policy.*``."""

    policy_file_path: str = default("Policy.PolicyFilePath")


@dataclass(frozen=True)
class Protocol:
    """The settings ``Protocol.*``."""

    endpoint_discovery: str = default("Protocol.EndpointDiscovery")


@dataclass(frozen=True)
class HttpProxy:
    """The settings ``HttpProxy.*``."""

    host: str | None = default("HttpProxy.Host")
    port: int | None = default("HttpProxy.Port")


@dataclass(frozen=True)
class Telemetry:
    """The settings ``Telemetry.*``."""

    enabled: bool = default("Telemetry.Enabled")


@dataclass(frozen=True)
class Cgroups:
    """The settings ``CGroups.*``."""

    enabled: bool = default("CGroups.Enabled")


@dataclass(frozen=True)
class Monitor:
    """The settings ``Monitor.*``."""

    network_configuration_changes: bool = default("Monitor.NetworkConfigurationChanges")


@dataclass(frozen=True)
class Os:
    """The settings ``OS.*``."""

    enable_rdma: bool = default("OS.EnableRDMA")
    update_rdma_driver: bool = default("OS.UpdateRdmaDriver")
    check_rdma_driver: bool | None = default("OS.CheckRdmaDriver")
    root_device_scsi_timeout: int | None = default("OS.RootDeviceScsiTimeout")
    root_device_scsi_timeout_period: int = default("OS.RootDeviceScsiTimeoutPeriod")
    openssl_path: str | None = default("OS.OpensslPath")
    allow_http: bool = default("OS.AllowHTTP")
    enable_fips: bool = default("OS.EnableFIPS")
    enable_firewall: bool = default("OS.EnableFirewall")
    enable_firewall_period: int = default("OS.EnableFirewallPeriod")
    remove_persistent_net_rules_period: int = default("OS.RemovePersistentNetRulesPeriod")
    monitor_dhcp_client_restart_period: int = default("OS.MonitorDhcpClientRestartPeriod")
    ssh_dir: str = default("OS.SshDir")
    sshd_config_path: str | None = default("OS.SshdConfigPath")
    ssh_client_alive_interval: int = default("OS.SshClientAliveInterval")
    home_dir: str = default("OS.HomeDir")
    password_path: str = default("OS.PasswordPath")
    sudoers_dir: str = default("OS.SudoersDir")

    @property
    def wants_rdma(self) -> bool:
        """Whether any of the three settings asks for it (guest.md 6.6)."""
        return self.enable_rdma or self.update_rdma_driver or self.check_rdma_driver is True


@dataclass(frozen=True)
class Debug:
    """The settings ``Debug.*``."""

    cgroup_check_period: int = default("Debug.CgroupCheckPeriod")
    cgroup_log_metrics: bool = default("Debug.CgroupLogMetrics")
    cgroup_disable_on_process_check_failure: bool = default("Debug.CgroupDisableOnProcessCheckFailure")
    cgroup_disable_on_quota_check_failure: bool = default("Debug.CgroupDisableOnQuotaCheckFailure")
    agent_cpu_quota: int = default("Debug.AgentCpuQuota")
    agent_cpu_throttled_time_threshold: int = default("Debug.AgentCpuThrottledTimeThreshold")
    agent_memory_quota: int = default("Debug.AgentMemoryQuota")
    enable_agent_memory_usage_check: bool = default("Debug.EnableAgentMemoryUsageCheck")
    enable_fast_track: bool = default("Debug.EnableFastTrack")
    enable_ga_versioning: bool = default("Debug.EnableGAVersioning")
    enable_rsm_downgrade: bool = default("Debug.EnableRsmDowngrade")
    etp_collection_period: int = default("Debug.EtpCollectionPeriod")
    self_update_hotfix_frequency: int = default("Debug.SelfUpdateHotfixFrequency")
    self_update_regular_frequency: int = default("Debug.SelfUpdateRegularFrequency")
    firewall_rules_log_period: int = default("Debug.FirewallRulesLogPeriod")
    log_collector_initial_delay: int = default("Debug.LogCollectorInitialDelay")
    enable_extension_policy: bool = default("Debug.EnableExtensionPolicy")
    enable_signature_validation: bool = default("Debug.EnableSignatureValidation")
    enable_cgroup_v2_resource_limiting: bool = default("Debug.EnableCgroupV2ResourceLimiting")


@dataclass(frozen=True)
class Config:
    """The effective configuration. ``Config()`` is what applies without a file."""

    provisioning: Provisioning = Provisioning()
    resource_disk: ResourceDisk = ResourceDisk()
    extensions: Extensions = Extensions()
    auto_update: AutoUpdate = AutoUpdate()
    general: General = General()
    logs: Logs = Logs()
    lib: Lib = Lib()
    dvd: Dvd = Dvd()
    pid: Pid = Pid()
    policy: Policy = Policy()
    protocol: Protocol = Protocol()
    http_proxy: HttpProxy = HttpProxy()
    telemetry: Telemetry = Telemetry()
    cgroups: Cgroups = Cgroups()
    monitor: Monitor = Monitor()
    os: Os = Os()
    debug: Debug = Debug()
