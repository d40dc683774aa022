"""ExtensionsConfig (fabric 4): what the wire server's side of the fabric wants of the extensions.

Flaws (world/extension.py) are rendered in plugin_settings.py: on purpose, one by one, to see what an agent makes of them.
"""

from fabriclab.documents import plugin_settings
from fabriclab.documents.markup import Element, address, boolean, child, document
from fabriclab.documents.tenant_keys import TenantKeys
from fabriclab.world.extension import AgentFamily, Extension
from fabriclab.world.switches import Profile
from fabriclab.world.values import World


def render(world: World, keys: TenantKeys) -> bytes:
    root = Element("Extensions", {"version": "1.0.0.0", "goalStateIncarnation": str(world.incarnation)})
    _agent(root, world)
    if world.required_features:
        features = child(root, "RequiredFeatures")
        for name in world.required_features:
            child(child(features, "RequiredFeature"), "Name", name)
    padded = world.switches.padded_addresses
    if world.status_blob.present:
        kind = {"statusBlobType": world.status_blob.kind} if world.status_blob.kind else {}
        child(root, "StatusUploadBlob", address(world.status_address, padded), kind)
    if world.extensions:
        plugins = child(root, "Plugins")
        for extension in world.extensions:
            _plugin(plugins, extension)
        settings = child(root, "PluginSettings")
        for extension in world.extensions:
            plugin_settings.add(settings, extension, world, keys)
    if world.switches.profile is not Profile.NO_ADDRESS:
        child(root, "InVMArtifactsProfileBlob", address(world.profile_address, padded))
    if world.switches.health_probe:
        probe = {"id": world.identity.container_id, "type": "loadbalancer", "port": "80"}
        child(root, "HealthProbe", None, probe)
        child(root, "HealthStatusBlobUri", address(world.health_address, padded))
    attributes = {
        "inSvdSeqNo": str(world.metadata.sequence),
        "createdOnTicks": str(world.metadata.ticks),
        "activityId": world.metadata.activity_id,
        "correlationId": world.metadata.correlation_id,
    }
    child(root, "InVMGoalStateMetaData", None, attributes)
    return document(root, "extensionsConfig" in world.switches.bom)


def _agent(root: Element, world: World) -> None:
    agent = child(root, "GuestAgentExtension", None, {"xmlns:i": "http://www.w3.org/2001/XMLSchema-instance"})
    families = child(agent, "GAFamilies")
    for family in world.families:
        _family(child(families, "GAFamily"), family)
    child(agent, "Location", world.identity.location)
    child(agent, "ServiceName", "CRP")


def _family(element: Element, family: AgentFamily) -> None:
    child(element, "Name", family.name)
    optional = {
        "Version": family.version,
        "FromVersion": family.from_version,
        "IsVersionFromRSM": None if family.version_from_rsm is None else boolean(family.version_from_rsm),
        "IsVMEnabledForRSMUpgrades": (
            None if family.enabled_for_rsm_upgrades is None else boolean(family.enabled_for_rsm_upgrades)
        ),
    }
    for name, text in optional.items():
        if text is not None:
            child(element, name, text)
    uris = child(element, "Uris")
    for uri in family.manifests:
        child(uris, "Uri", uri)


def _plugin(plugins: Element, extension: Extension) -> None:
    attributes = {
        "name": extension.name,
        "version": extension.version,
        "location": extension.manifest,
        "state": extension.state,
        "autoUpgrade": boolean(extension.auto_upgrade),
        "failoverlocation": extension.failover_manifest,
        "runAsStartupTask": "false",
        "isJson": "true",
        "useExactVersion": "true",
    }
    if extension.encoded_signature is not None:
        attributes["encodedSignature"] = extension.encoded_signature
    plugin = child(plugins, "Plugin", None, attributes)
    if extension.additional_locations:
        additional = child(plugin, "additionalLocations")
        for location in extension.additional_locations:
            child(additional, "additionalLocation", location)
