"""/vmSettings (fabric 5.4): the same wishes as JSON, by the HostGAPlugin.

The modes that change the document are rendered here (BOM, shuffled case, no JSON); those that change the answer (404, 410,
errors, no ETag) are the emulator's.
"""

import codecs
import json
from typing import Any

from fabriclab.documents import handler_settings
from fabriclab.documents.tenant_keys import TenantKeys
from fabriclab.world.extension import AgentFamily, Extension, Flaw, Settings
from fabriclab.world.switches import VmSettings
from fabriclab.world.values import FastTrack, World


def etag(world: World) -> str:
    """The value of the ETag header: a bare number, as on the real host."""
    return str(world.fast_track.etag) if world.fast_track is not None else ""


def render(world: World, keys: TenantKeys) -> bytes:
    """Of a host that supports Fast Track; the caller answers 404 when world.fast_track is None."""
    mode = world.switches.vm_settings
    if mode is VmSettings.NOT_JSON:
        return b'{"hostGAPluginVersion": "1.0.8.175", "extensionGoalStates": ['
    content = _document(world, world.fast_track or FastTrack(), keys)
    if mode is VmSettings.SHUFFLED_CASE:
        content = _shuffled(content)
    body = json.dumps(content, indent=2).encode()
    return codecs.BOM_UTF8 + body if mode is VmSettings.BOM else body


def _document(world: World, fast: FastTrack, keys: TenantKeys) -> dict[str, Any]:
    metadata = fast.metadata
    content: dict[str, Any] = {
        "hostGAPluginVersion": fast.plugin_version,
        "vmSettingsSchemaVersion": fast.schema_version,
        "activityId": metadata.activity_id,
        "correlationId": metadata.correlation_id,
        "inSvdSeqNo": metadata.sequence,
        "certificatesRevision": fast.certificates_revision,
        "extensionsLastModifiedTickCount": metadata.ticks,
        "extensionGoalStatesSource": fast.source,
        "onHold": world.on_hold,
        "statusUploadBlob": _status_blob(world),
        "inVMMetadata": _metadata(world),
        "requiredFeatures": [{"name": name} for name in world.required_features],
        "gaFamilies": [_family(family) for family in world.families],
        "extensionGoalStates": [_extension(extension, world, keys) for extension in fast.extensions],
    }
    return {name: value for name, value in content.items() if value is not None}


def _status_blob(world: World) -> dict[str, str] | None:
    if not world.status_blob.present:
        return None
    kind = {"statusBlobType": world.status_blob.kind} if world.status_blob.kind else {}
    return {**kind, "value": world.status_address}


def _metadata(world: World) -> dict[str, str]:
    identity = world.identity
    return {
        "subscriptionId": identity.subscription_id,
        "resourceGroupName": identity.resource_group,
        "vmName": identity.vm_name,
        "location": identity.location,
        "vmId": identity.vm_id,
        "vmSize": identity.vm_size,
        "osType": "Linux",
    }


def _family(family: AgentFamily) -> dict[str, Any]:
    members: dict[str, Any] = {
        "name": family.name,
        "version": family.version,
        "fromVersion": family.from_version,
        "isVersionFromRSM": family.version_from_rsm,
        "isVMEnabledForRSMUpgrades": family.enabled_for_rsm_upgrades,
        "uris": list(family.manifests),
    }
    return {name: value for name, value in members.items() if value is not None}


def _extension(extension: Extension, world: World, keys: TenantKeys) -> dict[str, Any]:
    members: dict[str, Any] = {
        "name": extension.name,
        "version": extension.version,
        "state": extension.state,
        "location": extension.manifest,
        "failoverLocation": extension.failover_manifest,
        "additionalLocations": list(extension.additional_locations),
        "autoUpgrade": extension.auto_upgrade,
        "runAsStartupTask": False,
        "isJson": True,
        "useExactVersion": True,
    }
    if extension.encoded_signature is not None:
        members["encodedSignature"] = extension.encoded_signature
    first = extension.settings[0].sequence if extension.settings else 0
    members |= {"settingsSeqNo": 0 if extension.multi_config else first, "isMultiConfig": extension.multi_config}
    members["settings"] = [_settings(item, extension, world, keys) for item in extension.settings]
    depends_on = [_depends_on(item, extension) for item in extension.settings if item.level or item.depends_on]
    if depends_on:
        members["dependsOn"] = depends_on
    return _flawed(members, extension.flaws)


def _flawed(members: dict[str, Any], flaws: frozenset[Flaw]) -> dict[str, Any]:
    """What may be wrong with an extension as a whole; each makes an agent refuse the document."""
    if Flaw.NO_SEQUENCE in flaws:
        del members["settingsSeqNo"]
    if Flaw.TWO_RUNTIME_SETTINGS in flaws:
        members["settings"] *= 2
    if Flaw.TWO_DEPENDS_ON in flaws:
        members["dependsOn"] = members.get("dependsOn", [{"dependsOnExtension": [], "dependencyLevel": 0}]) * 2
    return members


def _settings(settings: Settings, extension: Extension, world: World, keys: TenantKeys) -> dict[str, Any]:
    flaws = extension.flaws
    members = handler_settings.json_members(settings, world, keys, flaws)
    if extension.multi_config:
        members |= {"seqNo": settings.sequence, "extensionName": settings.name, "extensionState": settings.state}
        left_out = {Flaw.NO_SEQUENCE: "seqNo", Flaw.NAMELESS_INSTANCE: "extensionName"}
        for flaw in flaws & set(left_out):
            del members[left_out[flaw]]
    return members


def _depends_on(settings: Settings, extension: Extension) -> dict[str, Any]:
    handlers = []
    for dependency in settings.depends_on:
        named = {"handler": dependency.handler}
        handlers.append(named if dependency.extension is None else {"extension": dependency.extension, **named})
    members: dict[str, Any] = {"dependsOnExtension": handlers, "dependencyLevel": settings.level}
    with_name = extension.multi_config and Flaw.NAMELESS_DEPENDS_ON not in extension.flaws
    return {**members, "name": settings.name} if with_name else members


def _shuffled(value: Any) -> Any:
    """Property names with another case, but only names: values stay."""
    if isinstance(value, list):
        return [_shuffled(item) for item in value]
    if isinstance(value, dict):
        return {name[:1].upper() + name[1:].swapcase(): _shuffled(item) for name, item in value.items()}
    return value
