"""ovf-env.xml, the provisioning document (guest.md 1.4, 1.6; fabric.md appendix A).

It comes from the DVD, or for pool VMs from the metadata service. Elements are found by namespace and local name, never
by prefix. Odd: the version is the first one below ``Environment``; nil, empty and missing are all "no value"; the
document may be padded with NULs; the saved copy carries ``*`` (ours) or ``REDACTED`` (cloud-init's) as password.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from waagent.codec.element import tree
from waagent.codec.xml_rewrite import rewrite
from waagent.model.failure import DocumentFailure
from waagent.model.ovf import KeyPair, OvfEnvironment, PoolType, PublicKey
from waagent.model.secret import Secret
from waagent.model.version import Version

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

DOCUMENT = "ovf-env.xml"
_OVF = "{http://schemas.dmtf.org/ovf/environment/1}"
_WA = "{http://schemas.microsoft.com/windowsazure}"
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_KNOWN_VERSION = Version("1.0", (1, 0))
_REDACTED = ("*", "REDACTED")
_PASSWORDS = frozenset({"userpassword", "adminpassword"})
_PASSWORD_LIMIT = 72
_CUSTOM_DATA_LIMIT = 64 * 1024
_POOL_TYPES = {kind.value.lower(): kind for kind in PoolType if kind is not PoolType.UNKNOWN}


def parse(data: bytes) -> OvfEnvironment:
    """What the document says. Errors: ``DocumentFailure`` naming the mandatory element that is missing or empty."""
    environment = _find(tree(data, DOCUMENT), "", f"{_OVF}Environment")
    path = "Environment"
    section = _find(environment, path, f"{_WA}ProvisioningSection")
    version = _require(environment, path, "Version")
    settings = _find(section, f"{path}/ProvisioningSection", f"{_WA}LinuxProvisioningConfigurationSet")
    settings_path = f"{path}/ProvisioningSection/LinuxProvisioningConfigurationSet"
    host_name = _require(settings, settings_path, "HostName")
    user_name = _require(settings, settings_path, "UserName")
    platform_section = _find(environment, path, f"{_WA}PlatformSettingsSection")
    platform = _find(platform_section, f"{path}/PlatformSettingsSection", f"{_WA}PlatformSettings")
    guest_agent = _require(platform, f"{path}/PlatformSettingsSection/PlatformSettings", "ProvisionGuestAgent")
    remarks = [*_version_remarks(version)]
    return OvfEnvironment(
        host_name=host_name,
        user_name=user_name,
        user_password=_password(settings, remarks),
        disable_ssh_password_authentication=_flag(settings, "DisableSshPasswordAuthentication"),
        public_keys=tuple(_public_key(each, remarks) for each in settings.iter(f"{_WA}PublicKey")),
        key_pairs=tuple(_key_pair(each, remarks) for each in settings.iter(f"{_WA}KeyPair")),
        custom_data=_custom_data(settings, remarks),
        provision_guest_agent=guest_agent,
        pool_type=_pool_type(platform, remarks),
        remarks=tuple(remarks),
    )


def redact(data: bytes) -> bytes:
    """The same bytes with the content of every password element replaced by ``*``, whatever its prefix or shape.

    Comments are left out: they could hold anything. Errors: ``DocumentFailure`` when the document cannot be read, so that
    nothing is saved which was not understood.
    """
    return rewrite(data, DOCUMENT, _PASSWORDS, lambda name, text: "*")


def _find(parent: Element, path: str, name: str) -> Element:
    for element in parent.iter(name):
        return element
    local = name.rpartition("}")[2]
    raise DocumentFailure(DOCUMENT, path, f"the element {local} is missing")


def _require(parent: Element, path: str, local: str) -> str:
    text = _value(parent, local)
    if text is None:
        raise DocumentFailure(DOCUMENT, path, f"the element {local} is missing or empty")
    return text


def _text(parent: Element, local: str) -> str | None:
    """The first such element's text as it stands; None when missing, nil, empty or blank."""
    element = next(parent.iter(f"{_WA}{local}"), None)
    if element is None or element.get(_NIL, "").strip().lower() in ("true", "1"):
        return None
    return element.text if element.text and element.text.strip() else None


def _value(parent: Element, local: str) -> str | None:
    text = _text(parent, local)
    return text.strip() if text else None


def _flag(parent: Element, local: str) -> bool | None:
    text = _value(parent, local)
    return None if text is None else text.lower() == "true"


def _password(settings: Element, remarks: list[str]) -> Secret | None:
    text = _text(settings, "UserPassword")
    if text is None or text.strip() in _REDACTED:
        return None
    if len(text) > _PASSWORD_LIMIT:
        remarks.append(f"UserPassword has {len(text)} characters; the platform allows {_PASSWORD_LIMIT}")
    return Secret(text)


def _custom_data(settings: Element, remarks: list[str]) -> Secret | None:
    text = _text(settings, "CustomData")
    if text is None:
        return None
    if len("".join(text.split())) * 3 // 4 > _CUSTOM_DATA_LIMIT + 2:
        remarks.append(f"CustomData is larger than {_CUSTOM_DATA_LIMIT} bytes")
    return Secret(text)


def _public_key(element: Element, remarks: list[str]) -> PublicKey:
    fingerprint = _fingerprint(element, "PublicKey", remarks)
    return PublicKey(_value(element, "Path"), _value(element, "Value"), fingerprint)


def _key_pair(element: Element, remarks: list[str]) -> KeyPair:
    return KeyPair(_value(element, "Path"), _fingerprint(element, "KeyPair", remarks))


def _fingerprint(element: Element, owner: str, remarks: list[str]) -> str | None:
    # It becomes a file name below the state directory: nothing but hex digits may pass.
    text = re.sub(r"[\s:]", "", _value(element, "Fingerprint") or "").upper()
    if text and not re.fullmatch(r"[0-9A-F]+", text):
        remarks.append(f"the Fingerprint of a {owner} is not hexadecimal, ignored")
        return None
    return text or None


def _pool_type(platform: Element, remarks: list[str]) -> PoolType:
    text = _value(platform, "PreprovisionedVMType") or _value(platform, "PreprovisionedVmType")
    kind = _POOL_TYPES.get((text or "None").lower(), PoolType.UNKNOWN)
    if kind is PoolType.UNKNOWN:
        remarks.append(f"the PreprovisionedVMType {text!r} is unknown")
    if kind in (PoolType.NONE, PoolType.UNKNOWN) and _flag(platform, "PreprovisionedVm"):
        return PoolType.RUNNING
    return kind


def _version_remarks(text: str) -> tuple[str, ...]:
    version = Version.parse(text)
    newer = version > _KNOWN_VERSION if version else text > _KNOWN_VERSION.text
    return (f"version {text} is newer than {_KNOWN_VERSION.text}, which this agent knows",) if newer else ()
