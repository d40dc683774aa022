"""Every path that the agent owns: the drop-in contract (fabric.md appendix B, extensions.md 1.1, guest.md 1.6).

Other software reads many of these files, so names are fixed. Values only; nothing here touches the disk.
"""

from __future__ import annotations

from dataclasses import dataclass

from waagent.config.sections import Config


@dataclass(frozen=True)
class HandlerPaths:
    """The places of one installed handler (extensions.md 1.1)."""

    base: str
    logs: str
    manifest: str
    environment: str
    config: str
    status: str
    heartbeat: str
    state: str
    handler_status: str
    package_validated: str
    extension_events: str
    mrseq: str

    def settings(self, extension: str | None, sequence_number: int) -> str:
        """``config/<seq>.settings``, or ``config/<ext>.<seq>.settings`` when ``extension`` names one of several."""
        return f"{self.config}/{_prefix(extension)}{sequence_number}.settings"

    def extension_status(self, extension: str | None, sequence_number: int) -> str:
        """``status/<seq>.status``, or ``status/<ext>.<seq>.status``."""
        return f"{self.status}/{_prefix(extension)}{sequence_number}.status"

    def extension_state(self, extension: str) -> str:
        """``config/<ext>.HandlerState``, for handlers with several extensions only."""
        return f"{self.config}/{extension}.HandlerState"

    def command_log(self, extension: str | None = None) -> str:
        """``CommandExecution.log``, or ``CommandExecution_<ext>.log``."""
        return f"{self.logs}/CommandExecution{f'_{extension}' if extension else ''}.log"


@dataclass(frozen=True)
class Paths:
    """The agent's own files. Directories carry no trailing slash."""

    lib: str
    ovf_env: str
    custom_data: str
    provisioned: str
    published_hostname: str
    disable_agent: str
    protocol: str
    wire_server_endpoint: str
    dhcp_routes: str
    shared_config: str
    transport_certificate: str
    transport_key: str
    certificates_xml: str
    certificates_p7m: str
    certificates_pem: str
    certificates_pfx: str
    root_certificate: str
    fast_track: str
    goal_state_placeholder: str
    history: str
    events: str
    event_status: str
    initial_goal_state: str
    current_version: str
    initial_update: str
    rsm_update: str
    network_setup: str
    firewall: str
    log_collector: str
    log: str
    pid: str
    extension_logs: str
    sudoers: str
    policy: str

    @staticmethod
    def of(config: Config) -> Paths:
        """The paths that follow from a configuration."""
        lib = config.lib.dir.rstrip("/")
        return Paths(
            lib=lib,
            ovf_env=f"{lib}/ovf-env.xml",
            custom_data=f"{lib}/CustomData",
            provisioned=f"{lib}/provisioned",
            published_hostname=f"{lib}/published_hostname",
            disable_agent=f"{lib}/disable_agent",
            protocol=f"{lib}/Protocol",
            wire_server_endpoint=f"{lib}/WireServerEndpoint",
            dhcp_routes=f"{lib}/dhcp_routes.json",
            shared_config=f"{lib}/SharedConfig.xml",
            transport_certificate=f"{lib}/TransportCert.pem",
            transport_key=f"{lib}/TransportPrivate.pem",
            certificates_xml=f"{lib}/Certificates.xml",
            certificates_p7m=f"{lib}/Certificates.p7m",
            certificates_pem=f"{lib}/Certificates.pem",
            certificates_pfx=f"{lib}/Certificates.pfx",
            root_certificate=f"{lib}/microsoft_root_certificate.pem",
            fast_track=f"{lib}/fast_track.json",
            goal_state_placeholder=f"{lib}/GoalState.1.xml",
            history=f"{lib}/history",
            events=f"{lib}/events",
            event_status=f"{lib}/event_status.json",
            initial_goal_state=f"{lib}/initial_goal_state",
            current_version=f"{lib}/current_version",
            initial_update=f"{lib}/waagent_initial_update",
            rsm_update=f"{lib}/waagent_rsm_update",
            network_setup=f"{lib}/waagent-network-setup.py",
            firewall=f"{lib}/guarded_address",
            log_collector=f"{lib}/logcollector",
            log="/var/log/waagent.log",
            pid=config.pid.file,
            extension_logs=config.extensions.log_dir.rstrip("/"),
            sudoers=f"{config.os.sudoers_dir.rstrip('/')}/waagent",
            policy=config.policy.policy_file_path,
        )

    def certificate(self, thumbprint: str) -> str:
        return f"{self.lib}/{thumbprint}.crt"

    def private_key(self, thumbprint: str) -> str:
        return f"{self.lib}/{thumbprint}.prv"

    def agent(self, version: str) -> str:
        """Directory of a downloaded version of the agent."""
        return f"{self.lib}/WALinuxAgent-{version}"

    def package(self, name: str, version: str) -> str:
        """The zip of a handler while it is unpacked: two underscores."""
        return f"{self.lib}/{name}__{version}.zip"

    def handler(self, name: str, version: str) -> HandlerPaths:
        """The places of one handler; ``version`` is the version list's text, verbatim."""
        base, logs = f"{self.lib}/{name}-{version}", f"{self.extension_logs}/{name}"
        return HandlerPaths(
            base=base,
            logs=logs,
            manifest=f"{base}/HandlerManifest.json",
            environment=f"{base}/HandlerEnvironment.json",
            config=f"{base}/config",
            status=f"{base}/status",
            heartbeat=f"{base}/heartbeat.log",
            state=f"{base}/config/HandlerState",
            handler_status=f"{base}/config/HandlerStatus",
            package_validated=f"{base}/package_validated",
            extension_events=f"{logs}/events",
            mrseq=f"{base}/mrseq",
        )


def _prefix(extension: str | None) -> str:
    return f"{extension}." if extension else ""
