"""What is fuzzed: each parser of bytes that come from outside, as a function of bytes, with examples to begin from.

A target may raise ``Failure``: that is how the agent refuses a document. Anything else is a finding.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from waagent.codec import (
    artifacts_profile,
    certificates,
    dhcp_packet,
    event_file,
    extension_event,
    extensions_config,
    goal_state,
    handler_files,
    handler_manifest,
    handler_status,
    heartbeat,
    hosting_environment,
    imds,
    kvp_pool,
    lease_routes,
    leases,
    ovf_env,
    partition_table,
    policy,
    provisioning_report,
    remote_access,
    route_table,
    saved,
    version_list,
    versions,
    vm_settings,
    volume,
)
from waagent.fabric import pem
from waagent.model.failure import Failure
from waagent.model.goal_state import Etag, Incarnation
from waagent.model.secret import redact
from waagent.model.version import Version

__all__ = ["ROOT", "TARGETS", "Failure", "Target"]

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "tests/unit/codec/documents"
RECORDED = ROOT.parent / "shared/payloads"
NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)
DISK = (
    bytes(446) + b"\0\xfe\xff\xff\x07\xfe\xff\xff\0\x08\0\0\0\0\x10\0" + bytes(48) + b"\x55\xaa" + b"EFI PART".ljust(512, b"\0")
)
XID, MAC = b"\x01\x02\x03\x04", b"\x00\x15\x5d\x0a\x1b\x2c"
OVF = b"""<?xml version="1.0" encoding="utf-8"?>
<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:wa="http://schemas.microsoft.com/windowsazure">
<wa:ProvisioningSection><wa:Version>1.0</wa:Version>
<LinuxProvisioningConfigurationSet xmlns="http://schemas.microsoft.com/windowsazure">
<ConfigurationSetType>LinuxProvisioningConfiguration</ConfigurationSetType><HostName>vm</HostName><UserName>user</UserName>
<UserPassword>Secret-1</UserPassword><DisableSshPasswordAuthentication>false</DisableSshPasswordAuthentication>
<SSH><PublicKeys><PublicKey><Fingerprint>AB</Fingerprint><Path>$HOME/user/.ssh/authorized_keys</Path><Value>ssh-rsa A</Value>
</PublicKey></PublicKeys><KeyPairs><KeyPair><Fingerprint>AB</Fingerprint><Path>/x</Path></KeyPair></KeyPairs></SSH>
<CustomData>bGFi</CustomData></LinuxProvisioningConfigurationSet></wa:ProvisioningSection>
<wa:PlatformSettingsSection><wa:Version>1.0</wa:Version><wa:PlatformSettings><wa:ProvisionGuestAgent>true</wa:ProvisionGuestAgent>
<wa:PreprovisionedVm>false</wa:PreprovisionedVm></wa:PlatformSettings></wa:PlatformSettingsSection></Environment>"""
OFFER = (
    b"\x02\x01\x06\0" + XID + b"\0" * 20 + MAC + b"\0" * 202
    + bytes.fromhex("6382536335010236 04a83f8110f504a83f81100304 0a140001f90820a83f81100a140001ff".replace(" ", ""))
)  # fmt: skip
LEASES = (
    b'lease {\n interface "eth0";\n option unknown-245 a8:3f:81:10;\n expire 5 2036/01/02 03:04:05;\n}\n',
    b'lease {\n option unknown-245 "\\250?\\201a";\n expire never;\n}\nlease {\n option option-245 a8:3f:81:a;\n'
    b" expire 2 2036/1/2 3:4:5 UTC;\n}\nlease {\n expire epoch 2000000000; # x\n}\n",
    b"# comment\nADDRESS=10.0.0.4\nOPTION_245=a83f8110\n",
    b"DHCP4.OPTION[1]: private_245 = a8:3f:81:10\n",
    OFFER,
)
MANIFEST = {
    "version": 1.0,
    "handlerManifest": {
        "installCommand": "a", "enableCommand": "b c", "updateCommand": "d", "uninstallCommand": "e", "disableCommand": "f",
        "rebootAfterInstall": False, "reportHeartbeat": True, "updateMode": "UpdateWithInstall",
        "continueOnUpdateFailure": "true", "supportsMultipleExtensions": True, "supportedPolicies": {"x": 1},
    },
    "resourceLimits": {"services": [{"name": "x", "cpuQuotaPercentage": 5}]},
    "signingInfo": {"type": "a", "publisher": "b", "version": "1.0"},
}  # fmt: skip
STATUS = {
    "version": 1.0,
    "timestampUTC": "2026-01-02T03:04:05Z",
    "status": {
        "name": "x", "operation": "Enable", "configurationAppliedTime": "now", "status": "success", "code": "0",
        "formattedMessage": {"lang": "en-US", "message": "done"},
        "substatus": [{"name": "s", "status": "error", "code": 1, "formattedMessage": {"lang": "en", "message": "m"}}, None],
    },
}  # fmt: skip
BEAT = {"version": 1.0, "heartbeat": {"status": "Ready", "code": 0, "formattedMessage": {"lang": "en", "message": "m"}}}
EVENT = dict.fromkeys(("Version", "Timestamp", "TaskName", "EventLevel", "Message", "EventPid", "EventTid", "OperationId"), "1")
OLD_EVENT = {"eventId": 1, "providerId": "69B669B9-4AF8-4C50-BDC4-6006FA76E975", "parameters": [{"name": "Name", "value": "x"}]}
OLD_XML = b'<Data><Provider id="69B669B9"/><Event id="1"/><Param Name="Name" Value="x" T="mt:wstr"/></Data>'
RECORD = {"name": "x", "version": "1", "status": "Ready", "code": 0, "message": "m"}
POLICY = {"policyVersion": "0.1.0", "extensionPolicies": {"allowListedExtensionsOnly": True, "extensions": {"A.B": {}}}}
ROUTES = (
    b"Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
    b"eth0\t00000000\t0100140A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
)
REPORT = b"PROVISIONING_REPORT".ljust(512, b"\0") + b"result=error|reason='a''b'|x=y".ljust(2048, b"\0")
POOL = b"key".ljust(512, b"\0") + b"value".ljust(2048, b"\0")


@dataclass(frozen=True)
class Target:
    run: Callable[[bytes], object]
    seeds: Callable[[], Iterable[bytes]]


def each(*calls: Callable[[], object]) -> None:
    """All of them, also after one that refuses; then the refusal."""
    refusal: Failure | None = None
    for call in calls:
        try:
            call()
        except Failure as failure:
            refusal = failure
    if refusal is not None:
        raise refusal


def lease_files(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    leases.endpoint_from_dhclient([text], NOW)
    leases.endpoint_from_openbsd([text], NOW)
    leases.endpoint_from_networkd([text])
    leases.endpoint_from_networkmanager([text])
    leases.endpoint_from_dhcpcd(data)
    lease_routes.from_dhclient([text], NOW)
    lease_routes.from_networkd([text])
    lease_routes.from_networkmanager([text])


def extensions(data: bytes) -> None:
    each(lambda: extensions_config.parse(data, Incarnation("1")), lambda: saved.redact_extensions_config(data))


def settings(data: bytes) -> None:
    each(
        lambda: vm_settings.host_plugin_version(data),
        lambda: vm_settings.parse(data, Etag('"1"')),
        lambda: saved.redact_vm_settings(data),
    )


def jit_users(data: bytes) -> None:
    each(lambda: remote_access.parse(data), lambda: saved.redact_remote_access(data))


def ovf(data: bytes) -> None:
    found = ovf_env.parse(data)
    kept = ovf_env.redact(data)
    again = ovf_env.parse(kept)
    assert again.host_name == found.host_name, "the redacted copy says something else"
    secret = again.user_password
    assert secret is None or set(secret.reveal()) <= {"*"}, "a password is left"


def metadata(data: bytes) -> None:
    each(lambda: imds.network_is_valid(data), lambda: imds.parse_compute(data))


def pool(data: bytes) -> None:
    kvp_pool.parse(data)
    reports = kvp_pool.latest(data)
    if provisioning_report.KEY in reports:
        provisioning_report.parse(reports[provisioning_report.KEY])


def manifest(data: bytes) -> None:
    each(lambda: handler_manifest.stored(data), lambda: handler_manifest.parse(data))


def status(data: bytes) -> None:
    handler_status.parse(data, "Lab.Good", 0)


def texts(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    left = redact(text)
    assert not re.search(r"(?i)[?&;]sig=[A-Za-z0-9%]", left), "a signature is left"
    Version.parse(text)
    route_table.parse(text)
    pem.split_pem(text)


def examples(*names: str) -> Callable[[], Iterable[bytes]]:
    """Complete examples by file name, and recorded documents whose name or folder holds the same word."""

    def read() -> Iterable[bytes]:
        for name in names:
            yield (EXAMPLES / name).read_bytes()
        words = [name.partition(".")[0].replace("_", "") for name in names]
        for path in sorted(RECORDED.rglob("*")) if RECORDED.is_dir() else []:
            plain = path.name.lower().replace("_", "").replace("-", "")
            if path.is_file() and any(word in plain for word in words):
                yield path.read_bytes()

    return read


def written(*documents: object) -> Callable[[], Iterable[bytes]]:
    return lambda: [each if isinstance(each, bytes) else json.dumps(each).encode() for each in documents]


def disk(data: bytes) -> None:
    """What a disk begins with: anybody may have written it."""
    for sector in (512, 4096):
        table = partition_table.parse(data, sector)
        if table is not None:
            partition_table.has_extended(table)
    volume.identify(data)
    volume.ntfs_volume_record(data)
    volume.ntfs_label(data)


TARGETS: dict[str, Target] = {
    "disk": Target(disk, written(DISK, DISK[512:], b"FILE" + bytes(1020))),
    "versions": Target(versions.parse, examples("versions.xml")),
    "goal-state": Target(goal_state.parse, examples("goal_state.xml")),
    "extensions-config": Target(extensions, examples("extensions_config.xml")),
    "vm-settings": Target(settings, examples("vm_settings.json")),
    "certificates": Target(certificates.parse, examples("certificates.xml")),
    "hosting-environment": Target(hosting_environment.parse, examples("hosting_environment.xml")),
    "remote-access": Target(jit_users, examples("remote_access.xml")),
    "artifacts-profile": Target(artifacts_profile.on_hold, written({"onHold": True, "profileId": "x"}, b'{"onHold":"a"}\0')),
    "version-list": Target(version_list.parse, examples("version_list.xml")),
    "ovf": Target(ovf, written(OVF)),
    "imds": Target(metadata, examples("instance.json")),
    "dhcp-packet": Target(lambda data: dhcp_packet.parse_offer(data, XID, MAC), written(OFFER)),
    "lease-files": Target(lease_files, written(*LEASES)),
    "kvp": Target(pool, written(POOL + REPORT, POOL)),
    "handler-manifest": Target(manifest, written([MANIFEST], MANIFEST)),
    "handler-status": Target(status, written([STATUS])),
    "handler-state": Target(handler_files.parse_handler_state, written(b"Enabled")),
    "handler-record": Target(handler_files.parse_handler_status, written(RECORD)),
    "heartbeat": Target(heartbeat.parse, written([BEAT])),
    "extension-event": Target(extension_event.parse, written([EVENT], EVENT)),
    "event-file": Target(lambda data: event_file.parse(data, legacy=True), written(OLD_EVENT, OLD_XML)),
    "policy": Target(lambda data: policy.parse(data, "/etc/waagent_policy.json"), written(POLICY)),
    "texts": Target(
        texts,
        written(
            b"https://a.blob.core.windows.net/c/b?sv=2018&sr=b&sig=aGVsbG8%3d&se=9999", b"9.9.9.10-rc.1", ROUTES,
            b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        ),
    ),
}  # fmt: skip
