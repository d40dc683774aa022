"""ovf-env.xml (guest contract 1.4, fabric appendix A): the document of the provisioning DVD and of reprovision data.

Every element can be there, be empty, be nil or be left out: None leaves it out, NIL writes xsi:nil. Two spellings of the
pre-provisioning type and a prefix for the elements of the configuration set exist, because real documents differ there.
"""

from dataclasses import dataclass, field

from fabriclab.documents.markup import XSI, Element, boolean, child, document

OVF = "http://schemas.dmtf.org/ovf/environment/1"
AZURE = "http://schemas.microsoft.com/windowsazure"
NIL = "\0nil"  # a value that no document can hold as text


@dataclass(frozen=True)
class PublicKey:
    """`value`: an OpenSSH line; without it the key of the certificate that `fingerprint` names."""

    path: str
    value: str | None = None
    fingerprint: str | None = None


@dataclass(frozen=True)
class KeyPair:
    path: str
    fingerprint: str


@dataclass(frozen=True)
class Ovf:
    hostname: str | None = "labvm01"
    username: str | None = "labuser"
    password: str | None = field(default=None, repr=False)
    disable_ssh_password_authentication: str | None = "false"  # the text itself: case varies
    public_keys: tuple[PublicKey, ...] = ()
    key_pairs: tuple[KeyPair, ...] = ()
    custom_data: str | None = field(default=None, repr=False)  # base64 text
    configuration_set_type: str | None = "LinuxProvisioningConfiguration"
    version: str | None = "1.0"
    # platform settings
    kms_server_hostname: str | None = "kms.example.net"
    provision_guest_agent: str | None = "true"
    provision_guest_proxy_agent: str | None = "false"
    guest_agent_package_name: str | None = NIL
    retain_windows_pe_pass_in_unattend: str | None = "true"
    retain_offline_servicing_pass_in_unattend: str | None = "true"
    enable_trusted_image_identifier: str | None = None
    preprovisioned_vm: bool | None = False
    preprovisioned_vm_type: str | None = NIL
    preprovisioned_type_spelling: str = "PreprovisionedVMType"  # or PreprovisionedVmType
    # form
    prefix: str = "wa"  # of the sections
    prefixed_set: bool = False  # the configuration set's elements carry the prefix too
    bom: bool = False


def render(ovf: Ovf) -> bytes:
    prefix = ovf.prefix
    root = Element("Environment", {"xmlns": OVF, "xmlns:oe": OVF, f"xmlns:{prefix}": AZURE, "xmlns:xsi": XSI})
    section = child(root, f"{prefix}:ProvisioningSection")
    _optional(section, f"{prefix}:Version", ovf.version)
    _configuration_set(section, ovf)
    platform = child(root, f"{prefix}:PlatformSettingsSection")
    _optional(platform, f"{prefix}:Version", ovf.version)
    settings = child(platform, f"{prefix}:PlatformSettings")
    for name, value in _platform_settings(ovf).items():
        _optional(settings, f"{prefix}:{name}", value)
    return document(root, ovf.bom)


def _configuration_set(section: Element, ovf: Ovf) -> None:
    own = {} if ovf.prefixed_set else {"xmlns": AZURE, "xmlns:i": XSI}
    mark = f"{ovf.prefix}:" if ovf.prefixed_set else ""
    configuration = child(section, f"{mark}LinuxProvisioningConfigurationSet", None, own)
    _optional(configuration, f"{mark}ConfigurationSetType", ovf.configuration_set_type)
    _optional(configuration, f"{mark}HostName", ovf.hostname)
    _optional(configuration, f"{mark}UserName", ovf.username)
    _optional(configuration, f"{mark}UserPassword", ovf.password)
    _optional(configuration, f"{mark}DisableSshPasswordAuthentication", ovf.disable_ssh_password_authentication)
    if ovf.public_keys or ovf.key_pairs:
        _ssh(child(configuration, f"{mark}SSH"), ovf, mark)
    _optional(configuration, f"{mark}CustomData", ovf.custom_data)


def _ssh(ssh: Element, ovf: Ovf, mark: str) -> None:
    if ovf.public_keys:
        keys = child(ssh, f"{mark}PublicKeys")
        for key in ovf.public_keys:
            element = child(keys, f"{mark}PublicKey")
            _optional(element, f"{mark}Fingerprint", key.fingerprint)
            _optional(element, f"{mark}Path", key.path)
            _optional(element, f"{mark}Value", key.value)
    if ovf.key_pairs:
        pairs = child(ssh, f"{mark}KeyPairs")
        for pair in ovf.key_pairs:
            element = child(pairs, f"{mark}KeyPair")
            child(element, f"{mark}Fingerprint", pair.fingerprint)
            child(element, f"{mark}Path", pair.path)


def _platform_settings(ovf: Ovf) -> dict[str, str | None]:
    return {
        "KmsServerHostname": ovf.kms_server_hostname,
        "ProvisionGuestAgent": ovf.provision_guest_agent,
        "ProvisionGuestProxyAgent": ovf.provision_guest_proxy_agent,
        "GuestAgentPackageName": ovf.guest_agent_package_name,
        "RetainWindowsPEPassInUnattend": ovf.retain_windows_pe_pass_in_unattend,
        "RetainOfflineServicingPassInUnattend": ovf.retain_offline_servicing_pass_in_unattend,
        "EnableTrustedImageIdentifier": ovf.enable_trusted_image_identifier,
        "PreprovisionedVm": None if ovf.preprovisioned_vm is None else boolean(ovf.preprovisioned_vm),
        ovf.preprovisioned_type_spelling: ovf.preprovisioned_vm_type,
    }


def _optional(parent: Element, name: str, value: str | None) -> None:
    if value == NIL:
        child(parent, name, None, {"xsi:nil": "true"})
    elif value is not None:
        child(parent, name, value)
